/** Works out what a partition would be without what one actor has changed since a time. */
import { type AuditChange, entryId } from '../audit/audit-record.ts'
import { builtOn, entriesWithout } from './change-graph.ts'
import { isKnown, type PastReader, timestampFrom } from './past-reader.ts'
import { diffViews, type KeyDifference } from './view-diff.ts'

export interface UndoPlan<Value = unknown> {
  /** What becomes of the keys. */
  readonly changes: readonly KeyDifference<Value>[]
  /** The changes that are taken back, the oldest first. */
  readonly undone: readonly AuditChange<Value>[]
  /** What others have written over them, having seen them: it stays. */
  readonly derived: readonly AuditChange<Value>[]
  /** Keys whose value from before is not known any more: they stay as they are. */
  readonly unknown: readonly string[]
}

/** @throws HISTORY_TRIMMED */
export function planUndo<Value>(
  actor: string,
  since: number,
  past: PastReader<Value>,
): UndoPlan<Value> {
  past.checkKept(since)
  const from = timestampFrom(since)
  const all = past.index.all() as readonly AuditChange<Value>[]
  const undone = all.filter(change => change.actor === actor && change.timestamp >= from)
  const ids = new Set(undone.map(change => entryId(change.key, change)))
  const isUndone = (id: string) => ids.has(id)
  const parts = [...new Set(undone.map(({ key }) => key))].map(key => {
    return planKey(key, isUndone, past)
  })
  return Object.freeze({
    undone,
    changes: parts.flatMap(({ changes }) => changes),
    derived: parts.flatMap(({ derived }) => derived),
    unknown: parts.flatMap(({ unknown }) => unknown),
  })
}

function planKey<Value>(
  key: string,
  isUndone: (id: string) => boolean,
  past: PastReader<Value>,
): Omit<UndoPlan<Value>, 'undone'> {
  const graph = past.of(key)
  const changes = past.index.of(key) as readonly AuditChange<Value>[]
  const undone = changes.map(change => entryId(key, change)).filter(isUndone)
  const built = builtOn(key, past.index, undone)
  const derived = changes.filter(change => built.has(change) && !isUndone(entryId(key, change)))
  const standing = past.registers.siblings(key).map(entry => entryId(key, entry))
  if (!standing.some(isUndone)) return { changes: [], derived, unknown: [] }
  const without = entriesWithout(graph, standing, isUndone)
  // Nobody knows what a change has replaced that was recorded only afterwards.
  const adopted = changes.some(change => change.adopted && isUndone(entryId(key, change)))
  if (adopted || !isKnown(without)) return { changes: [], derived, unknown: [key] }
  const after = past.read(without)
  const now = { keys: () => [key], get: () => past.registers.get(key) }
  return { changes: diffViews(now, { keys: () => [key], get: () => after }), derived, unknown: [] }
}
