/**
 * Saved means saved: what a flush acknowledged is on the replica's own disk after its crash, on the
 * relay's disk after the relay's, and everywhere in the end; and what it acknowledged as replicated
 * is on so many disks at that moment.
 */
import type * as Y from 'yjs'
import type { KnownClocks } from '../oracle/causal-oracle.ts'
import { lacks, liveClocks } from '../oracle/document-clocks.ts'
import { Violation } from './violation.ts'

/** A machine with a disk. */
export interface Keeper {
  readonly name: string
  /** A document as it is on the disk; not to be changed. */
  stored(document: string): Y.Doc
}

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

/**
 * To be called when a flush resolves. A disk that lost data before is taken to have had it.
 *
 * @throws Violation where fewer than `copies` disks hold what was acknowledged as on so many
 */
export function checkCopies(
  where: string,
  { document, acked, copies }: { document: string; acked: Clocks; copies: number },
  { keepers, losses }: { keepers: readonly Keeper[]; losses: ReadonlySet<string> },
): void {
  let found = 0
  for (const keeper of keepers) {
    const has = () => lacks(liveClocks(keeper.stored(document)), acked) === undefined
    if (losses.has(keeper.name) || has()) found += 1
    if (found === copies) return
  }
  const message = `${where} was told that ${document} is on ${copies} disks, of ${found} that have it`
  throw new Violation('no acked write lost', message)
}
