/** The tester finds what it is there to find: the canary, and bugs of every kind. */
import { describe, expect, it } from 'vitest'
import { hunt } from '../../simulations/trust/hunt.ts'
import { plantedBugs } from '../../simulations/trust/planted-bugs.ts'
import { workloads } from '../../simulations/workloads/all.ts'

/** With the workload that they harm; all of them are hunted without by `simulations/trust/main.ts`. */
const quick: readonly [start: string, workload: string, checker: string][] = [
  ['canary', 'registers', 'no acked write lost'],
  ['the journal loses', 'registers', ''],
  ['an unclean stop', 'registers', ''],
  ['deletions that come alone', 'native', 'convergence'],
  ['transactions are written', 'registers', 'atomic transactions'],
  ['conflicts are not seen', 'registers', 'exact conflicts'],
  ['compaction drops', 'native', ''],
  ['the relay opens a document that no grant', 'permissions', 'granted content'],
  ['the relay takes what a reader', 'permissions', 'granted content'],
  ['a revoked token', 'permissions', 'granted content'],
  ['an index misses', 'queries', 'equal queries'],
  ['a document is let go', 'visitors', 'no acked write lost'],
  ['a counter loses', 'counters', 'exact counters'],
  ['a peer acks before its fsync', 'registers', 'no acked write lost'],
  ['the relay keeps what a closed', 'presence', 'true presence'],
  ['a member that falls silent', 'presence', 'true presence'],
  ['what a member said before', 'presence', 'true presence'],
  ['a flush to three machines counts a peer twice', 'registers', 'no acked write lost'],
]

describe('a planted bug is found', () => {
  it.each(quick)('%s', async (start, name, checker) => {
    const bug = plantedBugs.find(planted => planted.name.startsWith(start))
    expect(bug).toBeDefined()
    if (bug === undefined) return
    const chosen = workloads.filter(workload => workload.name === name)
    const { seeds, reason } = await hunt(bug, { seedsMax: 30, workloads: chosen })
    expect(seeds, reason).toBeDefined()
    expect(reason.startsWith(checker), reason).toBe(true)
  })
})
