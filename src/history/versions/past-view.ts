/** A partition of registers as it was: read-only, and detached from what happens later. */
import { freezeValue, handOut, type StoredValue } from '../../model/value.ts'

export class PastView<Value = unknown> {
  /** Which moment it shows, in milliseconds since the epoch. */
  readonly time: number
  /** Keys whose value was too large to be kept; they read as absent. */
  readonly unknown: readonly string[]
  readonly #values: ReadonlyMap<string, StoredValue>

  /** Not for users: `History` makes views. */
  constructor(time: number, values: Iterable<readonly [string, unknown]>, unknown: string[] = []) {
    this.time = time
    this.unknown = Object.freeze(unknown.sort())
    this.#values = new Map([...values].map(([key, value]) => [key, freezeValue(value)]))
  }

  get size(): number {
    return this.#values.size
  }

  has(key: string): boolean {
    return this.#values.has(key)
  }

  /** What the key was; undefined if absent. Frozen, or a copy. */
  get(key: string): Value | undefined {
    const stored = this.#values.get(key)
    return stored === undefined ? undefined : (handOut(stored) as Value)
  }

  keys(): IterableIterator<string> {
    return this.#values.keys()
  }

  *entries(): IterableIterator<[string, Value]> {
    for (const key of this.#values.keys()) yield [key, this.get(key) as Value]
  }

  [Symbol.iterator](): IterableIterator<[string, Value]> {
    return this.entries()
  }
}
