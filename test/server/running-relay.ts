/** A relay in this process, on a real port, that ends with its test. */
import { onTestFinished } from 'vitest'
import { type ListenOptions, listen, type RelayServer } from '../../server/http-server.ts'
import { createRelay, type Relay } from '../../server/relay.ts'
import type { RelayEvent, RelayOptions } from '../../server/relay-options.ts'
import { seededRandom } from '../../src/base/random.ts'
import { createMemoryStorage } from '../../src/storage/memory-storage.ts'

export interface RunningRelay {
  readonly url: string
  readonly relay: Relay
  readonly server: RelayServer
  /** What it told so far. */
  readonly events: readonly RelayEvent[]
}

/** Limits for time that stands still, without the links being taken for dead. */
export const standingStill = {
  deadMilliseconds: 1e9,
  pingMilliseconds: 1e9,
  keepAliveMilliseconds: 1e9,
} as const

/** By default on a storage in memory. */
export async function runningRelay(
  options: Partial<RelayOptions> = {},
  listening: ListenOptions = {},
): Promise<RunningRelay> {
  const events: RelayEvent[] = []
  const relay = await createRelay({
    storage: createMemoryStorage(),
    random: seededRandom(1),
    ...options,
    onEvent: event => events.push(event),
  })
  const server = await listen(relay, { port: 0, ...listening })
  onTestFinished(() => server.close())
  return { url: server.url, relay, server, events }
}
