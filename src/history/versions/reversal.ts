/** Rollbacks and undos, and which writes they had not seen. */
import { type AuditChange, entryId } from '../audit/audit-record.ts'
import { derivesFrom } from './change-graph.ts'
import type { PastReader } from './past-reader.ts'
import type { LoggedReversal } from './version-store.ts'

/** A rollback or an undo. */
export interface Reversal<Value = unknown> extends LoggedReversal {
  /** The writes that it had not seen and that are not built on it: they stand as they are. */
  readonly concurrent: readonly AuditChange<Value>[]
}

/**
 * Whether a change is concurrent with a reversal. For a key that the reversal wrote that is exact:
 * it had not seen the change, and the change is not built on it. For another key it is known only
 * of changes with earlier stamps; a later one is as good as made afterwards.
 */
export function isConcurrent<Value>(
  reversal: LoggedReversal,
  change: AuditChange<Value>,
  past: PastReader<Value>,
): boolean {
  const { write, seen, keys } = reversal
  if (write?.writer === change.writer && write.timestamp === change.timestamp) return false
  if (change.clock < (seen.get(change.writer) ?? 0)) return false
  if (write === undefined || !keys.includes(change.key)) {
    return change.timestamp < (write?.timestamp ?? reversal.timestamp)
  }
  const { key } = change
  const own = entryId(key, write)
  return !derivesFrom(past.of(key), entryId(key, change), id => id === own)
}

export function concurrentWith<Value>(
  reversal: LoggedReversal,
  past: PastReader<Value>,
): AuditChange<Value>[] {
  const changes = past.index.all() as readonly AuditChange<Value>[]
  return changes.filter(change => isConcurrent(reversal, change, past))
}
