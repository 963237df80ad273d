/**
 * The handle on a `counter` partition: integers by key that everybody adds to and takes from,
 * offline too. Each writer keeps one row a key, its cumulative plus and minus, so that replicas
 * agree on the sum whatever was merged in whichever order, and a repeated update counts once. A
 * counter has no bound: what must not go below zero is a budget.
 */
import { StatemeshError } from '../base/error.ts'
import { OwnedRows, type RowsChange } from './owned-rows.ts'
import type { PartitionHost } from './partition-host.ts'
import { checkKey } from './register/register-entry.ts'
import type { Problem } from './register/register-view.ts'
import { assertSynchronous } from './synchronous.ts'

/** A counter whose rows changed. */
export interface CounterChange {
  readonly key: string
  readonly value: number
  readonly origin: 'local' | 'remote'
}

/** What one writer added and took away, since ever. */
type Row = readonly [plus: number, minus: number]

/** The name of the root map; a stock Yjs client finds the rows there. */
export const countersRoot = 'counters'

const nothing: Row = [0, 0]

export class CounterPartition {
  readonly #host: PartitionHost
  readonly #rows: OwnedRows<Row>
  /** What the running transaction wants added, by key. */
  #writes: Map<string, Row> | undefined
  #closed = false

  /** Not for users: `openPartition` makes it. */
  constructor(host: PartitionHost) {
    this.#host = host
    this.#rows = new OwnedRows({ host, root: countersRoot, parse: parseRow })
  }

  /**
   * Adds to a counter: at once here, later everywhere.
   *
   * @throws KEY_INVALID, VALUE_INVALID unless `by` is an integer from 0 and this writer's total
   * stays a safe integer (nothing is written then), CLOSED
   */
  increment(key: string, by: number = 1): void {
    this.#add(key, by, 0)
  }

  /** Takes from a counter, below zero too. @throws as `increment` does */
  decrement(key: string, by: number = 1): void {
    this.#add(key, 0, by)
  }

  /**
   * The sum over all writers that are known here; 0 for a key that nobody has counted.
   *
   * @throws VALUE_INVALID when the sum is beyond what a number holds exactly; CLOSED
   */
  value(key: string): number {
    this.#checkOpen()
    // The sums of two halves may each be beyond what a number holds while their difference is not.
    let sum = 0n
    for (const [plus, minus] of this.#rows.of(key).values()) sum += BigInt(plus) - BigInt(minus)
    const [plus, minus] = this.#writes?.get(key) ?? nothing
    const value = Number(sum + BigInt(plus) - BigInt(minus))
    if (Number.isSafeInteger(value)) return value
    throw new StatemeshError('VALUE_INVALID', `the counter ${JSON.stringify(key)} is out of range`)
  }

  /** The keys that somebody has counted, in no promised order. @throws CLOSED */
  *keys(): IterableIterator<string> {
    this.#checkOpen()
    yield* this.#rows.keys()
    for (const key of this.#writes?.keys() ?? []) if (this.#rows.of(key).size === 0) yield key
  }

  /** The keys with their values. @throws as `value` does */
  *entries(): IterableIterator<[string, number]> {
    for (const key of this.keys()) yield [key, this.value(key)]
  }

  [Symbol.iterator](): IterableIterator<[string, number]> {
    return this.entries()
  }

  /**
   * Writes several counters as one update. Reads inside see what was counted inside. If `fn`
   * throws, nothing is written. A transaction within one joins it.
   *
   * @throws OPTION_INVALID if `fn` is asynchronous (nothing is written), CLOSED, what `fn` throws
   */
  transact<Result>(fn: () => Result): Result {
    this.#checkOpen()
    if (this.#writes !== undefined) return fn()
    const writes = new Map<string, Row>()
    this.#writes = writes
    let result: Result
    try {
      result = fn()
    } finally {
      this.#writes = undefined
    }
    assertSynchronous(result)
    this.#checkOpen()
    this.#commit(writes)
    return result
  }

  /**
   * Calls `listener` once for each transaction, local or remote, that changed rows, after it is
   * over. A counter that is out of range is left out.
   *
   * @returns ends it
   * @throws CLOSED
   */
  subscribe(listener: (changes: readonly CounterChange[]) => void): () => void {
    this.#checkOpen()
    return this.#rows.subscribe(change => listener(this.#changes(change)))
  }

  /** What is in the document but not in what is read, and why. @throws CLOSED */
  problems(): readonly Problem[] {
    this.#checkOpen()
    return this.#rows.problems()
  }

  /** Gives the document back. Later calls throw CLOSED, but for a second `close`. */
  close(): void {
    if (this.#closed) return
    this.#closed = true
    this.#rows.close()
    this.#host.release()
  }

  #changes({ keys, origin }: RowsChange): CounterChange[] {
    return keys.flatMap(key => {
      try {
        return [Object.freeze({ key, value: this.value(key), origin })]
      } catch (thrown) {
        if (thrown instanceof StatemeshError && thrown.code === 'VALUE_INVALID') return []
        throw thrown
      }
    })
  }

  #add(key: string, plus: number, minus: number): void {
    this.#checkOpen()
    checkKey(key)
    if (!isCount(plus) || !isCount(minus)) {
      throw new StatemeshError('VALUE_INVALID', 'a counter moves by an integer from 0')
    }
    const pending = this.#writes?.get(key) ?? nothing
    const added: Row = [pending[0] + plus, pending[1] + minus]
    // Checks the range before anything is written.
    this.#after(key, added)
    if (this.#writes !== undefined) this.#writes.set(key, added)
    else this.#commit([[key, added]])
  }

  /** This writer's row when `added` is in it. */
  #after(key: string, added: Row): Row {
    const row = this.#rows.of(key).get(this.#host.doc.clientID) ?? nothing
    const after: Row = [row[0] + added[0], row[1] + added[1]]
    if (after.every(isCount)) return after
    throw new StatemeshError('VALUE_INVALID', 'a writer counts to at most 2^53 - 1')
  }

  #commit(writes: Iterable<readonly [string, Row]>): void {
    this.#host.doc.transact(() => {
      for (const [key, added] of writes) this.#rows.write(key, [...this.#after(key, added)])
    })
  }

  #checkOpen(): void {
    if (this.#closed) throw new StatemeshError('CLOSED', 'the partition is closed')
  }
}

function parseRow(content: unknown): Row {
  const [plus, minus, ...more]: unknown[] = Array.isArray(content) ? content : []
  if (isCount(plus) && isCount(minus) && more.length === 0) return [plus, minus]
  throw new StatemeshError('ENTRY_INVALID', 'not the row of a counter')
}

function isCount(value: unknown): value is number {
  return Number.isSafeInteger(value) && (value as number) >= 0
}
