/** Budgets: whatever the network does, no more is spent than was minted. */
import { StatemeshError } from '../../src/base/error.ts'
import { definePartition } from '../../src/model/partition-definition.ts'
import { agent } from '../../src/model/scope.ts'
import type { BudgetPartition } from '../../src/partition/budget/budget-partition.ts'
import { Violation } from '../checkers/violation.ts'
import type { Player, Seat, Workload } from './workload.ts'

const definition = definePartition({ name: 'spend', policy: 'budget' })
const key = 'tokens'

/** What a budget may answer where rights or the disk are lacking; nothing was spent then. */
const refusals: ReadonlySet<string> = new Set([
  'BUDGET_INSUFFICIENT',
  'BUDGET_UNREACHABLE',
  'STORAGE_UNAVAILABLE',
  'CLOSED',
])

/** What is known from outside: money counts as minted when asked for, as spent when acknowledged. */
interface Books {
  minted: number
  spent: number
}

export const budgets: Workload = {
  name: 'budgets',
  plan() {
    const books: Books = { minted: 0, spent: 0 }
    return {
      async join(seat: Seat): Promise<Player> {
        const { partition } = await seat.open(agent('team'), definition)
        return new BudgetPlayer(seat, partition, books)
      },
    }
  },
}

class BudgetPlayer implements Player {
  readonly #seat: Seat
  readonly #budget: BudgetPartition
  readonly #books: Books

  constructor(seat: Seat, budget: BudgetPartition, books: Books) {
    this.#seat = seat
    this.#budget = budget
    this.#books = books
  }

  async act(): Promise<void> {
    try {
      if (this.#seat.dice.chance(0.1)) await this.#mint()
      else await this.#debit()
    } catch (thrown) {
      if (!(thrown instanceof StatemeshError) || !refusals.has(thrown.code)) throw thrown
      this.#seat.marks.hit(`budget ${thrown.code}`)
    }
  }

  look(): void {
    const { minted, spent } = this.#books
    if (spent > minted) this.#broken(`${spent} was spent of ${minted} that was minted`)
    if (this.#budget.balance(key) < 0) this.#broken('the balance is below zero')
  }

  view(): string {
    this.look()
    const spent = [...this.#budget.ledger(key).spent.values()].reduce((sum, n) => sum + n, 0)
    if (spent < this.#books.spent) {
      this.#broken(`${this.#books.spent} was acknowledged as spent, ${spent} is in the ledger`)
    }
    return `${this.#budget.balance(key)} ${spent}`
  }

  async #mint(): Promise<void> {
    const amount = 10 + this.#seat.dice.below(50)
    this.#books.minted += amount
    await this.#budget.mint(key, amount)
  }

  async #debit(): Promise<void> {
    const amount = 1 + this.#seat.dice.below(8)
    await this.#budget.debit(key, amount, { timeoutMilliseconds: 2000 })
    this.#books.spent += amount
    this.#seat.marks.hit('budget spent')
  }

  #broken(why: string): never {
    throw new Violation('budgets within bounds', `${this.#seat.name}: ${why}`)
  }
}
