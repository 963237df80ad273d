import { describe, expect, it } from 'vitest'
import { testSeed } from '../support/seed.ts'
import { causalRun } from './causal-run.ts'

describe('the siblings of a key', () => {
  it('are exactly the writes that no known write had seen, whatever the exchange', () => {
    const seed = testSeed()
    const runs = Array.from({ length: 400 }, (_, run) => causalRun(seed + run, 60))
    const sum = (count: 'steps' | 'conflicts' | 'missed' | 'invented') =>
      runs.reduce((total, run) => total + run[count], 0)
    expect({ missed: sum('missed'), invented: sum('invented') }).toEqual({ missed: 0, invented: 0 })
    expect(sum('steps')).toBeGreaterThanOrEqual(20_000)
    // Or the runs would prove nothing.
    expect(sum('conflicts')).toBeGreaterThan(5_000)
  })
})
