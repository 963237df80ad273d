/**
 * Judges the history of a fleet, round by round: what its processes recorded is held against the
 * checkers and oracles of the simulator. What one process saw can depend on what another had done,
 * whose record is read later; so it is judged when all records of a round are there.
 */
import { AckedClocks } from '../checkers/durability.ts'
import { Violation } from '../checkers/violation.ts'
import type { KnownClocks } from '../oracle/causal-oracle.ts'
import { CounterBook } from './counter-book.ts'
import {
  type DocumentClocks,
  type HistoryLine,
  readClocks,
  type SawRecord,
  type SummedRecord,
} from './history.ts'
import { RegisterBook } from './register-book.ts'

interface Sighting {
  readonly who: string
  readonly record: SawRecord | SummedRecord
}

export class Judge {
  /** What was broken, in words. */
  readonly violations: string[] = []
  /** What flushes acknowledged as durable at the relay. */
  readonly durable: AckedClocks = new AckedClocks()
  operations = 0
  refusals = 0
  readonly #local = new Map<string, AckedClocks>()
  readonly #registers = new RegisterBook()
  readonly #counters = new CounterBook()
  #sightings: Sighting[] = []
  #minted = 0
  #spent = 0
  /** The most that any ledger holds as spent. */
  #booked = 0

  /** Takes up a record, in the order in which its process wrote it. */
  add({ who, at, record }: HistoryLine): void {
    switch (record.kind) {
      case 'opened':
        return this.#checkDocuments(`${who}, after its start`, record.clocks, this.#localOf(who))
      case 'invoked':
        this.operations += 1
        return
      case 'wrote':
        return this.#registers.add(at, record)
      case 'counted':
        return this.#counters.add(record)
      case 'saw':
      case 'summed':
        this.#sightings.push({ who, record })
        return
      case 'minting':
        this.#minted += record.amount
        return
      case 'spent':
        this.#spent += record.amount
        return
      case 'ledger':
        this.#booked = Math.max(this.#booked, record.spent)
        return
      case 'flushed':
        return this.#note(
          record.clocks,
          record.level === 'local' ? this.#localOf(who) : this.durable,
        )
      case 'confirmed':
        this.#note(record.clocks, this.#localOf(who))
        return this.#note(record.clocks, this.durable)
      case 'refused':
        this.refusals += 1
        return
      case 'broken':
        this.violations.push(record.message)
        return
      case 'told':
        return
    }
  }

  /**
   * All have converged on so much, and all records are there: judges what was seen since the last
   * round.
   */
  endRound(clocks: DocumentClocks): void {
    this.#registers.close()
    for (const { who, record } of this.#sightings) {
      this.#guarded(() => {
        if (record.kind === 'saw') this.#registers.check(who, record)
        else this.#counters.check(who, record)
      })
    }
    this.#sightings = []
    this.#checkBudget()
    this.#registers.settle(clocks)
    this.#counters.settle(clocks)
  }

  /** Holds what is at a place against what was acknowledged as durable. */
  checkDurable(where: string, document: string, known: KnownClocks): void {
    this.#guarded(() => this.durable.check(where, document, known))
  }

  broken(checker: string, message: string): void {
    this.violations.push(new Violation(checker, message).message)
  }

  #checkBudget(): void {
    const [minted, spent, booked] = [this.#minted, this.#spent, this.#booked]
    const checker = 'budgets within bounds'
    if (spent > minted) this.broken(checker, `${spent} was spent of ${minted} that was minted`)
    if (booked > minted) this.broken(checker, `${booked} of ${minted} stand in the ledger as spent`)
    if (booked >= spent) return
    this.broken(checker, `${spent} was acknowledged as spent, ${booked} is in the ledger`)
  }

  #checkDocuments(where: string, clocks: DocumentClocks, acked: AckedClocks): void {
    for (const [document, known] of Object.entries(clocks)) {
      this.#guarded(() => acked.check(where, document, readClocks(known)))
    }
  }

  #note(clocks: DocumentClocks, acked: AckedClocks): void {
    for (const [document, known] of Object.entries(clocks)) acked.add(document, readClocks(known))
  }

  #localOf(who: string): AckedClocks {
    const acked = this.#local.get(who) ?? new AckedClocks()
    this.#local.set(who, acked)
    return acked
  }

  #guarded(check: () => void): void {
    try {
      check()
    } catch (thrown) {
      if (!(thrown instanceof Violation)) throw thrown
      this.violations.push(thrown.message)
    }
  }
}
