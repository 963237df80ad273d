/** One line of an index: what an entry's fields hold, and the entry's key; they are in order by both. */
import { compareKeys, type IndexKey } from './index-key.ts'

/** The first of its keys stands apart: most indexes have one, and comparing rows is what they cost. */
export interface IndexRow {
  readonly first: IndexKey
  readonly rest: readonly IndexKey[]
  /** The entry's. */
  readonly key: string
  /** Where it stands in a list of rows, which alone changes it. */
  chunk: RowChunk | undefined
}

/** Rows that stand together. */
export interface RowChunk {
  rows: IndexRow[]
  /** How many of them, from the first on, are in order. */
  ordered: number
}

const none: readonly IndexKey[] = []

export function rowOf(keys: readonly IndexKey[], key: string): IndexRow {
  const rest = keys.length > 1 ? keys.slice(1) : none
  return { first: keys[0], rest, key, chunk: undefined }
}

export function keyAt({ first, rest }: IndexRow, part: number): IndexKey {
  return part === 0 ? first : rest[part - 1]
}

export function compareRows(a: IndexRow, b: IndexRow): number {
  const byFirst = compareKeys(a.first, b.first)
  if (byFirst !== 0) return byFirst
  for (let index = 0; index < a.rest.length; index++) {
    const order = compareKeys(a.rest[index], b.rest[index])
    if (order !== 0) return order
  }
  return a.key === b.key ? 0 : a.key < b.key ? -1 : 1
}

export function comparePrefix(row: IndexRow, prefix: readonly IndexKey[]): number {
  for (let part = 0; part < prefix.length; part++) {
    const order = compareKeys(keyAt(row, part), prefix[part])
    if (order !== 0) return order
  }
  return 0
}
