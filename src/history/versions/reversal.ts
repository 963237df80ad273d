/** Rollbacks and undos, and which writes they had not seen. */
import { sameSibling } from '../../partition/policy/policy.ts'
import type { AuditIndex } from '../audit/audit-index.ts'
import { type AuditChange, type EntryName, entryId } from '../audit/audit-record.ts'
import { builtOn } from './change-graph.ts'
import type { LoggedReversal } from './version-store.ts'

/** A rollback or an undo. */
export interface Reversal<Value = unknown> extends LoggedReversal {
  /** The writes that it had not seen and that are not built on it: they stand as they are. */
  readonly concurrent: readonly AuditChange<Value>[]
}

/**
 * The changes that are concurrent with a reversal, the oldest first. For a key that the reversal
 * wrote that is exact: it had not seen the change, and the change is not built on it. For another
 * key it is known only of changes with earlier stamps; a later one is as good as made afterwards.
 */
export function concurrentWith(reversal: LoggedReversal, index: AuditIndex): AuditChange[] {
  const { write, keys } = reversal
  const timestamp = write?.timestamp ?? reversal.timestamp
  const written = new Set(write === undefined ? [] : keys)
  const found = [...written].flatMap(key => concurrentOf(key, reversal, index))
  for (const change of index.all()) {
    if (change.timestamp >= timestamp) break
    if (!written.has(change.key) && !isSeen(change, reversal)) found.push(change)
  }
  return found.sort((a, b) => a.timestamp - b.timestamp)
}

/** Whether one change is among those. */
export function isConcurrent(
  change: AuditChange,
  reversal: LoggedReversal,
  index: AuditIndex,
): boolean {
  const { write, keys } = reversal
  if (isSeen(change, reversal)) return false
  if (write !== undefined && keys.includes(change.key)) {
    return concurrentOf(change.key, reversal, index).includes(change)
  }
  return change.timestamp < (write?.timestamp ?? reversal.timestamp)
}

/** Of a key that the reversal wrote. */
function concurrentOf(key: string, reversal: LoggedReversal, index: AuditIndex): AuditChange[] {
  const own = reversal.write as EntryName
  const after = builtOn(key, index, [entryId(key, own)])
  return index.of(key).filter(change => {
    return !isSeen(change, reversal) && !sameSibling(change, own) && !after.has(change)
  })
}

function isSeen({ writer, clock }: AuditChange, { seen }: LoggedReversal): boolean {
  return clock < (seen.get(writer) ?? 0)
}
