/**
 * Budgets are kept within bounds: whatever the network does, no more is spent than was minted, nothing
 * falls below zero or is minted by itself, and what was acknowledged as spent is in the ledger.
 */
import type { BudgetPartition } from '../../src/partition/budget/budget-partition.ts'
import { Violation } from './violation.ts'

/** What is known from outside: minted and returned when asked for, spent when acknowledged. */
export class BudgetBooks {
  minted = 0
  spent = 0
  returned = 0
}

/** What a ledger says was spent of a key, refunds taken off. */
export function ledgerSpent(budget: BudgetPartition, key: string): number {
  return total(budget.ledger(key).spent)
}

function total(amounts: ReadonlyMap<string, number>): number {
  return [...amounts.values()].reduce((sum, amount) => sum + amount, 0)
}

/** @param options.settled whether everybody knows everything */
export function checkBudget(
  where: string,
  budget: BudgetPartition,
  { keys, books, settled }: { keys: readonly string[]; books: BudgetBooks; settled: boolean },
): void {
  const broken = (why: string) => new Violation('budgets within bounds', `${where}: ${why}`)
  const { minted, spent, returned } = books
  if (spent - returned > minted) throw broken(`${spent} was spent of ${minted} that was minted`)
  const negative = keys.find(key => budget.balance(key) < 0)
  if (negative !== undefined) throw broken(`the balance of ${negative} is below zero`)
  const inLedger = keys.reduce((sum, key) => sum + total(budget.ledger(key).minted), 0)
  if (inLedger > minted) throw broken(`${minted} was minted, ${inLedger} is in the ledgers`)
  if (!settled) return
  const inLedgers = keys.reduce((sum, key) => sum + ledgerSpent(budget, key), 0)
  if (inLedgers < spent - returned) {
    throw broken(`${spent - returned} was acknowledged as spent, ${inLedgers} is in the ledgers`)
  }
}
