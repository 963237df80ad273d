/** The tester finds what it is there to find: the canary, and bugs of every kind. */
import { describe, expect, it } from 'vitest'
import { hunt } from '../../simulations/trust/hunt.ts'
import { plantedBugs } from '../../simulations/trust/planted-bugs.ts'

/** Each is found within a few seeds; all of them are hunted by `simulations/trust/main.ts`. */
const quick: readonly [start: string, checker: string][] = [
  ['canary', 'no acked write lost'],
  ['the journal loses', 'no acked write lost'],
  ['an unclean stop', ''],
  ['deletions that come alone', 'convergence'],
  ['transactions are written', 'atomic transactions'],
  ['conflicts are not seen', 'exact conflicts'],
  ['a counter loses', 'exact counters'],
]

describe('a planted bug is found', () => {
  it.each(quick)('%s', async (start, checker) => {
    const bug = plantedBugs.find(({ name }) => name.startsWith(start))
    expect(bug).toBeDefined()
    if (bug === undefined) return
    const { seeds, reason } = await hunt(bug, 30)
    expect(seeds, reason).toBeDefined()
    expect(reason.startsWith(checker), reason).toBe(true)
  })
})
