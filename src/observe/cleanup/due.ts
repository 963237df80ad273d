/** What of a partition is due under a rule, in batches that are small enough for one turn. */
import { timestampMilliseconds } from '../../clock/hybrid-clock.ts'
import type { LogEntry, LogPartition } from '../../partition/log/log-partition.ts'
import type { RegisterPartition } from '../../partition/register/register-partition.ts'
import type { Pacer } from './pacer.ts'

/** Keys that are deleted in one turn: some milliseconds of work. */
const keysMax = 100
/** Tombstones that are reaped, or entries that are trimmed, in one turn. */
const othersMax = 250

/** What is cleaned up. */
export type CleanedPartition = RegisterPartition | LogPartition

export interface DueKey {
  readonly key: string
  readonly value: unknown
  readonly actor: string
  readonly writer: number
  readonly timestamp: number
}

/**
 * Keys with one write, no deletion, of which `isDue` says so. Keys in conflict are not touched: that
 * is for somebody to decide.
 */
export async function* dueKeys(
  registers: RegisterPartition,
  pacer: Pacer,
  isDue: (found: DueKey) => boolean,
): AsyncIterableIterator<DueKey[]> {
  let batch: DueKey[] = []
  for (const key of registers.keys()) {
    await pacer.pause()
    const [only, other] = registers.siblings(key)
    if (only === undefined || other !== undefined) continue
    const { value, actor, writer, timestamp } = only
    const found = { key, value, actor, writer, timestamp }
    if (!isDue(found)) continue
    batch.push(found)
    if (batch.length < keysMax) continue
    yield batch
    batch = []
  }
  if (batch.length > 0) yield batch
}

/** When a value was written, or what a field of it says; undefined where that is no time. */
export function timeOf(
  { value, timestamp }: DueKey,
  field: string | undefined,
): number | undefined {
  if (field === undefined) return timestampMilliseconds(timestamp as never)
  const named = fieldOf(value, field)
  if (named instanceof Date) return named.getTime()
  return typeof named === 'number' ? named : undefined
}

export function fieldOf(value: unknown, field: string): unknown {
  if (typeof value !== 'object' || value === null || !Object.hasOwn(value, field)) return undefined
  return (value as Record<string, unknown>)[field]
}

/** Deletes what is still as it was found. @returns how many */
export function deleteFound(registers: RegisterPartition, found: readonly DueKey[]): number {
  let deleted = 0
  registers.transact(() => {
    for (const { key, writer, timestamp } of found) {
      const [only, other] = registers.siblings(key)
      const same = only?.writer === writer && only.timestamp === timestamp && !other
      if (same && registers.delete(key)) deleted += 1
    }
  })
  return deleted
}

export async function* dueTombstones(
  registers: RegisterPartition,
  pacer: Pacer,
  before: number,
): AsyncIterableIterator<string[]> {
  let batch: string[] = []
  for (const [key, timestamp] of registers.tombstones()) {
    await pacer.pause()
    if (timestampMilliseconds(timestamp as never) >= before) continue
    batch.push(key)
    if (batch.length < othersMax) continue
    yield batch
    batch = []
  }
  if (batch.length > 0) yield batch
}

/** The next entries that may go; asked again after they went. */
export function dueEntries(log: LogPartition, before: number): LogEntry<unknown>[] {
  return log.trimmable(before, othersMax)
}

/** When a partition was written last, in milliseconds since the epoch; undefined if it is empty. */
export async function lastWritten(
  partition: CleanedPartition,
  pacer: Pacer,
): Promise<number | undefined> {
  if ('append' in partition) {
    const [last] = partition.entries({ reverse: true, limit: 1 })
    return last && timestampMilliseconds(last.timestamp as never)
  }
  let latest: number | undefined
  for (const key of partition.keys()) {
    await pacer.pause()
    for (const { timestamp } of partition.siblings(key)) {
      latest = Math.max(latest ?? 0, timestampMilliseconds(timestamp as never))
    }
  }
  return latest
}
