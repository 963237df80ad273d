/** What counters must be: the sum of exactly the increments that are known somewhere. */
import { Violation } from '../checkers/violation.ts'
import type { KnownClocks } from '../oracle/causal-oracle.ts'
import {
  type CountedRecord,
  clocksOf,
  type DocumentClocks,
  readClocks,
  type SummedRecord,
} from './history.ts'

export class CounterBook {
  #increments: CountedRecord[] = []
  /** The sums of increments that everybody knows for good, by document and key. */
  readonly #settled = new Map<string, number>()

  add(increment: CountedRecord): void {
    this.#increments.push(increment)
  }

  /** @throws Violation where another value was read than what was known adds up to */
  check(where: string, { document, key, known, value }: SummedRecord): void {
    const expected = this.#sum(document, key, readClocks(known))
    if (value === expected) return
    const message = `${where}: ${key} was ${value}, what was known adds up to ${expected}`
    throw new Violation('exact counters', message)
  }

  /**
   * Everybody knows so much, durably: it need not be summed up one by one any more. What nobody
   * knows died with its process, and never comes back.
   */
  settle(clocks: DocumentClocks): void {
    const counters = new Map(
      this.#increments.map(({ document, key }) => [nameOf(document, key), { document, key }]),
    )
    for (const [name, { document, key }] of counters) {
      this.#settled.set(name, this.#sum(document, key, clocksOf(clocks, document)))
    }
    this.#increments = []
  }

  #sum(document: string, key: string, known: KnownClocks): number {
    const own = this.#increments.filter(
      increment =>
        increment.document === document &&
        increment.key === key &&
        (known.get(increment.writer) ?? 0) >= increment.end,
    )
    const settled = this.#settled.get(nameOf(document, key)) ?? 0
    return own.reduce((sum, { by }) => sum + by, settled)
  }
}

function nameOf(document: string, key: string): string {
  return `${document} ${key}`
}
