/** Hunts a planted bug: how many seeds does it take until a checker finds it? */
import { simulate } from '../run/simulate.ts'
import type { PlantedBug } from './planted-bugs.ts'

export interface Catch {
  readonly bug: string
  /** How many seeds it took; undefined when none of them found it. */
  readonly seeds: number | undefined
  /** What the checker said. */
  readonly reason: string
}

/** Runs seeds from 1 with the bug planted, until one fails. */
export async function hunt(bug: PlantedBug, seedsMax: number, operations = 200): Promise<Catch> {
  const takeOut = bug.plant()
  try {
    for (let seed = 1; seed <= seedsMax; seed++) {
      const { profile, prepare } = bug
      const run = { seed, profile, operations, ...(prepare && { prepare }) }
      const { failure } = await simulate(run)
      if (failure !== undefined) return { bug: bug.name, seeds: seed, reason: failure }
    }
    return { bug: bug.name, seeds: undefined, reason: 'not found' }
  } finally {
    takeOut()
  }
}
