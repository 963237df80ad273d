/**
 * Makes a failing run small: fewer operations, faults, workloads and replicas, as long as the same
 * checker still finds fault with it. What is left is what the failure needs.
 */
import { present } from '../../src/base/assert.ts'
import type { Topology } from '../nodes/topology.ts'
import { workloads as ours } from '../workloads/all.ts'
import type { Plan } from './plan.ts'
import { type RunOptions, type RunResult, simulate } from './simulate.ts'

/** What a run was cut down to; a regression, together with its seed and profile. */
export interface Cut {
  readonly operations: number
  readonly replicas: number
  /** By name. */
  readonly faults: readonly string[]
  readonly workloads: readonly string[]
  /** `relay` where it is not said. */
  readonly topology?: Topology | undefined
}

export interface Shrunk {
  readonly cut: Cut
  readonly result: RunResult
  /** How many runs it took. */
  readonly runs: number
}

/** The run that is left of one: as it was drawn for this topology, and of that what the cut names. */
export function cutRun(run: RunOptions, cut: Cut): RunOptions {
  return { ...run, topology: cut.topology ?? 'relay', adjust: plan => applyCut(plan, cut) }
}

/** Keeps of a plan what a cut names; its workloads are there even if the seed drew others. */
function applyCut(plan: Plan, cut: Cut): Plan {
  const known = new Map([...ours, ...plan.workloads].map(workload => [workload.name, workload]))
  return {
    ...plan,
    operations: cut.operations,
    replicas: cut.replicas,
    faults: plan.faults.filter(({ name }) => cut.faults.includes(name)),
    workloads: cut.workloads.map(name => present(known.get(name), `a workload ${name}`)),
  }
}

/** Shrinks a run that failed, within so many further runs. */
export async function shrink(
  options: RunOptions,
  failed: RunResult,
  runsMax = 60,
): Promise<Shrunk> {
  let best = { cut: cutOf(failed.plan), result: failed }
  let runs = 0
  const checker = checkerOf(failed)
  for (let found = true; found && runs < runsMax; ) {
    found = false
    for (const cut of smaller(best, failed.plan.operations)) {
      if (runs === runsMax) break
      runs += 1
      const result = await simulate(cutRun(options, cut))
      if (checkerOf(result) !== checker) continue
      best = { cut, result }
      found = true
      break
    }
  }
  return { ...best, runs }
}

function cutOf({ operations, replicas, faults, workloads, topology }: Plan): Cut {
  return {
    operations,
    replicas,
    faults: faults.map(({ name }) => name),
    workloads: workloads.map(({ name }) => name),
    topology,
  }
}

/** The cuts next in size, the boldest first. */
function* smaller({ cut, result }: Omit<Shrunk, 'runs'>, operationsMax: number): Generator<Cut> {
  const { operations, replicas, faults, workloads, topology } = cut
  const done = result.operations
  if (done + 1 < operations) {
    // All is healed with the last operation, so what failed between two may take the second.
    for (const enough of [done, done + 1]) yield { ...cut, operations: enough }
  }
  if (topology !== 'relay') yield { ...cut, topology: 'relay', operations: operationsMax }
  if (workloads.length > 1) {
    // What is left is another run, which may take longer to fail.
    for (const name of workloads) yield { ...cut, workloads: [name], operations: operationsMax }
    for (const name of workloads) {
      yield { ...cut, workloads: workloads.filter(other => other !== name) }
    }
  }
  for (const part of [0.25, 0.5, 0.75, 0.9]) {
    const fewer = Math.floor(operations * part)
    if (fewer > 0) yield { ...cut, operations: fewer }
  }
  for (const name of faults) yield { ...cut, faults: faults.filter(other => other !== name) }
  if (replicas > 2) yield { ...cut, replicas: replicas - 1 }
}

/** Failures are alike when one checker finds them. */
function checkerOf({ failure }: RunResult): string | undefined {
  return failure?.split(':')[0]
}
