/** Mints now and then and spends otherwise; records what it asked for, and what was granted. */
import { StatemeshError } from '../../src/base/error.ts'
import { definePartition } from '../../src/model/partition-definition.ts'
import { agent } from '../../src/model/scope.ts'
import type { BudgetPartition } from '../../src/partition/budget/budget-partition.ts'
import type { Player } from '../workloads/workload.ts'
import type { FleetSeat } from './worker-seat.ts'

const definition = definePartition({ name: 'spend', policy: 'budget' })
const key = 'tokens'

/** What a budget may answer where rights are lacking; nothing was spent then. */
const refusals: ReadonlySet<string> = new Set([
  'BUDGET_INSUFFICIENT',
  'BUDGET_UNREACHABLE',
  'CLOSED',
])

export async function budgetPlayer(seat: FleetSeat): Promise<Player> {
  const { partition } = await seat.open(agent('fleet'), definition)
  return new BudgetPlayer(seat, partition)
}

class BudgetPlayer implements Player {
  readonly #seat: FleetSeat
  readonly #budget: BudgetPartition

  constructor(seat: FleetSeat, budget: BudgetPartition) {
    this.#seat = seat
    this.#budget = budget
  }

  async act(): Promise<void> {
    try {
      if (this.#seat.dice.chance(0.1)) await this.#mint()
      else await this.#debit()
    } catch (thrown) {
      if (!(thrown instanceof StatemeshError) || !refusals.has(thrown.code)) throw thrown
      this.#seat.record({ kind: 'refused', code: thrown.code })
    }
  }

  look(): void {
    const { name, record } = this.#seat
    if (this.#budget.balance(key) >= 0) return
    record({ kind: 'broken', message: `budgets within bounds: ${name}: a balance below zero` })
  }

  view(): string {
    this.look()
    const spent = [...this.#budget.ledger(key).spent.values()].reduce((sum, n) => sum + n, 0)
    this.#seat.record({ kind: 'ledger', spent })
    return `${this.#budget.balance(key)} ${spent}`
  }

  async #mint(): Promise<void> {
    const amount = 10 + this.#seat.dice.below(50)
    this.#seat.record({ kind: 'minting', amount })
    await this.#budget.mint(key, amount)
  }

  async #debit(): Promise<void> {
    const amount = 1 + this.#seat.dice.below(8)
    await this.#budget.debit(key, amount, { timeoutMilliseconds: 2000 })
    this.#seat.record({ kind: 'spent', amount })
  }
}
