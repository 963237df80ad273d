/**
 * A list that is kept in order, in chunks: an item that comes late finds its place without moving
 * all others.
 */
import { firstWhere } from './binary-search.ts'

/**
 * Moving that many references costs less than finding the place of an item, and the ends of all chunks
 * stay in the processor's cache.
 */
const chunkMax = 128

export class SortedList<Item> {
  readonly #compare: (a: Item, b: Item) => number
  /** None of them empty. */
  readonly #chunks: Item[][] = []
  #length = 0

  /** @param sorted items that are in order already, no two of them equal */
  constructor(compare: (a: Item, b: Item) => number, sorted: readonly Item[] = []) {
    this.#compare = compare
    this.#length = sorted.length
    for (let start = 0; start < sorted.length; start += chunkMax) {
      this.#chunks.push(sorted.slice(start, start + chunkMax))
    }
  }

  get length(): number {
    return this.#length
  }

  get last(): Item | undefined {
    return this.#chunks.at(-1)?.at(-1)
  }

  /** Adds an item; none that compares as equal may be in the list. */
  insert(item: Item): void {
    this.#length += 1
    const last = this.#chunks.at(-1)
    const final = last?.at(-1)
    if (last === undefined || final === undefined) {
      this.#chunks.push([item])
    } else if (this.#compare(final, item) < 0) {
      // At the end, where what grows with time goes: full chunks are left full.
      if (last.length < chunkMax) last.push(item)
      else this.#chunks.push([item])
    } else {
      this.#insertWithin(item)
    }
  }

  /** Takes out an item. @returns false if it is not in the list */
  remove(item: Item): boolean {
    const at = this.#chunkOf(item)
    const chunk = this.#chunks[at]
    const index = chunk?.indexOf(item) ?? -1
    if (chunk === undefined || index < 0) return false
    chunk.splice(index, 1)
    if (chunk.length === 0) this.#chunks.splice(at, 1)
    this.#length -= 1
    return true
  }

  /** The item at an index from 0. */
  at(index: number): Item | undefined {
    return this.slice(index, index + 1)[0]
  }

  /** How many items stand before a position; `side` is negative for those, and else not. */
  rank(side: (item: Item) => number): number {
    const at = firstWhere(this.#chunks, chunk => side(chunk.at(-1) as Item) >= 0)
    const chunk = this.#chunks[at]
    if (chunk === undefined) return this.#length
    let rank = 0
    for (let index = 0; index < at; index++) rank += (this.#chunks[index] as Item[]).length
    return rank + firstWhere(chunk, item => side(item) >= 0)
  }

  /** How many items stand before an item, which need not be in the list. */
  rankOf(item: Item): number {
    return this.rank(other => this.#compare(other, item))
  }

  /** The items from an index up to another, that one left out. */
  slice(start: number, end: number): Item[] {
    const found: Item[] = []
    let from = start
    for (const chunk of this.#chunks) {
      if (found.length >= end - start) break
      if (from < chunk.length) {
        for (const item of chunk.slice(from, from + (end - start) - found.length)) found.push(item)
        from = 0
      } else {
        from -= chunk.length
      }
    }
    return found
  }

  /** The items in order; the list must not change meanwhile. */
  *[Symbol.iterator](): IterableIterator<Item> {
    for (const chunk of this.#chunks) yield* chunk
  }

  #insertWithin(item: Item): void {
    const at = this.#chunkOf(item)
    const chunk = this.#chunks[at] as Item[]
    chunk.splice(this.#firstNotBefore(chunk, item), 0, item)
    if (chunk.length > chunkMax) this.#chunks.splice(at + 1, 0, chunk.splice(chunkMax >> 1))
  }

  /** The first chunk that ends at or after the item; the number of chunks if none does. */
  #chunkOf(item: Item): number {
    return firstWhere(this.#chunks, chunk => this.#compare(chunk.at(-1) as Item, item) >= 0)
  }

  #firstNotBefore(chunk: readonly Item[], item: Item): number {
    return firstWhere(chunk, other => this.#compare(other, item) >= 0)
  }
}
