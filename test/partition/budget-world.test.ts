/** Random runs of the false world; a longer search is a matter of calling it with more seeds. */
import { expect, it } from 'vitest'
import { testSeed } from '../support/seed.ts'
import { runBudgetWorld } from './budget-world/run-budget-world.ts'
import type { Fault } from './budget-world/simulated-replica.ts'

it('nothing is overspent, and all agree in the end, whatever happens', async () => {
  const first = testSeed()
  let spent = 0
  for (let seed = first; seed < first + 500; seed++) {
    const { overspends, complaints, debits } = await runBudgetWorld(seed)
    expect({ seed, overspends, complaints }).toEqual({ seed, overspends: 0, complaints: [] })
    spent += debits.done
  }
  expect(spent).toBeGreaterThan(1_000)
})

it.each([202_675, 202_954, 501_965])('the run %i, which once overspent, does not', async seed => {
  expect(await runBudgetWorld(seed)).toMatchObject({ overspends: 0, complaints: [] })
})

it('a seed gives the same run each time', async () => {
  expect(await runBudgetWorld(7)).toEqual(await runBudgetWorld(7))
})

it.each<[Fault, number]>([
  ['lazy-disk', 0],
  ['lazy-relay', 150],
  ['wild-clocks', 30],
  ['no-fence', 0],
])('finds a planted %s', async (fault, first) => {
  let overspends = 0
  for (let seed = first; seed < first + 60 && overspends === 0; seed++) {
    overspends = (await runBudgetWorld(seed, { fault })).overspends
  }
  expect(overspends).toBeGreaterThan(0)
})
