/** Updates that become durable: how many a second, and how long each takes. */
import { inDirectory } from '../directory.ts'
import { AckedWriter } from './acked-writer.ts'
import { type BenchServer, ours } from './bench-server.ts'
import { loadCore, pin } from './process-usage.ts'
import { quantile } from './quantile.ts'

export interface IngestOptions {
  documents: number
  updates: number
  /** Updates under way at a time, over all documents. */
  inFlight: number
  /** Sends every update as a message of its own. */
  singly?: boolean
}

/** Durable updates a second. */
export function measureIngest(options: IngestOptions): Promise<number> {
  return withRelay(server => ingest(server, options))
}

export interface PacedOptions {
  updatesPerSecond: number
  seconds: number
}

/** At the same pace, but not counted: a process that has just started compiles its code. */
export const warmupSeconds = 1

/** The time from sending an update to its durable ack, in milliseconds. */
export function measureAcks(options: PacedOptions): Promise<{ p50: number; p99: number }> {
  return withRelay(({ url }) => measureAcksAt(url, options))
}

function withRelay<Result>(work: (server: BenchServer) => Promise<Result>): Promise<Result> {
  pin(process.pid, loadCore)
  return inDirectory(async directory => {
    const server = await ours.start(directory)
    try {
      return await work(server)
    } finally {
      await server.stop()
    }
  })
}

async function ingest(
  { url }: BenchServer,
  { documents, updates, inFlight, singly = false }: IngestOptions,
): Promise<number> {
  const each = Math.ceil(updates / documents)
  const window = Math.ceil(inFlight / documents)
  let unfinished = documents
  let finish = (): void => undefined
  const finished = new Promise<void>(resolve => {
    finish = resolve
  })
  const fill = (writer: AckedWriter): void => {
    const count = Math.min(each, writer.acked + window) - writer.sent
    if (count > 0) singly ? writer.sendSingly(count) : writer.send(count)
    if (writer.acked === each) {
      unfinished -= 1
      if (unfinished === 0) finish()
    }
  }
  const writers: AckedWriter[] = []
  for (let index = 0; index < documents; index++) {
    const document = `room:ingest-${index}/notes`
    const writer = await AckedWriter.connect({ url, document, clientID: index + 1, onAck: fill })
    writers.push(writer)
  }
  const start = performance.now()
  for (const writer of writers) fill(writer)
  await finished
  const seconds = (performance.now() - start) / 1000
  for (const writer of writers) writer.end()
  return (each * documents) / seconds
}

/** The same, of a relay that runs. */
export async function measureAcksAt(
  url: string,
  { updatesPerSecond, seconds, clientID = 1 }: PacedOptions & { clientID?: number },
): Promise<{ p50: number; p99: number }> {
  const warmup = updatesPerSecond * warmupSeconds
  const total = warmup + updatesPerSecond * seconds
  const sentAt = new Float64Array(total + 1)
  const latencies: number[] = []
  const onAck = ({ acked }: AckedWriter): void => {
    const now = performance.now()
    for (let number = latencies.length + 1; number <= acked; number++) {
      latencies.push(now - (sentAt[number] as number))
    }
  }
  const writer = await AckedWriter.connect({
    url,
    document: `room:paced-${clientID}/notes`,
    clientID,
    onAck,
  })
  await atPace(updatesPerSecond, total, count => {
    const now = performance.now()
    for (let index = 1; index <= count; index++) sentAt[writer.sent + index] = now
    writer.send(count)
  })
  while (writer.acked < total) await nextTurn()
  writer.end()
  const warm = latencies.slice(warmup)
  return { p50: quantile(warm, 0.5), p99: quantile(warm, 0.99) }
}

/** Calls `send` with how many are due, about every millisecond, until `total` have been sent. */
export async function atPace(
  perSecond: number,
  total: number,
  send: (count: number) => void,
): Promise<void> {
  const start = performance.now()
  for (let sent = 0; sent < total; ) {
    const due = Math.min(total, Math.floor(((performance.now() - start) / 1000) * perSecond))
    if (due > sent) send(due - sent)
    sent = Math.max(sent, due)
    await nextTurn()
  }
}

function nextTurn(): Promise<void> {
  return new Promise(resolve => setTimeout(resolve, 1))
}
