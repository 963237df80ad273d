/** Records of all lanes in their total order. */
import { SortedList } from '../../base/sorted-list.ts'
import { comparePositions, type LogPosition, type LogRecord } from './log-entry.ts'

export interface PageOptions {
  /** Where the page starts, itself left out; a record need not be there. */
  after: LogPosition | undefined
  limit: number
  reverse: boolean
}

export class LogOrder {
  readonly #records = new SortedList<LogRecord>(comparePositions)

  get length(): number {
    return this.#records.length
  }

  get last(): LogRecord | undefined {
    return this.#records.last
  }

  /** Adds a record that is not in the list. */
  insert(record: LogRecord): void {
    this.#records.insert(record)
  }

  /** Takes a record out that is in the list. */
  remove(record: LogRecord): void {
    this.#records.remove(record)
  }

  /** Up to `limit` records from a position on, in order or in the reverse of it. */
  page({ after, limit, reverse }: PageOptions): LogRecord[] {
    if (!reverse) {
      const start = after === undefined ? 0 : this.#countThrough(after)
      return this.#records.slice(start, start + limit)
    }
    const end = after === undefined ? this.length : this.#countBefore(after)
    return this.#records.slice(Math.max(0, end - limit), end).reverse()
  }

  #countBefore(position: LogPosition): number {
    return this.#records.rank(record => comparePositions(record, position))
  }

  #countThrough(position: LogPosition): number {
    return this.#records.rank(record => (comparePositions(record, position) <= 0 ? -1 : 1))
  }
}
