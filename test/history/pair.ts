/** Two replicas, or more, that can be told apart and brought in step, for the tests of history. */
import type { Replica } from '../../src/index.ts'
import { type Fleet, startFleet } from '../replica/fleet.ts'

export const seconds: { timeoutMilliseconds: number } = { timeoutMilliseconds: 30_000 }

export interface Pair {
  readonly fleet: Fleet
  readonly ann: Replica
  readonly bob: Replica
}

export async function startPair(): Promise<Pair> {
  const fleet = await startFleet()
  return { fleet, ann: await fleet.open('ann'), bob: await fleet.open('bob') }
}

/** Everybody has everything that anybody has written. */
export async function settle(...replicas: Replica[]): Promise<void> {
  for (const replica of replicas) replica.connect()
  for (const replica of replicas) await replica.flush(seconds)
  for (const replica of replicas) await replica.synced(seconds)
}

/** Runs `fn` while the replicas do not see each other, then brings them in step. */
export async function apart(replicas: Replica[], fn: () => void): Promise<void> {
  for (const replica of replicas) replica.disconnect()
  fn()
  await settle(...replicas)
}
