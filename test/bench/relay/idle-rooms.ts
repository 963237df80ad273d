/** What a room with its clients takes in the memory of a server, and whether it gives it back. */
import { setTimeout as sleep } from 'node:timers/promises'
import { inDirectory } from '../directory.ts'
import { type BenchClient, connectClient } from './bench-client.ts'
import type { BenchServer, ServerKind } from './bench-server.ts'
import { numberedUpdate } from './numbered-updates.ts'

/** What an idle process has not given back by now it keeps. */
const settleMilliseconds = 8_000
const collectMilliseconds = 4_000
const connectedMax = 2_000
/** Rooms stay for 30 s after their last user. */
const leftMilliseconds = 45_000

/**
 * What one room more takes, in kB, with its clients and a few updates in it. As many are opened before
 * the first look as between the two, for a process grows once when it first has much to do, and
 * garbage does not count.
 */
export function measureRooms(
  kind: ServerKind,
  { rooms, clients }: { rooms: number; clients: number },
): Promise<number> {
  return inDirectory(async directory => {
    const server = await collecting(() => kind.start(directory))
    const connected: BenchClient[] = []
    const openRooms = async (prefix: string): Promise<number> => {
      for (let index = 0; index < rooms; index++) {
        await openRoom(server, kind, `room:${prefix}${index}/notes`, clients, connected)
      }
      await sleep(settleMilliseconds)
      process.kill(server.pid, 'SIGUSR2')
      await sleep(collectMilliseconds)
      return server.residentBytes()
    }
    try {
      const before = await openRooms('first')
      const after = await openRooms('second')
      return (after - before) / 1024 / rooms
    } finally {
      for (const client of connected) client.end()
      await server.stop()
    }
  })
}

/** Starts a server that collects its garbage when it is told to. */
async function collecting(start: () => Promise<BenchServer>): Promise<BenchServer> {
  const before = process.env.NODE_OPTIONS
  process.env.NODE_OPTIONS = `--expose-gc --import=${new URL('./collect-on-signal.js', import.meta.url)}`
  try {
    return await start()
  } finally {
    if (before === undefined) delete process.env.NODE_OPTIONS
    else process.env.NODE_OPTIONS = before
  }
}

/** What is left of rooms that everybody has left, in MB: in use for them, and when they are gone. */
export function measureLeftRooms(
  kind: ServerKind,
  rooms: number,
): Promise<{ opened: number; left: number }> {
  return inDirectory(async directory => {
    const server = await kind.start(directory)
    const megabytes = () => server.residentBytes() / 1024 / 1024
    let connected: BenchClient[] = []
    try {
      await openRoom(server, kind, 'room:warm/notes', 2, connected)
      await sleep(settleMilliseconds)
      const before = megabytes()
      for (let index = 0; index < rooms; index++) {
        await openRoom(server, kind, `room:r${index}/notes`, 1, connected)
        // An address may have only so many connections; a room stays for a while without.
        if (connected.length > connectedMax) connected.shift()?.end()
      }
      const opened = megabytes() - before
      for (const client of connected) client.end()
      connected = []
      await sleep(leftMilliseconds)
      return { opened, left: megabytes() - before }
    } finally {
      for (const client of connected) client.end()
      await server.stop()
    }
  })
}

async function openRoom(
  { url }: BenchServer,
  { dialect }: ServerKind,
  document: string,
  clients: number,
  connected: BenchClient[],
): Promise<void> {
  for (let index = 0; index < clients; index++) {
    const client = await connectClient({ url, dialect, document })
    client.onBytes(() => undefined)
    connected.push(client)
  }
  const writer = connected.at(-1) as BenchClient
  const updates = [1, 2, 3].map(n => dialect.update(n, numberedUpdate(1, n), document))
  writer.send(updates)
}
