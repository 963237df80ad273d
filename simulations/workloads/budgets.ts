/** Budgets: mints, debits, refunds, transfers, grants and leases of rights. */
import { definePartition } from '../../src/model/partition-definition.ts'
import { agent } from '../../src/model/scope.ts'
import type { BudgetPartition } from '../../src/partition/budget/budget-partition.ts'
import { BudgetBooks, checkBudget, ledgerSpent } from '../checkers/budget-bounds.ts'
import { relayName } from '../nodes/relay-node.ts'
import { allowingLater, machineCodes } from './refusals.ts'
import type { Player, Seat, Workload } from './workload.ts'

const keys = ['tokens', 'calls'] as const

/** What a budget may answer where rights or the disk are lacking; nothing was spent then. */
const refusals = [
  'BUDGET_INSUFFICIENT',
  'BUDGET_UNREACHABLE',
  'BUDGET_CAP',
  'FLUSH_TIMEOUT',
  'LINK_FAILED',
  'RELAY_NOT_CONFIGURED',
  ...machineCodes,
]

/** What clocks are off at most where they are right, as `Conditions` say. */
const skewMilliseconds = 1000

type Budget = BudgetPartition

export const budgets: Workload = {
  name: 'budgets',
  weight: 0.35,
  plan(dice, { clocksRight }) {
    // Leases need clocks that are right.
    const leaseMilliseconds = clocksRight
      ? dice.pick([undefined, undefined, 2000, 20_000])
      : undefined
    const definition = definePartition({
      name: 'spend',
      policy: 'budget',
      budget: {
        skewMilliseconds,
        ...(leaseMilliseconds !== undefined && { leaseMilliseconds }),
      },
    })
    const books = new BudgetBooks()
    return {
      async join(seat: Seat): Promise<Player> {
        const { partition } = await seat.open(agent('team'), definition)
        return new BudgetPlayer(seat, partition as Budget, books, clocksRight)
      },
    }
  },
}

class BudgetPlayer implements Player {
  readonly #seat: Seat
  readonly #budget: Budget
  readonly #books: BudgetBooks
  readonly #mayLease: boolean

  constructor(seat: Seat, budget: Budget, books: BudgetBooks, mayLease: boolean) {
    this.#seat = seat
    this.#budget = budget
    this.#books = books
    this.#mayLease = mayLease
  }

  async act(): Promise<void> {
    const { dice, marks } = this.#seat
    const choice = dice.below(20)
    await allowingLater(refusals, marks, () => {
      if (choice < 2) return this.#mint()
      if (choice < 4) return this.#transfer()
      if (choice < 6) return this.#grant()
      if (choice < 7) return this.#credit()
      return this.#debit()
    })
  }

  look(): void {
    // It reads whole ledgers: now and then is enough.
    if (this.#seat.dice.chance(0.2)) this.#check(false)
  }

  view(): string {
    this.#check(true)
    return keys.map(key => `${this.#budget.balance(key)} ${ledgerSpent(this.#budget, key)}`).join()
  }

  async #mint(): Promise<void> {
    const { dice } = this.#seat
    const amount = 5 + dice.below(20)
    this.#books.minted += amount
    await this.#budget.mint(dice.pick(keys), amount)
  }

  async #debit(): Promise<void> {
    const { dice, marks } = this.#seat
    const amount = 1 + dice.below(8)
    await this.#budget.debit(dice.pick(keys), amount, { timeoutMilliseconds: 2000 })
    this.#books.spent += amount
    marks.hit('budget spent')
  }

  async #transfer(): Promise<void> {
    const { dice, marks } = this.#seat
    const [from, to] = dice.shuffled(keys) as [string, string]
    await this.#budget.transfer(from, to, 1 + dice.below(10), { timeoutMilliseconds: 2000 })
    marks.hit('budget transferred')
  }

  /** To anybody who has a share, for good or for a while. */
  async #grant(): Promise<void> {
    const { dice, marks } = this.#seat
    const key = dice.pick(keys)
    const others = this.#budget.shares(key).filter(({ writer }) => writer !== this.#budget.writer)
    if (others.length === 0) return
    const leases = this.#mayLease && dice.chance(0.5)
    await this.#budget.grant(key, dice.pick(others).writer, 1 + dice.below(10), {
      ...(leases && { expiresInMilliseconds: skewMilliseconds + 100 + dice.below(5000) }),
    })
    marks.hit(leases ? 'budget leased' : 'budget granted')
  }

  /** Gives back what was spent: it may be spent again from the moment that this is asked. */
  async #credit(): Promise<void> {
    const amount = 1 + this.#seat.dice.below(4)
    this.#books.returned += amount
    await this.#budget.credit(this.#seat.dice.pick(keys), amount)
  }

  #check(settled: boolean): void {
    // A replica that has lost what it spent may spend it again: nobody else knows.
    if ([...this.#seat.losses].some(name => name !== relayName)) return
    checkBudget(this.#seat.name, this.#budget, { keys, books: this.#books, settled })
  }
}
