/** What counters must be: the sum of exactly the increments that are known somewhere. */
import { Violation } from '../checkers/violation.ts'
import { type KnownClocks, knows } from '../oracle/causal-oracle.ts'
import type { CountedRecord, SummedRecord } from './history.ts'
import { readClocks } from './history.ts'

export class CounterBook {
  #increments: CountedRecord[] = []
  /** The sums of increments that everybody knows for good. */
  readonly #settled = new Map<string, number>()

  add(increment: CountedRecord): void {
    this.#increments.push(increment)
  }

  /** @throws Violation where another value was read than what was known adds up to */
  check(where: string, { key, known, value }: SummedRecord): void {
    const expected = this.#sum(key, readClocks(known))
    if (value === expected) return
    const message = `${where}: ${key} was ${value}, what was known adds up to ${expected}`
    throw new Violation('exact counters', message)
  }

  /** Everybody knows all of it, durably: it need not be summed up one by one any more. */
  settle(): void {
    for (const { key, by } of this.#increments) {
      this.#settled.set(key, (this.#settled.get(key) ?? 0) + by)
    }
    this.#increments = []
  }

  #sum(key: string, known: KnownClocks): number {
    let sum = this.#settled.get(key) ?? 0
    for (const { key: counted, writer, end, by } of this.#increments) {
      const write = { key, writer, end, seen: known, label: '' }
      if (counted === key && knows(known, write)) sum += by
    }
    return sum
  }
}
