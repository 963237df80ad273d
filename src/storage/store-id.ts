/**
 * The name of a store for as long as it exists, through restarts and crashes: two acks of one store
 * are one copy. What it lost on the way, its generation tells; see `Incarnation`.
 */
import { type RandomSource, randomId } from '../base/random.ts'
import type { Storage } from './storage.ts'

const recordKey = 'store'

/**
 * The id of a store, drawn and recorded durably when it is asked for first.
 *
 * @throws STORAGE_UNAVAILABLE, CLOSED
 */
export async function openStoreId(storage: Storage, random: RandomSource): Promise<string> {
  const stored = (await storage.records(recordKey)).get(recordKey)
  if (stored !== undefined) return new TextDecoder().decode(stored)
  const id = randomId(random)
  await storage.writeRecord(recordKey, new TextEncoder().encode(id))
  return id
}
