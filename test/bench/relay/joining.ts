/** What it costs a server that somebody joins a large document, in milliseconds of its CPU. */
import { writeFile } from 'node:fs/promises'
import path from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { fileURLToPath } from 'node:url'
import { inDirectory } from '../directory.ts'
import { Skip } from '../figure.ts'
import { type BenchClient, connectClient } from './bench-client.ts'
import {
  type BenchServer,
  oursUnread,
  plainWs,
  plainWsScript,
  relayData,
  type ServerKind,
  startScript,
} from './bench-server.ts'
import { numberedUpdate } from './numbered-updates.ts'
import { loadCore, pin } from './process-usage.ts'
import { MessageSplitter } from './raw-socket.ts'

/** 100,000 entries of about 100 bytes. */
const entries = 100_000
const padding = 'x'.repeat(65)
const document = 'room:large/notes'
const smallDocument = 'room:small/notes'
const smallBytes = 100
const joins = 10
const joinsAtOnce = 20
const joinsBefore = 1_000
/** Each with a join behind it: one alone says little. */
const changes = 5

export interface JoinCosts {
  /** By somebody who has nothing. */
  join: number
  /** By each of twenty who come at once. */
  atOnce: number
  /** Each just after another entry was written. */
  afterChange: number
  /** The first one after a restart, of a document that was in use before it. */
  afterRestart: number
  /** The same where it was not in use, and has to be read for it. */
  unread: number
  /** By somebody who lacks the last ten entries. */
  tenBehind: number
  /** What `ws` alone pays for as many bytes. */
  plain: SendCosts
}

export interface SendCosts {
  send: number
  /** To each of twenty who ask at once. */
  atOnce: number
  /** For the first time after a start, from memory. */
  afterStart: number
  /** The same, read by LevelDB first. */
  stored: number
}

/** Each cost of `ws` is taken right after that of the server: the machine is not always as fast. */
export function measureJoins(kind: ServerKind): Promise<JoinCosts> {
  pin(process.pid, loadCore)
  return inDirectory(async directory => {
    const servers: BenchServer[] = []
    const started = async (starting: Promise<BenchServer>): Promise<BenchServer> => {
      const server = await starting
      servers.push(server)
      return server
    }
    try {
      const server = await started(kind.start(directory))
      const ws = await started(plainWs.start(directory))
      await write(server, kind, 1, entries)
      // The first to join has to wait for what is prepared for all.
      const bytes = await join(server, kind)
      await plainSend(ws, bytes)
      // Servers that run have served many: the code of both is compiled, and not part of the figure.
      await repeated(joinsBefore, () => join(server, kind, 0, smallDocument))
      await repeated(joinsBefore, () => plainSend(ws, smallBytes))
      // Compactions pause for four times as long as they take.
      await untilIdle(server, 40)
      const joined = await steadyCost(server, joins, () => join(server, kind))
      const send = await steadyCost(ws, joins, () => plainSend(ws, bytes))
      const joinedAtOnce = await costAtOnce(server, () => join(server, kind))
      const atOnce = await costAtOnce(ws, () => plainSend(ws, bytes))
      const tenBehind = await steadyCost(server, joins, () => join(server, kind, entries - 10))
      let afterChange = 0
      for (let entry = entries + 1; entry <= entries + changes; entry++) {
        await write(server, kind, entry, entry)
        // Without a pause, in which a compaction of what has changed may begin.
        afterChange += (await cost(server, 1, () => join(server, kind), 0)) / changes
      }
      await untilIdle(server, 40)
      await server.stop('SIGTERM')
      const again = await started(kind.start(directory))
      const afterRestart = await firstCost(again, name => join(again, kind, 0, name))
      await again.stop('SIGTERM')
      const holding = await started(startHolding(directory, bytes))
      const afterStart = await firstCost(holding, name =>
        plainSend(holding, name === document ? bytes : smallBytes),
      )
      const unready = await started(oursUnread.start(directory))
      const unread = await firstCost(unready, name => join(unready, kind, 0, name))
      await unready.stop('SIGTERM')
      const reading = await started(startStored(directory))
      const stored = await firstCost(reading, name => readStored(reading, name))
      const plain = { send, atOnce, afterStart, stored }
      return {
        join: joined,
        atOnce: joinedAtOnce,
        afterChange,
        afterRestart,
        unread,
        tenBehind,
        plain,
      }
    } finally {
      for (const server of servers) await server.stop()
    }
  })
}

/** The cost of the first join, or what stands for it, of a server that was just started. */
async function firstCost(
  server: BenchServer,
  join: (document: string) => Promise<unknown>,
): Promise<number> {
  // A process that has never served anybody has its code to compile first.
  await join(smallDocument)
  await untilIdle(server)
  return cost(server, 1, () => join(document))
}

/** `ws` alone, with so many bytes in memory that it has never sent. */
async function startHolding(directory: string, bytes: number): Promise<BenchServer> {
  const file = path.join(directory, 'held')
  await writeFile(file, Buffer.alloc(bytes, 1))
  return startScript(plainWsScript, { args: [file] })
}

/** Has `ws` alone send so many bytes. */
async function plainSend({ url }: BenchServer, bytes: number): Promise<void> {
  const question = Buffer.alloc(4)
  question.writeUInt32BE(bytes)
  const client = await connectClient({ url, dialect: plainWs.dialect, document })
  await answered(client, question, ({ length }) => length === bytes)
}

function startStored(directory: string): Promise<BenchServer> {
  const script = fileURLToPath(new URL('./stored-ws-server.js', import.meta.url))
  return startScript(script, { args: [relayData(directory), document] })
}

async function readStored({ url }: BenchServer, name: string): Promise<void> {
  const client = await connectClient({ url, dialect: plainWs.dialect, document })
  const question = Buffer.from(name === document ? name : '')
  await answered(client, question, message => message.equals(Buffer.from('end')))
}

/** Sends a message; resolves when the answer has come and the socket is closed. */
async function answered(
  client: BenchClient,
  question: Buffer,
  isLast: (message: Buffer) => boolean,
): Promise<void> {
  const splitter = new MessageSplitter()
  const arrived = new Promise<void>(resolve => {
    client.onBytes(chunk => {
      if (splitter.push(chunk).some(isLast)) resolve()
    })
  })
  client.send([question])
  await arrived
  client.end()
  await client.closed
}

/** Waits until a server has done what it puts off, such as a compaction. */
async function untilIdle(server: BenchServer, looks: number = 10): Promise<void> {
  for (let quiet = 0; quiet < looks; ) {
    const before = server.cpuSeconds()
    await sleep(250)
    quiet = server.cpuSeconds() - before < 0.02 ? quiet + 1 : 0
  }
}

/** The milliseconds of CPU that a server spends on each of some calls. */
async function cost(
  server: BenchServer,
  times: number,
  work: () => Promise<unknown>,
  pauseMilliseconds: number = 150,
): Promise<number> {
  const before = server.cpuSeconds()
  await repeated(times, work)
  // What a server puts off belongs to it: what it does when a client has left, and its log.
  await sleep(pauseMilliseconds)
  return ((server.cpuSeconds() - before) * 1000) / times
}

/**
 * The same of calls that follow others: behind a pause the first one fetches memory again that the
 * kernel, or the host of a virtual machine, took back meanwhile, which costs `ws` five times a send, too.
 */
async function steadyCost(
  server: BenchServer,
  times: number,
  work: () => Promise<unknown>,
): Promise<number> {
  await repeated(3, work)
  return cost(server, times, work)
}

/** The same of calls that come together. */
async function costAtOnce(server: BenchServer, work: () => Promise<unknown>): Promise<number> {
  const together = () => Promise.all(Array.from({ length: joinsAtOnce }, work))
  return (await steadyCost(server, 1, together)) / joinsAtOnce
}

async function repeated(times: number, work: () => Promise<unknown>): Promise<void> {
  for (let left = times; left > 0; left--) await work()
}

/** Writes entries of the one writer there is; resolves when others can see them. */
async function write(
  { url }: BenchServer,
  { dialect }: ServerKind,
  first: number,
  last: number,
): Promise<void> {
  const open = () => connectClient({ url, dialect, document, stateVector: vector(first - 1) })
  const reader = await open()
  const writer = await open()
  writer.onBytes(() => undefined)
  const arrived = new Promise<void>((resolve, reject) => {
    const wanted = Buffer.from(`#${String(last).padStart(8, '0')};`)
    let tail: Buffer = Buffer.alloc(0)
    reader.onBytes(bytes => {
      const all = Buffer.concat([tail, bytes])
      if (all.includes(wanted)) resolve()
      tail = Buffer.from(all.subarray(-wanted.length))
    })
    void reader.closed.then(() => reject(new Skip('the server has closed the reader')))
  })
  let seq = 0
  for (let next = first; next <= last; ) {
    const messages: Uint8Array[] = []
    for (; messages.length < 500 && next <= last; next++) {
      seq += 1
      messages.push(dialect.update(seq, numberedUpdate(1, next, padding), document))
    }
    writer.send(messages)
    while (writer.waiting > 100_000) await sleep(1)
  }
  await arrived
  writer.end()
  reader.end()
}

/** Joins with the first `known` entries; answers how many bytes came. */
async function join(
  { url }: BenchServer,
  { dialect }: ServerKind,
  known = 0,
  name: string = document,
): Promise<number> {
  let bytes = 0
  const client = await connectClient({
    url,
    dialect,
    document: name,
    stateVector: vector(known),
    onMessage: message => {
      bytes += message.length
    },
  })
  client.end()
  await client.closed
  return bytes
}

/** The state vector of somebody who has the writer's first entries, as Yjs encodes it. */
function vector(known: number): Uint8Array {
  if (known === 0) return Uint8Array.of(0)
  const bytes = [1, 1]
  let rest = known
  for (; rest >= 0x80; rest >>>= 7) bytes.push((rest & 0x7f) | 0x80)
  return Uint8Array.from([...bytes, rest])
}
