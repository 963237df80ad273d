/**
 * The rows of an index in order. Of 100,000 rows most are not in the processor's cache, and to look at
 * one costs more than anything else here. So a row knows its chunk and is taken out without a search, and
 * one that comes is compared with the ends of chunks only: a chunk is put in order when somebody reads it.
 *
 * Invariants
 * L1. The rows of a chunk are behind the end of the chunk before, and not behind its own, which need not
 *     be among them any more. No chunk is empty.
 * L2. The first `ordered` rows of a chunk are in order.
 * L3. The `chunk` of each row is where it stands.
 */
import { firstWhere } from '../base/binary-search.ts'
import { compareRows, type IndexRow, type RowChunk } from './index-row.ts'

/** Moving that many references costs less than finding a place. */
const chunkMax = 128

export class RowList {
  readonly #chunks: RowChunk[] = []
  /** Of the chunks; apart, since they are what is searched. */
  readonly #ends: IndexRow[] = []
  #length = 0

  /** @param ordered rows that are in order already, no two of them equal */
  constructor(ordered: readonly IndexRow[] = []) {
    for (let start = 0; start < ordered.length; start += chunkMax) {
      this.#put(this.#chunks.length, ordered.slice(start, start + chunkMax))
    }
    this.#length = ordered.length
  }

  get length(): number {
    return this.#length
  }

  /** Adds a row; none that compares as equal may be there. */
  insert(row: IndexRow): void {
    this.#length += 1
    const last = this.#ends.at(-1)
    if (last === undefined || compareRows(last, row) < 0) return this.#append(row)
    const at = firstWhere(this.#ends, end => compareRows(end, row) >= 0)
    const chunk = this.#chunks[at] as RowChunk
    chunk.rows.push(row)
    row.chunk = chunk
    if (chunk.rows.length > chunkMax) this.#split(at, chunk)
  }

  /** Takes out a row, the very one that was inserted. */
  remove(row: IndexRow): void {
    const { chunk } = row
    if (chunk === undefined) return
    const index = chunk.rows.indexOf(row)
    chunk.rows.splice(index, 1)
    if (index < chunk.ordered) chunk.ordered -= 1
    row.chunk = undefined
    this.#length -= 1
    if (chunk.rows.length > 0) return
    const at = this.#chunks.indexOf(chunk)
    this.#chunks.splice(at, 1)
    this.#ends.splice(at, 1)
  }

  /** How many rows stand before a position; `side` is negative for those, and else not. */
  rank(side: (row: IndexRow) => number): number {
    const at = firstWhere(this.#ends, end => side(end) >= 0)
    let rank = 0
    for (let index = 0; index < at; index++) rank += (this.#chunks[index] as RowChunk).rows.length
    const chunk = this.#chunks[at]
    return chunk === undefined ? rank : rank + firstWhere(inOrder(chunk), row => side(row) >= 0)
  }

  /** The rows from a rank up to another, that one left out. */
  slice(start: number, end: number): IndexRow[] {
    const found: IndexRow[] = []
    let from = start
    for (const chunk of this.#chunks) {
      if (found.length >= end - start) break
      const { length } = chunk.rows
      if (from < length) {
        const to = Math.min(length, from + (end - start) - found.length)
        const rows = inOrder(chunk)
        while (from < to) found.push(rows[from++] as IndexRow)
        from = 0
      } else {
        from -= length
      }
    }
    return found
  }

  /** The rows in order; the list must not change meanwhile. */
  *[Symbol.iterator](): IterableIterator<IndexRow> {
    for (const chunk of this.#chunks) yield* inOrder(chunk)
  }

  /** Adds a row behind all others, where what grows with time goes: full chunks are left full. */
  #append(row: IndexRow): void {
    const at = this.#chunks.length - 1
    const chunk = this.#chunks[at]
    if (chunk === undefined || chunk.rows.length >= chunkMax) return this.#put(at + 1, [row])
    if (chunk.ordered === chunk.rows.length) chunk.ordered += 1
    chunk.rows.push(row)
    row.chunk = chunk
    this.#ends[at] = row
  }

  #split(at: number, chunk: RowChunk): void {
    const upper = inOrder(chunk).splice(chunkMax >> 1)
    chunk.ordered = chunk.rows.length
    this.#put(at + 1, upper)
    // The end of the upper half stays what it was, even if it is not there any more.
    this.#ends[at + 1] = this.#ends[at] as IndexRow
    this.#ends[at] = chunk.rows.at(-1) as IndexRow
  }

  /** @param rows in order */
  #put(at: number, rows: IndexRow[]): void {
    const chunk = { rows, ordered: rows.length }
    for (const row of rows) row.chunk = chunk
    this.#chunks.splice(at, 0, chunk)
    this.#ends.splice(at, 0, rows.at(-1) as IndexRow)
  }
}

function inOrder(chunk: RowChunk): IndexRow[] {
  if (chunk.ordered < chunk.rows.length) {
    chunk.rows.sort(compareRows)
    chunk.ordered = chunk.rows.length
  }
  return chunk.rows
}
