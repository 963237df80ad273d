/** What it costs a server that somebody joins a large document, in milliseconds of its CPU. */
import { setTimeout as sleep } from 'node:timers/promises'
import { fileURLToPath } from 'node:url'
import { inDirectory } from '../directory.ts'
import { Skip } from '../figure.ts'
import { type BenchClient, connectClient } from './bench-client.ts'
import {
  type BenchServer,
  oursUnread,
  plainWs,
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
const joins = 10
const joinsAtOnce = 20
/** Each with a join behind it: one alone says little. */
const changes = 5

export interface JoinCosts {
  /** By somebody who has nothing. */
  join: number
  /** Each just after another entry was written. */
  afterChange: number
  /** The first one after a restart, of a document that was in use before it. */
  afterRestart: number
  /** The same where it was not in use, and has to be read for it. */
  unread: number
  /** The first time that LevelDB alone reads as much, and `ws` sends it. */
  stored: number
  /** By each of twenty who come at once. */
  atOnce: number
  /** By somebody who lacks the last ten entries. */
  tenBehind: number
  /** Of the document as it is sent. */
  bytes: number
}

export function measureJoins(kind: ServerKind): Promise<JoinCosts> {
  pin(process.pid, loadCore)
  return inDirectory(async directory => {
    let server = await kind.start(directory)
    try {
      await write(server, kind, 1, entries)
      // The first to join has to wait for what is prepared for all.
      await join(server, kind)
      // Compactions pause for four times as long as they take.
      await untilIdle(server, 40)
      let bytes = 0
      const joined = await cost(server, joins, async () => {
        bytes = await join(server, kind)
      })
      const atOnce =
        (await cost(server, 1, () => Promise.all(times(joinsAtOnce, () => join(server, kind))))) /
        joinsAtOnce
      const tenBehind = await cost(server, joins, () => join(server, kind, entries - 10))
      let afterChange = 0
      for (let entry = entries + 1; entry <= entries + changes; entry++) {
        await write(server, kind, entry, entry)
        afterChange += (await cost(server, 1, () => join(server, kind))) / changes
      }
      await untilIdle(server, 40)
      await server.stop('SIGTERM')
      server = await kind.start(directory)
      const afterRestart = await firstJoin(server, kind)
      await server.stop('SIGTERM')
      server = await oursUnread.start(directory)
      const unread = await firstJoin(server, kind)
      await server.stop('SIGTERM')
      server = await startStored(directory)
      await readStored(server, '')
      await untilIdle(server)
      const stored = await cost(server, 1, () => readStored(server, document))
      return { join: joined, atOnce, afterChange, afterRestart, unread, stored, tenBehind, bytes }
    } finally {
      await server.stop()
    }
  })
}

/** The first join of a server that was just started. */
async function firstJoin(server: BenchServer, kind: ServerKind): Promise<number> {
  // A process that has never served anybody has its code to compile first; so has that of `ws`.
  await join(server, kind, 0, 'room:small/notes')
  await untilIdle(server)
  return cost(server, 1, () => join(server, kind))
}

/** What sending that many bytes costs `ws` alone. */
export function measurePlainSend(bytes: number): Promise<number> {
  return inDirectory(async directory => {
    const server = await plainWs.start(directory)
    const question = Buffer.alloc(4)
    question.writeUInt32BE(bytes)
    const send = async () => {
      const client = await connectClient({ url: server.url, dialect: plainWs.dialect, document })
      client.send([question])
      await received(client, bytes)
    }
    try {
      await send()
      return await cost(server, joins, send)
    } finally {
      await server.stop()
    }
  })
}

function startStored(directory: string): Promise<BenchServer> {
  const script = fileURLToPath(new URL('./stored-ws-server.js', import.meta.url))
  return startScript(script, { args: [relayData(directory), document] })
}

async function readStored({ url }: BenchServer, name: string): Promise<void> {
  const client = await connectClient({ url, dialect: plainWs.dialect, document })
  const splitter = new MessageSplitter()
  const ended = new Promise<void>(resolve => {
    client.onBytes(chunk => {
      if (splitter.push(chunk).some(message => message.equals(Buffer.from('end')))) resolve()
    })
  })
  client.send([Buffer.from(name)])
  await ended
  client.end()
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
): Promise<number> {
  const before = server.cpuSeconds()
  for (let left = times; left > 0; left--) await work()
  return ((server.cpuSeconds() - before) * 1000) / times
}

function times<Result>(count: number, make: () => Result): Result[] {
  return Array.from({ length: count }, make)
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

async function received(client: BenchClient, bytes: number): Promise<void> {
  const splitter = new MessageSplitter()
  await new Promise<void>(resolve => {
    client.onBytes(chunk => {
      if (splitter.push(chunk).some(({ length }) => length === bytes)) resolve()
    })
  })
  client.end()
}

/** The state vector of somebody who has the writer's first entries, as Yjs encodes it. */
function vector(known: number): Uint8Array {
  if (known === 0) return Uint8Array.of(0)
  const bytes = [1, 1]
  let rest = known
  for (; rest >= 0x80; rest >>>= 7) bytes.push((rest & 0x7f) | 0x80)
  return Uint8Array.from([...bytes, rest])
}
