/**
 * What the records of a key tell about its past: which entries stood side by side at a time, and
 * which change was built on which.
 */
import { compareSiblings } from '../../partition/policy/policy.ts'
import type { AuditIndex } from '../audit/audit-index.ts'
import { type AuditChange, entryId, type ReplacedEntry } from '../audit/audit-record.ts'

/** An entry of a key, from a record, from what a record replaced, or from the state. */
export interface PastEntry extends ReplacedEntry {
  /** Whether its value is known. */
  readonly kept: boolean
}

export interface KeyPast {
  /** Every entry that is known of the key, by its id. */
  readonly entries: ReadonlyMap<string, PastEntry>
  /** What replaced an entry, by the id of the entry: ids of changes. */
  readonly replacedBy: ReadonlyMap<string, readonly string[]>
  /** What a change replaced, by the id of the change: ids of entries. */
  readonly replaced: ReadonlyMap<string, readonly string[]>
}

/** @param current the entries of the key as they stand now */
export function pastOf(key: string, index: AuditIndex, current: readonly ReplacedEntry[]): KeyPast {
  const entries = new Map<string, PastEntry>()
  const replacedBy = new Map<string, string[]>()
  const replaced = new Map<string, string[]>()
  const note = (entry: ReplacedEntry, kept: boolean): string => {
    const id = entryId(key, entry)
    if (kept || !entries.has(id)) entries.set(id, { ...entry, kept })
    return id
  }
  for (const entry of current) note(entry, true)
  for (const change of index.of(key)) {
    const id = note(change, change.kept || change.deleted)
    const saw = change.replaced.map(entry => note(entry, change.kept || entry.deleted))
    replaced.set(id, saw)
    for (const other of saw) replacedBy.set(other, [...(replacedBy.get(other) ?? []), id])
  }
  return { entries, replacedBy, replaced }
}

/** The entries of a key that stood at a time: made by then, and not replaced by then. */
export function entriesAt(past: KeyPast, timestampMax: number): PastEntry[] {
  const standing: PastEntry[] = []
  for (const [id, entry] of past.entries) {
    if (entry.timestamp > timestampMax) continue
    const gone = past.replacedBy.get(id)?.some(by => {
      return (past.entries.get(by) as PastEntry).timestamp <= timestampMax
    })
    if (!gone) standing.push(entry)
  }
  return standing.sort(compareSiblings)
}

/**
 * The entries that would stand without some changes: each of them gives way to the nearest ones
 * that it was built on.
 *
 * @param undone whether the change with this id is to be left out
 */
export function entriesWithout(
  past: KeyPast,
  standing: readonly string[],
  undone: (id: string) => boolean,
): PastEntry[] {
  const left = new Map<string, PastEntry>()
  walk(standing, id => {
    const entry = past.entries.get(id)
    const free = past.replacedBy.get(id)?.every(undone) ?? true
    if (entry !== undefined && !undone(id) && free) left.set(id, entry)
    return undone(id) ? (past.replaced.get(id) ?? []) : []
  })
  return [...left.values()].sort(compareSiblings)
}

/**
 * The changes of a key that were built, in however many steps, on one of some others. Stamps do not
 * tell: a stamp far ahead is not followed, so what replaces an entry may have an earlier one.
 *
 * @param roots the ids of those others
 */
export function builtOn(
  key: string,
  index: AuditIndex,
  roots: readonly string[],
): Set<AuditChange> {
  const replacing = index.replacing(key)
  const built = new Set<AuditChange>()
  walk(roots, id => {
    const above = replacing.get(id) ?? []
    for (const change of above) built.add(change)
    return above.map(change => entryId(key, change))
  })
  return built
}

/** Visits ids, each once, and what `visit` answers. */
function walk(start: readonly string[], visit: (id: string) => readonly string[]): void {
  const seen = new Set<string>()
  const waiting = [...start]
  for (let id = waiting.pop(); id !== undefined; id = waiting.pop()) {
    if (seen.has(id)) continue
    seen.add(id)
    waiting.push(...visit(id))
  }
}
