/** Replicas and a relay in one process, over the in-memory transport, that end with their test. */
import { onTestFinished } from 'vitest'
import { createRelay, type Relay } from '../../server/relay.ts'
import type { RelayOptions } from '../../server/relay-options.ts'
import {
  createMemoryNetwork,
  createMemoryStorage,
  openReplica,
  type Replica,
  type ReplicaOptions,
  type Storage,
} from '../../src/index.ts'
import { subprotocol } from '../../src/protocol/frame.ts'
import type { Link } from '../../src/transport/transport.ts'

export const address = 'memory:relay'

export interface Fleet {
  readonly relay: Relay
  /** Opens a replica that dials the relay, on a storage in memory unless another is given. */
  open(actor: string, options?: Partial<ReplicaOptions>): Promise<Replica>
  /** Breaks every link, as a network would. */
  cut(): void
  /** Ends the relay and starts another one on the same storage, or on the one given. */
  restartRelay(storage?: Storage, options?: Partial<RelayOptions>): Promise<void>
}

export async function startFleet(options: Partial<RelayOptions> = {}): Promise<Fleet> {
  const network = createMemoryNetwork()
  const links = new Set<Link>()
  const replicas: Replica[] = []
  let storage = options.storage ?? createMemoryStorage()
  let relay = await createRelay({ ...options, storage })
  network.listen(address, link => {
    links.add(link)
    relay.accept(link, { path: '/', subprotocol })
  })
  onTestFinished(async () => {
    for (const replica of replicas) await replica.close()
    await relay.close()
  })
  return {
    get relay() {
      return relay
    },
    async open(actor, replicaOptions = {}) {
      const replica = await openReplica({
        actor,
        storage: createMemoryStorage(),
        relay: address,
        transport: network,
        ...replicaOptions,
      })
      replicas.push(replica)
      return replica
    },
    cut() {
      for (const link of links) link.close(1001, 'cut')
      links.clear()
    },
    async restartRelay(next = storage, more = {}) {
      await relay.close()
      storage = next
      relay = await createRelay({ ...options, ...more, storage })
    },
  }
}
