/** Takes the tombstones of deletions away, and leaves a floor that stands for them. */
import { timestampMilliseconds } from '../../clock/hybrid-clock.ts'
import type { PartitionHost } from '../partition-host.ts'
import { type Entry, entryOf, rowName } from './register-entry.ts'
import type { RegisterView } from './register-view.ts'
import { nextFloor, type TombstoneFloor } from './tombstone-floor.ts'

/** What `RegisterPartition.reap` does and returns. */
export function reapTombstones(
  view: RegisterView,
  { doc, actor, time }: PartitionHost,
  keys: Iterable<string>,
  before: number,
): number {
  const limit = Math.min(before, time.now())
  const reapedKeys = [...new Set(keys)].flatMap(key => {
    const found = view.tombstones(key)
    return found.every(({ timestamp }) => timestampMilliseconds(timestamp) < limit) ? [found] : []
  })
  const reaped = reapedKeys.flat()
  if (reaped.length === 0) return 0
  const next = nextFloor(doc, view.floorsOf(doc.clientID), reaped, actor)
  const disputed = next.replaced ? disputedUnder(next.replaced, view, doc.clientID) : []
  if (disputed === undefined) return 0
  doc.transact(() => {
    for (const [row, tombstone] of disputed) view.map.set(row, tombstone)
    for (const { item } of reaped) view.map.delete(item.parentSub as string)
    view.floorMap.set(next.row, next.content)
  })
  return reapedKeys.filter(({ length }) => length > 0).length
}

/**
 * What has come in under a floor of ours is not covered by the one after it, so that it gets a
 * tombstone again. Undefined where there is no place for that, beside a write of our own.
 */
function disputedUnder(
  floor: TombstoneFloor,
  view: RegisterView,
  writer: number,
): [row: string, tombstone: unknown][] | undefined {
  const disputed: [string, unknown][] = []
  for (const key of view.underFloor) {
    const entries = view.entries(key)
    if (!entries.some(entry => entry.floor === floor)) continue
    const row = rowName(key, writer)
    if (view.map.has(row)) return undefined
    const { timestamp, actor } = entries.find(({ reaped }) => reaped) as Entry
    disputed.push([row, entryOf(undefined, timestamp, actor)])
  }
  return disputed
}
