/** A small set of seeds of every profile, and what every run must be: repeatable. */
import { describe, expect, it } from 'vitest'
import type { Plan } from '../../simulations/run/plan.ts'
import { profileNames } from '../../simulations/run/profile.ts'
import { simulate } from '../../simulations/run/simulate.ts'
import { native } from '../../simulations/workloads/native.ts'
import { registers } from '../../simulations/workloads/registers.ts'
import { testSeed } from '../support/seed.ts'

describe.each(profileNames)('a fleet under the profile %s', profile => {
  it('keeps every promise', async () => {
    const first = testSeed() % 2 ** 31
    for (let seed = first; seed < first + 2; seed++) {
      const { failure } = await simulate({ seed, profile, operations: 100 })
      expect(failure, `--profile ${profile} --seed ${seed} --ops 100`).toBeUndefined()
    }
  })
})

describe.each(['mesh', 'bridge', 'peers'] as const)(
  'a fleet whose replicas are linked as a %s',
  topology => {
    it('keeps every promise, cut in two and whole again', async () => {
      const first = testSeed() % 2 ** 31
      for (let seed = first; seed < first + 2; seed++) {
        const adjust = (plan: Plan): Plan => ({ ...plan, workloads: [registers, native] })
        const run = { seed, profile: 'partitioned', operations: 100, topology, adjust } as const
        const { failure, marks } = await simulate(run)
        expect(failure, `--profile partitioned --seed ${seed} as a ${topology}`).toBeUndefined()
        expect(marks).toMatchObject({ [`converged: ${topology}`]: 1 })
        expect(marks['peers linked']).toBeGreaterThan(0)
      }
    })
  },
)

describe.each(['crashing', 'hostile', 'swarm'] as const)('peers without a relay, %s', profile => {
  it('keep what was acked on several disks, whatever fewer disks lose', async () => {
    const first = testSeed() % 2 ** 31
    for (let seed = first; seed < first + 2; seed++) {
      const result = await simulate({ seed, profile, operations: 100, topology: 'peers' })
      const { failure, marks, acked, survived } = result
      expect(failure, `--profile ${profile} --seed ${seed} --topology peers`).toBeUndefined()
      expect(marks).toMatchObject({ 'converged: peers': 1 })
      expect(survived).toBe(acked)
      expect(
        Object.keys(marks).filter(name => /^relay |relay (?:crash|restart)/.test(name)),
      ).toEqual([])
    }
  })
})

describe('a run', () => {
  it('is repeated by its seed, to the last byte', async () => {
    const options = { seed: testSeed(), profile: 'swarm', operations: 150 } as const
    const first = await simulate(options)
    const second = await simulate({ ...options, told: true })
    expect([second.traceHash, second.events]).toEqual([first.traceHash, first.events])
    expect(second.marks).toEqual(first.marks)
    expect(second.story.length).toBeGreaterThan(5)
  })

  it('is another one under another seed', async () => {
    const run = (seed: number) => simulate({ seed, profile: 'calm', operations: 20 })
    expect((await run(1)).traceHash).not.toBe((await run(2)).traceHash)
  })
})
