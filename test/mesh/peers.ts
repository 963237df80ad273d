/** Replicas that know one another, for tests: over real sockets, on storages of the test's. */
import { onTestFinished } from 'vitest'
import {
  createMemoryStorage,
  definePartition,
  openReplica,
  type PartitionDefinition,
  type Replica,
  type ReplicaOptions,
  room,
  type Scope,
} from '../../src/index.ts'

export const Notes: PartitionDefinition<string, 'last-write-wins'> = definePartition<
  string,
  'last-write-wins'
>({
  name: 'notes',
  policy: 'last-write-wins',
})
export const scope: Scope = room('r1')
export const seconds = { timeoutMilliseconds: 30_000 }

/** Opens a replica that listens on a free port, and is closed when the test ends. */
export async function openPeer(
  actor: string,
  options: Partial<ReplicaOptions> = {},
): Promise<Replica> {
  const replica = await openReplica({
    actor,
    storage: createMemoryStorage(),
    listen: { port: 0 },
    ...options,
  })
  onTestFinished(() => replica.close())
  return replica
}

/** The stores that a replica is linked with. */
export function linked(replica: Replica): string[] {
  return replica.status.peers.flatMap(({ state, store }) =>
    state === 'linked' && store !== undefined ? [store] : [],
  )
}
