/** What registers must show: by causality, from all writes of a round, whoever made them. */
import { checkAtomicity } from '../checkers/atomicity.ts'
import { checkConflicts } from '../checkers/exact-conflicts.ts'
import { CausalOracle } from '../oracle/causal-oracle.ts'
import {
  clocksOf,
  type DocumentClocks,
  extent,
  readClocks,
  type SawRecord,
  type WroteRecord,
} from './history.ts'

interface TimedWrite {
  readonly at: number
  readonly write: WroteRecord
}

export class RegisterBook {
  #oracles = new Map<string, CausalOracle>()
  #writes: TimedWrite[] = []

  add(at: number, write: WroteRecord): void {
    this.#writes.push({ at, write })
  }

  /** Takes up the writes of a round; before the first `check` of what was seen in it. */
  close(): void {
    // Who has seen a write is later by the clock of the machine, and has seen more than its author.
    this.#writes.sort((a, b) => a.at - b.at || extent(a.write.seen) - extent(b.write.seen))
    for (const { write } of this.#writes) {
      this.#oracle(write.document).add({ ...write, seen: readClocks(write.seen) })
    }
    this.#writes = []
  }

  /** @throws Violation where something else stood side by side than causality says */
  check(where: string, { document, known, siblings, together }: SawRecord): void {
    const partition = { siblings: (key: string) => siblings[key] ?? [] }
    const oracle = this.#oracle(document)
    const causality = { oracle, known: readClocks(known) }
    for (const key of Object.keys(siblings)) {
      checkConflicts(`${where}, ${document}`, partition, key, causality)
    }
    checkAtomicity(`${where}, ${document}`, partition, together)
  }

  /**
   * Everybody knows so much, durably: what is overwritten can be forgotten, and so can what nobody
   * knows, which died with its process.
   */
  settle(clocks: DocumentClocks): void {
    for (const [document, oracle] of this.#oracles) {
      const left = new CausalOracle()
      for (const key of oracle.keys()) {
        const standing = oracle.siblings(key, clocksOf(clocks, document))
        for (const write of standing.reverse()) left.add(write)
      }
      this.#oracles.set(document, left)
    }
  }

  #oracle(document: string): CausalOracle {
    const oracle = this.#oracles.get(document) ?? new CausalOracle()
    this.#oracles.set(document, oracle)
    return oracle
  }
}
