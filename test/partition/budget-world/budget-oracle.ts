/**
 * What the callers of a budget were told, and what must therefore hold. It knows nothing of rows
 * and rights: only of calls and how they ended.
 */
import type { BudgetPartition } from '../../../src/partition/budget/budget-partition.ts'

export type Call = 'mint' | 'debit' | 'credit' | 'transfer'
/** `open`: not answered, and perhaps never to be, since its replica crashed. */
export type Outcome = 'open' | 'done' | 'refused'

interface Operation {
  readonly call: Call
  readonly key: string
  /** Where a transfer goes. */
  readonly to: string | undefined
  readonly actor: string
  readonly amount: number
  outcome: Outcome
}

export class BudgetOracle {
  readonly #operations: Operation[] = []

  /** Takes note of a call before it is made. */
  begin(call: Call, actor: string, amount: number, key: string, to?: string): Operation {
    const operation: Operation = { call, key, to, actor, amount, outcome: 'open' }
    this.#operations.push(operation)
    return operation
  }

  count(call: Call, outcome: Outcome): number {
    return this.#operations.filter(done => done.call === call && done.outcome === outcome).length
  }

  /**
   * The keys of which more was spent than there ever can have been. Whatever could give a key
   * money counts as soon as it is asked for; whatever takes some, only once it is done.
   */
  overspent(keys: readonly string[]): string[] {
    return keys.filter(key => {
      const came =
        this.#most('mint', key) +
        this.#most('credit', key) +
        this.#sum(({ call, to, outcome }) => {
          return call === 'transfer' && to === key && outcome !== 'refused'
        })
      return this.#least('debit', key) + this.#least('transfer', key) > came
    })
  }

  /** What a replica's ledger says that callers were not told, or the other way round. */
  complaints(
    budget: BudgetPartition,
    keys: readonly string[],
    actors: readonly string[],
  ): string[] {
    return keys.flatMap(key => {
      const { spent, minted } = budget.ledger(key)
      return actors.flatMap(actor => {
        const net = spent.get(actor) ?? 0
        const least = this.#least('debit', key, actor) - this.#most('credit', key, actor)
        const most = this.#most('debit', key, actor) - this.#least('credit', key, actor)
        const made = minted.get(actor) ?? 0
        const told: string[] = []
        if (net < least || net > most) {
          told.push(`${actor} spent ${least} to ${most} of ${key}, the ledger says ${net}`)
        }
        if (made < this.#least('mint', key, actor) || made > this.#most('mint', key, actor)) {
          told.push(`${actor} minted something else than ${made} of ${key}`)
        }
        return told
      })
    })
  }

  #least(call: Call, key: string, actor?: string): number {
    return this.#sum(done => isOf(done, call, key, actor) && done.outcome === 'done')
  }

  #most(call: Call, key: string, actor?: string): number {
    return this.#sum(done => isOf(done, call, key, actor) && done.outcome !== 'refused')
  }

  #sum(counts: (operation: Operation) => boolean): number {
    return this.#operations.reduce((sum, one) => (counts(one) ? sum + one.amount : sum), 0)
  }
}

function isOf(operation: Operation, call: Call, key: string, actor: string | undefined): boolean {
  return (
    operation.call === call &&
    operation.key === key &&
    (actor === undefined || operation.actor === actor)
  )
}
