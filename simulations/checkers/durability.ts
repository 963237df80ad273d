/**
 * Saved means saved: what a flush acknowledged is on the replica's own disk after its crash, on the
 * relay's disk after the relay's, and everywhere in the end.
 */
import type { KnownClocks } from '../oracle/causal-oracle.ts'
import { lacks } from '../oracle/document-clocks.ts'
import { Violation } from './violation.ts'

type Clocks = Map<number, number>

/** What was acknowledged of each document, at one place. */
export class AckedClocks {
  readonly #documents = new Map<string, Clocks>()

  add(document: string, clocks: ReadonlyMap<number, number>): void {
    const acked = this.#documents.get(document) ?? new Map()
    this.#documents.set(document, acked)
    for (const [writer, clock] of clocks) acked.set(writer, Math.max(clock, acked.get(writer) ?? 0))
  }

  /** What was acknowledged cannot be expected any more: the disk itself lost data. */
  forget(): void {
    this.#documents.clear()
  }

  documents(): string[] {
    return [...this.#documents.keys()]
  }

  /** How many changes of a document were acknowledged, and how many of them are known at a place. */
  count(document: string, places: readonly KnownClocks[]): { acked: number; survived: number } {
    const total = { acked: 0, survived: 0 }
    for (const [writer, clock] of this.#documents.get(document) ?? []) {
      total.acked += clock
      total.survived += Math.min(clock, Math.max(0, ...places.map(at => at.get(writer) ?? 0)))
    }
    return total
  }

  /** @throws Violation where less is known than was acknowledged */
  check(where: string, document: string, known: KnownClocks): void {
    const lacking = lacks(known, this.#documents.get(document) ?? new Map())
    if (lacking === undefined) return
    const message = `${where} lost acknowledged writes of ${document}: ${lacking}`
    throw new Violation('no acked write lost', message)
  }
}
