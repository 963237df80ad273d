/**
 * One run: a seed makes a world and a fleet in it. First everybody works while faults strike
 * (safety); then all is healed and the fleet must converge in bounded time (liveness).
 */
import { StatemeshError } from '../../src/base/error.ts'
import { checkBounds } from '../checkers/bounds.ts'
import { whyNotConverged } from '../checkers/convergence.ts'
import { Violation } from '../checkers/violation.ts'
import type { FaultPlan, Heal } from '../faults/fault.ts'
import { Fleet } from '../nodes/fleet.ts'
import type { Topology } from '../nodes/topology.ts'
import type { Workload } from '../workloads/workload.ts'
import { World } from '../world/world.ts'
import type { Plan } from './plan.ts'
import { drawPlan, type ProfileName } from './profile.ts'

export interface RunOptions {
  seed: number
  profile: ProfileName
  operations: number
  replicas?: number | undefined
  /** Who is linked with whom; drawn where it is not given. */
  topology?: Topology | undefined
  /** Whether to keep the story of the run. */
  told?: boolean
  /** What the replicas do, instead of what the seed draws from our own workloads. */
  workloads?: readonly Workload[]
  /** The wait between operations on average; drawn where it is not given. */
  thinkMilliseconds?: number
  /** Changes the plan, to shrink a run. */
  adjust?: (plan: Plan) => Plan
  /** Called when the fleet has been made, for bugs to be planted. */
  prepare?: (fleet: Fleet) => void
}

export interface RunResult {
  readonly seed: number
  readonly profile: ProfileName
  readonly plan: Plan
  readonly operations: number
  readonly events: number
  /** How long the run took in its own time. */
  readonly simulatedMilliseconds: number
  /** Changes that a flush acknowledged as durable, or replicated without a relay, and those of them that were there in the end. */
  readonly acked: number
  readonly survived: number
  /** From the healing until everybody agreed. */
  readonly convergenceMilliseconds: number
  readonly traceHash: string
  readonly marks: { readonly [name: string]: number }
  readonly failure: string | undefined
  readonly story: readonly string[]
}

/** Dead links are found after 40 s, and the longest pause before a dial is 10 s. */
const convergenceMillisecondsMax = 180_000
const inTime = `within ${convergenceMillisecondsMax / 1000} simulated seconds`
const lookMilliseconds = 100
/** Where every machine is down for most of a run, the run ends all the same. */
const safetyMillisecondsMax = 3_600_000

/**
 * Runs a seed. It does not throw for what it finds: that is the `failure` of the result.
 *
 * @throws OPTION_INVALID for a fleet of peers that is one replica
 */
export async function simulate(options: RunOptions): Promise<RunResult> {
  const { seed, profile, operations, replicas, told = false, workloads, adjust, prepare } = options
  const world = new World({ seed, told })
  // Somebody's own workloads count on the relay, unless it is said that there is none.
  const topology = options.topology ?? (workloads && 'relay')
  const drawn = drawPlan(world.dice, profile, { operations, replicas, topology })
  const { thinkMilliseconds = drawn.thinkMilliseconds } = options
  const given = { ...drawn, thinkMilliseconds, ...(workloads && { workloads }) }
  const plan = adjust?.(given) ?? given
  if (plan.topology === 'peers' && plan.replicas < 2) {
    throw new StatemeshError('OPTION_INVALID', 'a fleet of peers has two replicas or more')
  }
  const run = new Run(world, plan)
  prepare?.(run.fleet)
  let failure: string | undefined
  try {
    await run.whole()
  } catch (thrown) {
    failure = describe(thrown)
    world.tell('run', failure)
  }
  return {
    seed,
    profile,
    plan,
    operations: run.operations,
    events: world.fired,
    simulatedMilliseconds: world.now,
    ...run.fleet.countAcked(),
    convergenceMilliseconds: run.convergenceMilliseconds,
    traceHash: world.trace.hash,
    marks: world.marks.toObject(),
    failure,
    story: world.trace.story,
  }
}

function describe(thrown: unknown): string {
  if (thrown instanceof Violation) return thrown.message
  return thrown instanceof Error ? (thrown.stack ?? thrown.message) : String(thrown)
}

class Run {
  readonly fleet: Fleet
  operations = 0
  convergenceMilliseconds = 0
  readonly #world: World
  readonly #plan: Plan
  #safe = false
  readonly #heals = new Set<Heal>()

  constructor(world: World, plan: Plan) {
    this.#world = world
    this.#plan = plan
    this.fleet = new Fleet(world, plan)
  }

  async whole(): Promise<void> {
    this.fleet.start()
    this.#workLater()
    for (const fault of this.#plan.faults) this.#strikeLater(fault)
    await this.#world.run(() => this.operations >= this.#plan.operations, safetyMillisecondsMax)
    this.#heal()
    const healed = this.#world.now
    const { replicas } = this.fleet
    await this.#world.run(() => replicas.every(({ isUp }) => isUp), this.#deadline())
    await this.#finish('players have not settled', this.fleet.settle())
    await this.#converge()
    this.convergenceMilliseconds = this.#world.now - healed
    await this.#finish('players have not concluded', this.fleet.conclude())
    this.fleet.checkDurable()
    await this.#world.settle(this.fleet.stop())
    this.fleet.checkDisks()
  }

  #workLater(): void {
    const { thinkMilliseconds, operations, operationsPerFlush } = this.#plan
    const { dice } = this.#world
    this.#world.after(dice.wait(thinkMilliseconds), 'work', () => {
      const { up } = this.fleet
      if (up.length > 0) {
        const node = dice.pick(up)
        // Counted first: one that fails belongs to those that it takes to fail.
        this.operations += 1
        node.act()
        const { stocks } = this.fleet
        if (stocks.length > 0 && dice.chance(0.2)) dice.pick(stocks).act()
        if (dice.chance(1 / operationsPerFlush)) {
          node.flush(dice.pick(['local', 'received', 'durable', 'durable'] as const))
        }
        if (this.operations % 100 === 0) checkBounds(this.fleet.processes, this.fleet.network)
      }
      if (this.operations < operations) this.#workLater()
    })
  }

  #strikeLater(plan: FaultPlan): void {
    const { dice } = this.#world
    this.#world.after(dice.wait(plan.everyMilliseconds), plan.name, () => {
      if (this.#safe) return
      this.#strike(plan)
      this.#strikeLater(plan)
    })
  }

  #strike({ name, fault, lastsMilliseconds }: FaultPlan): void {
    const world = this.#world
    const heal = fault.strike(this.fleet)
    if (heal === undefined) return
    world.marks.hit(`fault: ${name}`)
    if (this.fleet.relay === undefined) world.marks.hit(`among peers: ${name}`)
    world.tell('fault', name)
    const once = () => {
      if (!this.#heals.delete(once)) return
      world.tell('fault', `${name} is over`)
      heal()
    }
    this.#heals.add(once)
    const [atLeast, beyond] = lastsMilliseconds
    world.after(atLeast + world.dice.wait(beyond), `end of ${name}`, once)
  }

  #heal(): void {
    this.#safe = true
    this.#world.tell('run', 'all is healed')
    for (const heal of [...this.#heals]) heal()
  }

  /** From now on all is healed, and what is asked for must be over by then. */
  #deadline(): number {
    return this.#world.now + convergenceMillisecondsMax
  }

  /** Waits for players, but not for ever. */
  async #finish(complaint: string, promise: Promise<void>): Promise<void> {
    let over = false
    const watched = promise.finally(() => {
      over = true
    })
    watched.catch(() => undefined) // it is awaited below; until then it is not unhandled
    await this.#world.run(() => over, this.#deadline())
    if (!over) throw new Violation('liveness', `${complaint} ${inTime}`)
    await watched
  }

  async #converge(): Promise<void> {
    const world = this.#world
    const deadline = this.#deadline()
    const { replicas, relay, stocks, topology } = this.fleet
    for (;;) {
      await world.run(() => false, world.now + lookMilliseconds)
      const why = whyNotConverged(replicas, relay, stocks)
      if (why === undefined) return world.marks.hit(`converged: ${topology}`)
      if (world.now > deadline) throw new Violation('convergence', `not ${inTime}: ${why}`)
    }
  }
}
