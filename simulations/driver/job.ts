/** What the driver asks of a worker, and what it gets back. */
import type { Topology } from '../nodes/topology.ts'
import type { ProfileName } from '../run/profile.ts'
import { type RunOptions, type RunResult, simulate } from '../run/simulate.ts'
import { plantCanary } from '../trust/canary.ts'

/** Seeds of one profile, enough of them to be worth a message. */
export interface Job {
  readonly profile: ProfileName
  readonly fromSeed: number
  readonly seeds: number
  readonly operations: number
  readonly replicas?: number | undefined
  readonly topology?: Topology | undefined
  readonly checkDeterminism: boolean
  /** Whether to plant the bug that must be found. */
  readonly canary: boolean
}

export interface Failure {
  readonly profile: ProfileName
  readonly seed: number
  readonly reason: string
}

export interface JobResult {
  readonly profile: ProfileName
  readonly seeds: number
  readonly operations: number
  readonly events: number
  readonly acked: number
  readonly survived: number
  readonly marks: { readonly [name: string]: number }
  /** Of each seed that converged, in simulated milliseconds. */
  readonly convergence: readonly number[]
  /** The same by how the fleet was linked. */
  readonly topologies: { readonly [name in Topology]?: readonly number[] }
  readonly failures: readonly Failure[]
}

const summed = ['operations', 'events', 'acked', 'survived'] as const

export async function runJob(job: Job): Promise<JobResult> {
  const marks: { [name: string]: number } = {}
  const convergence: number[] = []
  const topologies: { [name in Topology]?: number[] } = {}
  const failures: Failure[] = []
  const sums = { operations: 0, events: 0, acked: 0, survived: 0 }
  for (let seed = job.fromSeed; seed < job.fromSeed + job.seeds; seed++) {
    const result = await simulate(runOptions(job, seed))
    for (const field of summed) sums[field] += result[field]
    for (const [name, count] of Object.entries(result.marks)) {
      marks[name] = (marks[name] ?? 0) + count
    }
    const reason = result.failure ?? (await differsAgain(job, result))
    if (reason !== undefined) {
      failures.push({ profile: job.profile, seed, reason })
      continue
    }
    convergence.push(result.convergenceMilliseconds)
    const { topology } = result.plan
    topologies[topology] = [...(topologies[topology] ?? []), result.convergenceMilliseconds]
  }
  const { profile, seeds } = job
  return { profile, seeds, ...sums, marks, convergence, topologies, failures }
}

/** What `simulate` is to be called with for a seed of a job. */
export function runOptions(job: Omit<Job, 'fromSeed' | 'seeds'>, seed: number): RunOptions {
  const { profile, operations, replicas, topology, canary } = job
  return { seed, profile, operations, replicas, topology, ...(canary && { prepare: plantCanary }) }
}

/** Why a second run of a seed is not the first one again, where that is asked. */
async function differsAgain(job: Job, first: RunResult): Promise<string | undefined> {
  if (!job.checkDeterminism) return undefined
  const second = await simulate(runOptions(job, first.seed))
  if (second.traceHash === first.traceHash && second.events === first.events) return undefined
  return `determinism: trace ${first.traceHash} the first time, ${second.traceHash} the second`
}
