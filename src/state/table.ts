/**
 * An immutable table from text keys to values, for large collections in a module's state: a change
 * gives another table, costs the same however large the table is, and shares the rest with it.
 */
import { StatemeshError } from '../base/error.ts'
import {
  type Branch,
  compareTries,
  dropEntry,
  emptyTrie,
  findEntry,
  hashKey,
  putEntry,
  trieEntries,
} from './table-trie.ts'

export class Table<Value> implements Iterable<[string, Value]> {
  readonly #root: Branch<Value>
  /** How many entries it has. */
  readonly size: number

  /** Not for users: `table` makes them. */
  constructor(root: Branch<Value>, size: number) {
    this.#root = root
    this.size = size
    Object.freeze(this)
  }

  get(key: string): Value | undefined {
    return findEntry(this.#root, hashKey(key), key)?.value
  }

  has(key: string): boolean {
    return findEntry(this.#root, hashKey(key), key) !== undefined
  }

  /**
   * The table with an entry added or replaced; the same table if it says that already.
   *
   * @throws VALUE_INVALID for a key that is no string, or the value undefined
   */
  with(key: string, value: Value): Table<Value> {
    if (typeof key !== 'string' || value === undefined) {
      throw new StatemeshError('VALUE_INVALID', 'a table has strings as keys, and no undefined')
    }
    const hash = hashKey(key)
    const before = findEntry(this.#root, hash, key)
    if (before !== undefined && Object.is(before.value, value)) return this
    const root = putEntry(this.#root, { hash, key, value })
    return new Table(root, before === undefined ? this.size + 1 : this.size)
  }

  /** The table without an entry; the same table if there is none. */
  without(key: string): Table<Value> {
    const root = dropEntry(this.#root, hashKey(key), key)
    return root === this.#root ? this : new Table(root, this.size - 1)
  }

  /** In an order that is the same on every replica, and says nothing. */
  *entries(): IterableIterator<[string, Value]> {
    for (const { key, value } of trieEntries<Value>(this.#root)) yield [key, value]
  }

  *keys(): IterableIterator<string> {
    for (const { key } of trieEntries<Value>(this.#root)) yield key
  }

  *values(): IterableIterator<Value> {
    for (const { value } of trieEntries<Value>(this.#root)) yield value
  }

  [Symbol.iterator](): IterableIterator<[string, Value]> {
    return this.entries()
  }

  /** Calls `changed` for every key that is not the same in `before`; undefined for absent. */
  compare(
    before: Table<Value>,
    changed: (key: string, before: Value | undefined, after: Value | undefined) => void,
  ): void {
    compareTries(before.#root, this.#root, (was, is) => {
      changed((was ?? is)?.key as string, was?.value, is?.value)
    })
  }
}

const empty: Table<never> = new Table<never>(emptyTrie, 0)

/** A table of entries; of the same keys the last. @throws VALUE_INVALID */
export function table<Value>(entries: Iterable<readonly [string, Value]> = []): Table<Value> {
  let all: Table<Value> = empty
  for (const [key, value] of entries) all = all.with(key, value)
  return all
}
