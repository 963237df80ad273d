/**
 * Budgets in a world of crashes: replicas that mint, spend, transfer and lease while messages are
 * late or lost, disks lose what was not fsynced and relays are swapped for older ones.
 */
import { runBudgetWorld } from '../../partition/budget-world/run-budget-world.ts'
import type { Benchmark } from '../figure.ts'

const worlds = 20_000

export const benchmarks: readonly Benchmark[] = [
  {
    figures: {
      runs: 'runs',
      overspends: 'runs',
      disagreements: 'runs',
      debits: 'debits',
      crashes: 'crashes',
    },
    runs: 1,
    warmups: 0,
    async run() {
      let overspends = 0
      let disagreements = 0
      let debits = 0
      let crashes = 0
      for (let seed = 1; seed <= worlds; seed++) {
        const result = await runBudgetWorld(seed)
        if (result.overspends > 0) overspends += 1
        if (result.complaints.length > 0) disagreements += 1
        debits += result.debits.done
        crashes += result.crashes
      }
      return { runs: worlds, overspends, disagreements, debits, crashes }
    },
  },
]
