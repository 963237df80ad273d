/**
 * The simulator: how many operations it does with the full stack, five replicas and a relay that links
 * them. An operation is one act of one player, with all that the fleet then does for it and the checkers look
 * at: some write several times, or wait for others that do.
 */
import type { Plan } from '../../../simulations/run/plan.ts'
import { simulate } from '../../../simulations/run/simulate.ts'
import type { Benchmark } from '../figure.ts'

const seeds = 15
const operations = 300
const replicas = 5

/** Runs the seeds, and answers how many operations they did. */
async function runSeeds(first: number): Promise<number> {
  let done = 0
  for (let seed = first; seed < first + seeds; seed++) {
    const adjust = (plan: Plan): Plan => ({ ...plan, topology: 'relay' })
    const result = await simulate({ seed, profile: 'calm', operations, replicas, adjust })
    if (result.failure !== undefined) throw new Error(`seed ${seed}: ${result.failure}`)
    done += result.operations
  }
  return done
}

export const benchmarks: readonly Benchmark[] = [
  {
    // Per second of one core: processor time counts, so that other work on the machine does not.
    figures: { 'calm-5-replicas': 'ops/s' },
    async run() {
      // A worker is at it for minutes; what is compiled in its first seconds is not what it costs.
      await runSeeds(101)
      const start = process.cpuUsage()
      const done = await runSeeds(1)
      const { user, system } = process.cpuUsage(start)
      return { 'calm-5-replicas': done / ((user + system) / 1e6) }
    },
  },
]
