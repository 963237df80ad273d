/**
 * Who writes most, in bounded memory: when there are too many actors the least active half is
 * forgotten, and counted together. The most active stay, exactly, unless they begin late: an actor
 * that comes back after it was forgotten counts from there.
 */

export interface ActorStatistics {
  readonly actor: string
  readonly operations: number
  /** In milliseconds since the epoch. */
  readonly lastAt: number
}

// About 150 bytes each.
const actorsMax = 4096

interface Tally {
  operations: number
  lastAt: number
}

export class ActorTally {
  readonly #tallies = new Map<string, Tally>()
  #forgotten = 0

  add(actor: string, at: number): void {
    const tally = this.#tallies.get(actor)
    if (tally) {
      tally.operations += 1
      tally.lastAt = at
      return
    }
    this.#tallies.set(actor, { operations: 1, lastAt: at })
    if (this.#tallies.size > actorsMax) this.#forget()
  }

  /** The most active first. */
  top(count: number): ActorStatistics[] {
    return this.#sorted()
      .slice(0, count)
      .map(([actor, { operations, lastAt }]) => ({ actor, operations, lastAt }))
  }

  /** How many actors are counted by name. */
  get size(): number {
    return this.#tallies.size
  }

  /** The operations of those that were forgotten. */
  get forgotten(): number {
    return this.#forgotten
  }

  #forget(): void {
    for (const [actor, { operations }] of this.#sorted().slice(actorsMax / 2)) {
      this.#tallies.delete(actor)
      this.#forgotten += operations
    }
  }

  #sorted(): [string, Tally][] {
    return [...this.#tallies].sort(([, a], [, b]) => b.operations - a.operations)
  }
}
