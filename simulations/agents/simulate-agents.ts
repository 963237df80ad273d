/** The front door for users: their agents and invariants under many seeds, until one fails. */

import type { Topology } from '../nodes/topology.ts'
import type { ProfileName } from '../run/profile.ts'
import { type Cut, cutRun, shrink } from '../run/shrink.ts'
import { type RunResult, simulate as run } from '../run/simulate.ts'
import type { Agent, Invariant } from './agent.ts'
import { agentWorkload } from './agent-workload.ts'

export interface SimulationOptions {
  /** Each runs on a machine and a replica of its own. */
  agents: readonly Agent[]
  invariants?: readonly Invariant[]
  /** How many seeds, from 1, or which; 100 unless given. */
  seeds?: number | readonly number[]
  /** What goes wrong; `swarm`, which draws it from the seed, unless given. */
  profile?: ProfileName
  /** Who is linked with whom: all with a `relay` alone, unless given; with `peers` there is none. */
  topology?: Topology
  /** How long faults strike in each run, in simulated milliseconds; 10,000 unless given. */
  faultMilliseconds?: number
  /** How many runs to spend on making a failing one smaller; 40 unless given. */
  shrinkRunsMax?: number
  /** One run that failed, as a failure told: it alone is run. */
  replay?: Replay
  /** Called after each seed, with the line by line story where one run is replayed. */
  onRun?: (run: RunResult) => void
}

/** What repeats a failing run. */
export interface Replay extends Cut {
  readonly seed: number
  readonly profile: ProfileName
}

export interface SimulationReport {
  readonly seeds: number
  /** What struck and what else was counted over all seeds, by name. */
  readonly marks: ReadonlyMap<string, number>
}

/** A run in which an agent failed, or an invariant or a promise of ours did not hold. */
export class SimulationFailure extends Error {
  override readonly name = 'SimulationFailure'
  readonly replay: Replay
  /** What happened, line by line. */
  readonly story: readonly string[]

  constructor(reason: string, replay: Replay, story: readonly string[]) {
    super(`${reason}\nto repeat it: simulate({ ..., replay: ${JSON.stringify(replay)} })`)
    this.replay = replay
    this.story = story
  }
}

/** An operation is a moment at which invariants are asked somewhere. */
const lookMilliseconds = 50

/**
 * Runs agents in a world of faults, seed by seed. Besides the invariants every promise of Statemesh is
 * checked: nothing acked is lost, all replicas come to hold the same bytes, and the rest.
 *
 * @throws SimulationFailure for the first seed that fails, made as small as it could be
 */
export async function simulate(options: SimulationOptions): Promise<SimulationReport> {
  const { seeds = 100, profile = 'swarm', replay, onRun } = options
  const marks = new Map<string, number>()
  const numbers = typeof seeds === 'number' ? Array.from({ length: seeds }, (_, n) => n + 1) : seeds
  const cases = replay === undefined ? numbers.map(seed => ({ seed, profile })) : [replay]
  for (const one of cases) {
    const asked = runOptions(options, one)
    const result = await run(replay ? cutRun({ ...asked, told: true }, replay) : asked)
    onRun?.(result)
    if (result.failure !== undefined) throw await smallest(options, result)
    for (const [name, count] of Object.entries(result.marks)) {
      marks.set(name, (marks.get(name) ?? 0) + count)
    }
  }
  return { seeds: cases.length, marks }
}

function runOptions(
  { agents, invariants = [], faultMilliseconds = 10_000, topology = 'relay' }: SimulationOptions,
  { seed, profile }: { seed: number; profile: ProfileName },
) {
  return {
    seed,
    profile,
    topology,
    operations: Math.ceil(faultMilliseconds / lookMilliseconds),
    thinkMilliseconds: lookMilliseconds,
    replicas: agents.length,
    workloads: [agentWorkload({ agents, invariants })],
  }
}

async function smallest(options: SimulationOptions, failed: RunResult): Promise<SimulationFailure> {
  const { replay, shrinkRunsMax = 40 } = options
  const again = runOptions(options, failed)
  const cut = replay ?? (await shrink(again, failed, shrinkRunsMax)).cut
  const { seed, profile } = failed
  const small: Replay = { seed, profile, ...cut }
  const told = replay === undefined ? await run(cutRun({ ...again, told: true }, small)) : failed
  return new SimulationFailure(told.failure ?? String(failed.failure), small, told.story)
}
