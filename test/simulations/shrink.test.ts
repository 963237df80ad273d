/** A failing run becomes a small one that fails alike; runs that once failed do so no more. */
import { describe, expect, it } from 'vitest'
import { Violation } from '../../simulations/checkers/violation.ts'
import { regressions } from '../../simulations/regressions.ts'
import { cutRun, shrink } from '../../simulations/run/shrink.ts'
import { type RunOptions, simulate } from '../../simulations/run/simulate.ts'
import { plantedBugs } from '../../simulations/trust/planted-bugs.ts'

describe('shrinking', () => {
  it('keeps the checker that failed, and little else', async () => {
    const bug = plantedBugs.find(({ name }) => name.startsWith('transactions are written'))
    const takeOut = bug?.plant() ?? (() => undefined)
    try {
      const options = { seed: 5, profile: 'lossy', operations: 200 } as const
      const failed = await firstFailure(options)
      const { cut, result, runs } = await shrink(failed.options, failed.result, 40)
      expect(result.failure).toContain('atomic transactions')
      // Not fewer than it took with other workloads beside: without them it is another run.
      expect(cut.operations).toBeLessThanOrEqual(20)
      expect(cut.workloads).toEqual(['registers'])
      expect(runs).toBeLessThanOrEqual(40)
    } finally {
      takeOut()
    }
  })

  it('ends with a cut that fails when it is replayed, though it fails between two operations', async () => {
    // Operations are far apart, and what is healed converges at once.
    const options: RunOptions = {
      ...{ seed: 1, profile: 'calm', operations: 20, replicas: 3, topology: 'relay' },
      thinkMilliseconds: 20_000,
      prepare: fleet => {
        const failUnlessOver = () => {
          if (fleet.up.length > 0) fleet.world.fail(new Violation('planted', 'it fails'))
        }
        fleet.world.after(100_000, 'planted', failUnlessOver)
      },
    }
    const { cut } = await shrink(options, await simulate(options))
    expect(cut.operations).toBeLessThan(20)
    const { failure } = await simulate(cutRun(options, cut))
    expect(failure).toBe('planted: it fails')
  })
})

async function firstFailure(options: { profile: 'lossy'; operations: number; seed: number }) {
  for (let { seed } = options; ; seed++) {
    const result = await simulate({ ...options, seed })
    if (result.failure !== undefined) return { options: { ...options, seed }, result }
  }
}

describe('a run that once failed', () => {
  it.each(regressions)('passes: $found', async ({ seed, profile, ...cut }) => {
    const { operations } = cut
    const { failure } = await simulate(cutRun({ seed, profile, operations }, cut))
    expect(failure).toBeUndefined()
  })
})
