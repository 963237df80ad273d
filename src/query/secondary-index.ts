/**
 * One secondary index: for each entry the keys that its fields give, all in one order, so that equal
 * ones stand together and ranges are stretches. The last thing in the order is the entry's own key.
 *
 * Invariants
 * I1. Every entry with a value has its rows in the list, one for each combination of what its fields
 *     hold, or is `loose`, where those would be too many. Looking up finds the loose ones too.
 * I2. An entry whose one row says exactly what its fields hold is held as that row, any other as a
 *     list; `#irregular` counts those.
 */
import type { IndexChoice } from '../model/index-definition.ts'
import { bucketsOf, readPath } from './entry-fields.ts'
import { compareKeys, type IndexKey, isExact, keysOf, scalarOf } from './index-key.ts'
import { comparePrefix, compareRows, type IndexRow, keyAt, rowOf } from './index-row.ts'
import type { Interval } from './interval.ts'
import type { Subject } from './plain-value.ts'
import { RowList } from './row-list.ts'

/** One field of an index. */
export interface IndexPart {
  readonly path: string
  /** The width of its buckets, where it is by those. */
  readonly bucket: number | undefined
}

/** The rows of an entry; see I2. */
export type EntryRows = IndexRow | readonly IndexRow[]

/** A part of an index's order, from a rank up to another, that one left out. */
export interface Span {
  readonly start: number
  readonly end: number
}

/** Rows of one entry; beyond so many, two long lists have been multiplied. */
const rowsMax = 1000

export class SecondaryIndex {
  readonly name: string
  readonly choice: IndexChoice<never>
  readonly parts: readonly IndexPart[]
  #list = new RowList()
  readonly #rows = new Map<string, EntryRows>()
  readonly #loose = new Set<string>()
  #irregular = 0

  constructor(name: string, choice: IndexChoice<never>) {
    this.name = name
    this.choice = choice
    this.parts = partsOf(name, choice)
  }

  /** How many entries it has. */
  get size(): number {
    return this.#rows.size
  }

  /** Entries that stand nowhere in the order, and may be anything. */
  get loose(): ReadonlySet<string> {
    return this.#loose
  }

  /** Whether its rows say exactly what each field holds, one row for each entry. */
  get regular(): boolean {
    return this.#irregular === 0
  }

  /** Replaces the rows of an entry; undefined takes them away. */
  set(key: string, subject: Subject | undefined): void {
    const before = this.#rows.get(key)
    const after = subject === undefined ? undefined : this.rowsOf(key, subject)
    if (before !== undefined && after !== undefined && sameRows(before, after)) return
    if (before !== undefined) this.#remove(key, before)
    if (after !== undefined) this.#add(key, after)
    else this.#rows.delete(key)
  }

  /** Fills an empty index; faster than entry by entry. */
  fill(subjects: Iterable<readonly [string, Subject]>): void {
    const all: IndexRow[] = []
    for (const [key, subject] of subjects) {
      const rows = this.rowsOf(key, subject)
      this.#note(key, rows)
      for (const row of listOf(rows)) all.push(row)
    }
    this.#list = new RowList(all.sort(compareRows))
  }

  /** What the rows of an entry have to be; an empty list where they would be too many. */
  rowsOf(key: string, subject: Subject): EntryRows {
    const [part] = this.parts
    if (part !== undefined && this.parts.length === 1) {
      const read = readPart(subject, part)
      if (!Array.isArray(read)) return exactly(rowOf([scalarOf(read)], key))
    }
    const reads = this.parts.map(part => readPart(subject, part))
    const lists = reads.map(keysOf)
    if (!reads.some(Array.isArray)) {
      return exactly(
        rowOf(
          lists.map(list => list[0]),
          key,
        ),
      )
    }
    if (lists.reduce((product, { length }) => product * length, 1) > rowsMax) return []
    let keys: IndexKey[][] = [[]]
    for (const list of lists) keys = keys.flatMap(begin => list.map(own => [...begin, own]))
    return keys.map(own => rowOf(own, key))
  }

  /** The rows that are held of an entry. */
  held(key: string): EntryRows | undefined {
    return this.#rows.get(key)
  }

  /** The entries that it has. */
  keys(): IterableIterator<string> {
    return this.#rows.keys()
  }

  /** Whether the order holds just the rows of the entries. */
  isSound(): boolean {
    let before: IndexRow | undefined
    let rows = 0
    for (const row of this.#list) {
      if (before !== undefined && compareRows(before, row) >= 0) return false
      if (!listOf(this.#rows.get(row.key) ?? []).includes(row)) return false
      before = row
      rows += 1
    }
    return rows === [...this.#rows.values()].reduce((sum, held) => sum + listOf(held).length, 0)
  }

  /** Where the rows stand whose keys begin with `prefix`, the next one being in `interval`. */
  span(prefix: readonly IndexKey[], interval: Interval | undefined): Span {
    const start = this.#list.rank(row => {
      const order = comparePrefix(row, prefix)
      if (order !== 0 || interval === undefined) return order
      const byLow = compareKeys(keyAt(row, prefix.length), interval.low)
      return byLow === 0 && interval.lowOpen ? -1 : byLow
    })
    const end = this.#list.rank(row => {
      const order = comparePrefix(row, prefix)
      if (order !== 0) return order
      if (interval === undefined) return -1
      const byHigh = compareKeys(keyAt(row, prefix.length), interval.high)
      return byHigh < 0 || (byHigh === 0 && !interval.highOpen) ? -1 : 1
    })
    return { start, end: Math.max(start, end) }
  }

  /** How many rows stand before a place; with `through` a row at it counts too. */
  rank(place: IndexRow, through: boolean): number {
    return this.#list.rank(row => {
      const order = compareRows(row, place)
      return order === 0 && through ? -1 : order
    })
  }

  rows({ start, end }: Span): IndexRow[] {
    return this.#list.slice(start, end)
  }

  #add(key: string, rows: EntryRows): void {
    this.#note(key, rows)
    for (const row of listOf(rows)) this.#list.insert(row)
  }

  #note(key: string, rows: EntryRows): void {
    this.#rows.set(key, rows)
    if (!isList(rows)) return
    this.#irregular += 1
    if (rows.length === 0) this.#loose.add(key)
  }

  /** Leaves `#rows` to the caller. */
  #remove(key: string, rows: EntryRows): void {
    if (isList(rows)) {
      this.#irregular -= 1
      this.#loose.delete(key)
    }
    for (const row of listOf(rows)) this.#list.remove(row)
  }
}

function partsOf(name: string, choice: IndexChoice<never>): readonly IndexPart[] {
  if (typeof choice === 'function') return [{ path: name, bucket: undefined }]
  if (typeof choice === 'string') return [{ path: choice, bucket: undefined }]
  if ('on' in choice) return [{ path: choice.on, bucket: choice.bucket }]
  return choice.map(path => ({ path, bucket: undefined }))
}

function readPart(subject: Subject, { path, bucket }: IndexPart): unknown {
  const read = readPath(subject, path)
  return bucket === undefined ? read : bucketsOf(read, bucket)
}

/** Whether an entry's rows are the same, in whichever order. */
export function sameRows(a: EntryRows, b: EntryRows): boolean {
  if (!isList(a) && !isList(b)) return compareRows(a, b) === 0
  if (!isList(a) || !isList(b) || a.length !== b.length) return false
  const [ordered, others] = [a.toSorted(compareRows), b.toSorted(compareRows)]
  return ordered.every((row, index) => compareRows(row, others[index] as IndexRow) === 0)
}

export function listOf(rows: EntryRows): readonly IndexRow[] {
  return isList(rows) ? rows : [rows]
}

function isList(rows: EntryRows): rows is readonly IndexRow[] {
  return Array.isArray(rows)
}

/** See I2. */
function exactly(row: IndexRow): EntryRows {
  return isExact(row.first) && row.rest.every(isExact) ? row : [row]
}
