/** Hunts a planted bug: how many seeds does it take until a checker finds it? */
import { simulate } from '../run/simulate.ts'
import type { Workload } from '../workloads/workload.ts'
import type { PlantedBug } from './planted-bugs.ts'

export interface Catch {
  readonly bug: string
  /** How many seeds it took; undefined when none of them found it. */
  readonly seeds: number | undefined
  /** What the checker said. */
  readonly reason: string
}

export interface HuntOptions {
  readonly seedsMax: number
  readonly operations?: number
  /** What the replicas do, instead of what each seed draws: found sooner, and proves less. */
  readonly workloads?: readonly Workload[]
}

/** Runs seeds from 1 with the bug planted, until one fails. */
export async function hunt(
  bug: PlantedBug,
  { seedsMax, operations = 200, workloads }: HuntOptions,
): Promise<Catch> {
  const takeOut = bug.plant()
  try {
    for (let seed = 1; seed <= seedsMax; seed++) {
      const { profile, topology, prepare } = bug
      const { failure } = await simulate({
        seed,
        profile,
        operations,
        topology,
        ...(prepare && { prepare }),
        ...(workloads && { workloads }),
      })
      if (failure !== undefined) return { bug: bug.name, seeds: seed, reason: failure }
    }
    return { bug: bug.name, seeds: undefined, reason: 'not found' }
  } finally {
    takeOut()
  }
}
