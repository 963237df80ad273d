/** The simulator: what a simulated operation costs with the full stack, five replicas and a relay. */
import { simulate } from '../../../simulations/run/simulate.ts'
import type { Benchmark } from '../figure.ts'

const seeds = 15
const operations = 300
const replicas = 5

export const benchmarks: readonly Benchmark[] = [
  {
    // Per second of one core: processor time counts, so that other work on the machine does not.
    figures: { 'calm-5-replicas': 'ops/s' },
    async run() {
      const start = process.cpuUsage()
      let done = 0
      for (let seed = 1; seed <= seeds; seed++) {
        const result = await simulate({ seed, profile: 'calm', operations, replicas })
        if (result.failure !== undefined) throw new Error(`seed ${seed}: ${result.failure}`)
        done += result.operations
      }
      const { user, system } = process.cpuUsage(start)
      return { 'calm-5-replicas': done / ((user + system) / 1e6) }
    },
  },
]
