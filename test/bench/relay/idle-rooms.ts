/** What a room with its clients takes in the memory of a server, and whether it gives it back. */
import { setTimeout as sleep } from 'node:timers/promises'
import { inDirectory } from '../directory.ts'
import { type BenchClient, connectClient } from './bench-client.ts'
import type { BenchServer, ServerKind } from './bench-server.ts'
import { numberedUpdate } from './numbered-updates.ts'

/** What an idle process has not given back by now it keeps. */
const settleMilliseconds = 6_000

/** In kB a room, with its clients and a few updates in it. */
export function measureRooms(
  kind: ServerKind,
  { rooms, clients }: { rooms: number; clients: number },
): Promise<number> {
  return inDirectory(async directory => {
    const server = await kind.start(directory)
    const connected: BenchClient[] = []
    try {
      await openRoom(server, kind, 'room:warm/notes', clients, connected)
      await sleep(settleMilliseconds)
      const before = server.residentBytes()
      for (let index = 0; index < rooms; index++) {
        await openRoom(server, kind, `room:r${index}/notes`, clients, connected)
      }
      await sleep(settleMilliseconds)
      return (server.residentBytes() - before) / 1024 / rooms
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
