/**
 * Records of all lanes in their total order: a sorted list in chunks, so that an entry that
 * arrives late finds its place without moving the others.
 */
import { comparePositions, type LogPosition, type LogRecord } from './log-entry.ts'

/** Moving that many references costs less than finding the place of the record. */
const chunkMax = 512

export interface PageOptions {
  /** Where the page starts, itself left out; a record need not be there. */
  after: LogPosition | undefined
  limit: number
  reverse: boolean
}

export class LogOrder {
  /** None of them empty. */
  readonly #chunks: LogRecord[][] = []
  #length = 0

  get length(): number {
    return this.#length
  }

  get last(): LogRecord | undefined {
    return this.#chunks.at(-1)?.at(-1)
  }

  /** Adds a record that is not in the list. */
  insert(record: LogRecord): void {
    this.#length += 1
    const last = this.#chunks.at(-1)
    const final = last?.at(-1)
    if (last === undefined || final === undefined) {
      this.#chunks.push([record])
    } else if (comparePositions(final, record) < 0) {
      // At the end, where nearly all go: full chunks are left full.
      if (last.length < chunkMax) last.push(record)
      else this.#chunks.push([record])
    } else {
      this.#insertWithin(record)
    }
  }

  /** Takes a record out that is in the list. */
  remove(record: LogRecord): void {
    const at = this.#chunkOf(record)
    const chunk = this.#chunks[at] as LogRecord[]
    chunk.splice(firstNotBefore(chunk, record), 1)
    if (chunk.length === 0) this.#chunks.splice(at, 1)
    this.#length -= 1
  }

  /** Up to `limit` records from a position on, in order or in the reverse of it. */
  page({ after, limit, reverse }: PageOptions): LogRecord[] {
    return reverse ? this.#backward(after, limit) : this.#forward(after, limit)
  }

  #forward(after: LogPosition | undefined, limit: number): LogRecord[] {
    let at = after === undefined ? 0 : this.#chunkOf(after)
    const page: LogRecord[] = []
    for (; at < this.#chunks.length && page.length < limit; at++) {
      const chunk = this.#chunks[at] as LogRecord[]
      let from = 0
      if (after !== undefined && page.length === 0) {
        from = firstNotBefore(chunk, after)
        const found = chunk[from]
        if (found !== undefined && comparePositions(found, after) === 0) from += 1
      }
      for (const record of chunk.slice(from, from + limit - page.length)) page.push(record)
    }
    return page
  }

  #backward(after: LogPosition | undefined, limit: number): LogRecord[] {
    let at = this.#chunks.length - 1
    if (after !== undefined) at = Math.min(at, this.#chunkOf(after))
    const page: LogRecord[] = []
    for (; at >= 0 && page.length < limit; at--) {
      const chunk = this.#chunks[at] as LogRecord[]
      const first = page.length === 0 && after !== undefined
      const end = first ? firstNotBefore(chunk, after) : chunk.length
      const start = Math.max(0, end - (limit - page.length))
      for (const record of chunk.slice(start, end).reverse()) page.push(record)
    }
    return page
  }

  #insertWithin(record: LogRecord): void {
    const at = this.#chunkOf(record)
    const chunk = this.#chunks[at] as LogRecord[]
    chunk.splice(firstNotBefore(chunk, record), 0, record)
    if (chunk.length > chunkMax) this.#chunks.splice(at + 1, 0, chunk.splice(chunkMax >> 1))
  }

  /** The first chunk that ends at or after the position; the number of chunks if none does. */
  #chunkOf(position: LogPosition): number {
    let low = 0
    let high = this.#chunks.length
    while (low < high) {
      const middle = (low + high) >> 1
      const end = this.#chunks[middle]?.at(-1) as LogRecord
      if (comparePositions(end, position) < 0) low = middle + 1
      else high = middle
    }
    return low
  }
}

function firstNotBefore(chunk: readonly LogRecord[], position: LogPosition): number {
  let low = 0
  let high = chunk.length
  while (low < high) {
    const middle = (low + high) >> 1
    if (comparePositions(chunk[middle] as LogRecord, position) < 0) low = middle + 1
    else high = middle
  }
  return low
}
