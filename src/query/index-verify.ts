/** Compares an index with the entries that it is of. */
import type { IndexKey } from './index-key.ts'
import type { IndexRow } from './index-row.ts'
import type { Subject } from './plain-value.ts'
import { listOf, type SecondaryIndex, sameRows } from './secondary-index.ts'

/** What an index has of an entry, and what it should have; neither where an order is broken. */
export interface IndexDifference {
  readonly index: string
  /** `missing` from the index, held though the entry is gone, held as something else, or `order`. */
  readonly kind: 'missing' | 'gone' | 'different' | 'order'
  /** The entry's key; undefined for `order`. */
  readonly key: string | undefined
  readonly held: readonly (readonly IndexKey[])[]
  readonly expected: readonly (readonly IndexKey[])[]
}

export function verifyIndex(
  index: SecondaryIndex,
  subjects: Iterable<readonly [string, Subject]>,
): IndexDifference[] {
  const differences: IndexDifference[] = []
  const seen = new Set<string>()
  for (const [key, subject] of subjects) {
    seen.add(key)
    const [held, expected] = [index.held(key), index.rowsOf(key, subject)]
    if (held !== undefined && sameRows(held, expected)) continue
    const keys = { held: listOf(held ?? []).map(keysOf), expected: listOf(expected).map(keysOf) }
    const kind = held === undefined ? 'missing' : 'different'
    differences.push({ index: index.name, kind, key, ...keys })
  }
  for (const key of index.keys()) {
    if (seen.has(key)) continue
    const held = listOf(index.held(key) ?? []).map(keysOf)
    differences.push({ index: index.name, kind: 'gone', key, held, expected: [] })
  }
  if (!index.isSound()) {
    differences.push({ index: index.name, kind: 'order', key: undefined, held: [], expected: [] })
  }
  return differences
}

function keysOf({ first, rest }: IndexRow): readonly IndexKey[] {
  return [first, ...rest]
}
