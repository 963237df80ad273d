/**
 * Changes of several layers that are under way. Who reads one of their keys waits until they are
 * done: some layers have the change by then, others not yet, and what these still have must not be
 * promoted into those.
 */
import type { KeyPattern } from './key-pattern.ts'

export class PendingChanges {
  readonly #byKey = new Map<string, Set<Promise<unknown>>>()
  readonly #wide = new Map<Promise<unknown>, KeyPattern>()

  /** Notes a change of the matching keys until it is done; `change` does not reject for long. */
  async run<Result>(pattern: KeyPattern, change: Promise<Result>): Promise<Result> {
    if (!pattern.exact) this.#wide.set(change, pattern)
    else {
      const changes = this.#byKey.get(pattern.prefix) ?? new Set()
      this.#byKey.set(pattern.prefix, changes.add(change))
    }
    try {
      return await change
    } finally {
      this.#wide.delete(change)
      const changes = this.#byKey.get(pattern.prefix)
      if (changes?.delete(change) && changes.size === 0) this.#byKey.delete(pattern.prefix)
    }
  }

  /** Resolves when no change of this key is under way that was when it was called. */
  async settled(key: string): Promise<void> {
    const changes = [...(this.#byKey.get(key) ?? [])]
    for (const [change, pattern] of this.#wide) if (pattern.matches(key)) changes.push(change)
    if (changes.length > 0) await Promise.allSettled(changes)
  }
}
