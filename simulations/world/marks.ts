/**
 * Counts of what fired in a run: faults by kind, and branches that a good run reaches sometimes. A
 * mark that never fires over many seeds means that something is not being tested.
 */
export class Marks {
  readonly #counts = new Map<string, number>()

  hit(name: string, times = 1): void {
    this.#counts.set(name, (this.#counts.get(name) ?? 0) + times)
  }

  count(name: string): number {
    return this.#counts.get(name) ?? 0
  }

  /** All counts, by name. */
  toObject(): { [name: string]: number } {
    return Object.fromEntries([...this.#counts].sort(([a], [b]) => (a < b ? -1 : 1)))
  }
}
