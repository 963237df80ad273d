/** `FLEET_RUNS=5000 npx vitest run test/replica/random-fleet.test.ts` goes on searching for longer. */
import { expect, it } from 'vitest'
import { testSeed } from '../support/seed.ts'
import { runRandomFleet } from './random-fleet/run.ts'

const runs = Number(process.env.FLEET_RUNS ?? 40)

it(
  'keeps every promise of replicas and a relay, whatever happens to them',
  async () => {
    const first = testSeed()
    for (let run = 0; run < runs; run++) {
      const seed = (first + run) % 2 ** 32
      const wrongs = await runRandomFleet(seed).catch(error => [String(error)])
      expect(wrongs, `SEED=${seed}`).toEqual([])
    }
  },
  Math.max(120_000, runs * 500),
)
