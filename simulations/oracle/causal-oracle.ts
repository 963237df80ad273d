/**
 * What the siblings of a key must be, by the definition: the writes that are known somewhere and
 * that no other write known there had seen. Clocks of writers, and nothing of how a partition
 * stores its entries.
 */

/** For each writer, how far its writes are known. A state vector of Yjs is one. */
export interface KnownClocks {
  get(writer: number): number | undefined
}

export interface CausalWrite {
  readonly key: string
  readonly writer: number
  /** The clock of its writer behind it: who knows as much knows the write. */
  readonly end: number
  /** What its author knew when it was made. */
  readonly seen: KnownClocks
  /** How it is recognised. */
  readonly label: string
}

export class CausalOracle {
  readonly #writes = new Map<string, CausalWrite[]>()

  /** Adds a write; those that it had seen must have been added before. */
  add(write: CausalWrite): void {
    const writes = this.#writes.get(write.key)
    if (writes === undefined) this.#writes.set(write.key, [write])
    else writes.push(write)
  }

  keys(): IterableIterator<string> {
    return this.#writes.keys()
  }

  /** All writes of a key, in the order in which they were made. */
  writes(key: string): readonly CausalWrite[] {
    return this.#writes.get(key) ?? []
  }

  /** The writes of a key that must stand side by side where so much is known. */
  siblings(key: string, known: KnownClocks): CausalWrite[] {
    const writes = this.writes(key)
    const found: CausalWrite[] = []
    // The latest first: a write can only have been seen by later ones.
    for (let index = writes.length - 1; index >= 0; index--) {
      const write = writes[index] as CausalWrite
      if (knows(known, write) && !found.some(later => knows(later.seen, write))) found.push(write)
    }
    return found
  }

  labels(key: string, known: KnownClocks): string[] {
    return this.siblings(key, known)
      .map(({ label }) => label)
      .sort()
  }
}

/** Whether so much is known that a write is. */
export function knows(
  known: KnownClocks,
  { writer, end }: Pick<CausalWrite, 'writer' | 'end'>,
): boolean {
  return (known.get(writer) ?? 0) >= end
}
