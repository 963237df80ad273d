/**
 * Exact conflicts: random replicas write, delete and sync in random order; after every merge the
 * siblings of every key are compared with a causal oracle.
 */
import { causalRun } from '../../partition/causal-run.ts'
import type { Benchmark } from '../figure.ts'

const stepsTotal = 1_000_000
const stepsPerRun = 500

export const benchmarks: readonly Benchmark[] = [
  {
    figures: { steps: 'steps', missed: 'conflicts', false: 'conflicts' },
    runs: 1,
    warmups: 0,
    run() {
      let steps = 0
      let missed = 0
      let invented = 0
      for (let seed = 1; steps < stepsTotal; seed++) {
        const result = causalRun(seed, stepsPerRun)
        steps += stepsPerRun
        missed += result.missed
        invented += result.invented
      }
      return { steps, missed, false: invented }
    },
  },
]
