/** What the driver asks of a worker, and what it gets back. */
import type { ProfileName } from '../run/profile.ts'
import { type RunResult, simulate } from '../run/simulate.ts'

/** Seeds of one profile, enough of them to be worth a message. */
export interface Job {
  readonly profile: ProfileName
  readonly fromSeed: number
  readonly seeds: number
  readonly operations: number
  readonly replicas?: number | undefined
  readonly checkDeterminism: boolean
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
  readonly marks: { readonly [name: string]: number }
  /** Of each seed that converged, in simulated milliseconds. */
  readonly convergence: readonly number[]
  readonly failures: readonly Failure[]
}

export async function runJob(job: Job): Promise<JobResult> {
  const marks: { [name: string]: number } = {}
  const convergence: number[] = []
  const failures: Failure[] = []
  let operations = 0
  let events = 0
  for (let seed = job.fromSeed; seed < job.fromSeed + job.seeds; seed++) {
    const result = await runSeed(job, seed)
    operations += result.operations
    events += result.events
    for (const [name, count] of Object.entries(result.marks)) {
      marks[name] = (marks[name] ?? 0) + count
    }
    const reason = result.failure ?? (await differsAgain(job, result))
    if (reason === undefined) convergence.push(result.convergenceMilliseconds)
    else failures.push({ profile: job.profile, seed, reason })
  }
  const { profile, seeds } = job
  return { profile, seeds, operations, events, marks, convergence, failures }
}

function runSeed({ profile, operations, replicas }: Job, seed: number): Promise<RunResult> {
  return simulate({ seed, profile, operations, replicas })
}

/** Why a second run of a seed is not the first one again, where that is asked. */
async function differsAgain(job: Job, first: RunResult): Promise<string | undefined> {
  if (!job.checkDeterminism) return undefined
  const second = await runSeed(job, first.seed)
  if (second.traceHash === first.traceHash && second.events === first.events) return undefined
  return `determinism: trace ${first.traceHash} the first time, ${second.traceHash} the second`
}
