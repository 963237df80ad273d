/**
 * Where a scope stands in its life: initialize -> active -> updated -> persisted -> archived.
 *
 * That a scope is active or archived is one register for all. Whether what was changed is on disk
 * is known of a replica alone, so every actor has a register for that. Where two moves did not see
 * each other the later phase is read, so an archived scope stays archived.
 */
import { Emitter } from '../base/emitter.ts'
import { StatemeshError } from '../base/error.ts'
import { parseActorId } from '../model/id.ts'
import {
  definePartition,
  type PartitionDefinition,
  type PolicyFunction,
} from '../model/partition-definition.ts'
import type { Scope } from '../model/scope.ts'
import type { RegisterChange, RegisterPartition } from '../partition/register/register-partition.ts'
import type { OpenOptions, StateReplica } from './replica-port.ts'

export const lifecyclePhases = ['initialize', 'active', 'updated', 'persisted', 'archived'] as const
export type LifecyclePhase = (typeof lifecyclePhases)[number]

const legalMoves: { readonly [From in LifecyclePhase]: readonly LifecyclePhase[] } = {
  initialize: ['active'],
  active: ['updated', 'archived'],
  updated: ['persisted'],
  persisted: ['active', 'updated', 'archived'],
  archived: [],
}

export interface LifecycleMove {
  /** Whose phase it is; undefined for a move of the scope as a whole. */
  readonly actor: string | undefined
  readonly from: LifecyclePhase
  readonly to: LifecyclePhase
  readonly origin: 'local' | 'remote'
}

const furthest: PolicyFunction<LifecyclePhase> = siblings => {
  const phases = siblings.flatMap(({ value }) => (value === undefined ? [] : [value]))
  return phases.reduce<LifecyclePhase | undefined>((far, phase) => {
    return far === undefined || rank(phase) > rank(far) ? phase : far
  }, undefined)
}

const Phases: PartitionDefinition<
  LifecyclePhase,
  PolicyFunction<LifecyclePhase>
> = definePartition<LifecyclePhase>({ name: 'lifecycle', policy: furthest })

const wholeKey = 'scope'
const actorPrefix = 'actor:'

/** @throws as `Replica.open` does */
export async function openLifecycle(
  replica: StateReplica,
  scope: Scope,
  options: OpenOptions = {},
): Promise<Lifecycle> {
  const phases = await replica.open(scope, Phases, options)
  return new Lifecycle(phases, scope, parseActorId(options.actor ?? replica.actor))
}

export class Lifecycle {
  readonly #phases: RegisterPartition<LifecyclePhase>
  readonly #scope: Scope
  readonly #actor: string
  readonly #listeners = new Emitter<{ move: LifecycleMove }>()

  /** Not for users: `openLifecycle` makes it. */
  constructor(phases: RegisterPartition<LifecyclePhase>, scope: Scope, actor: string) {
    this.#phases = phases
    this.#scope = scope
    this.#actor = actor
    phases.subscribe(changes => {
      for (const change of changes) this.#tell(change)
    })
  }

  /** Where the scope stands for this actor. @throws CLOSED */
  get phase(): LifecyclePhase {
    return this.phaseOf(this.#actor)
  }

  /** Where the scope stands for an actor, as far as is known here. @throws CLOSED */
  phaseOf(actor: string): LifecyclePhase {
    const whole = readPhase(wholeKey, this.#phases.get(wholeKey))
    if (whole !== 'active') return whole
    const key = actorPrefix + actor
    return readPhase(key, this.#phases.get(key))
  }

  /**
   * Moves on. `active` for the first time and `archived` are moves of the scope, for everybody.
   *
   * @throws LIFECYCLE_ILLEGAL for a move that is none, and nothing is changed; CLOSED
   */
  move(to: LifecyclePhase): void {
    const from = this.phase
    if (!legalMoves[from]?.includes(to)) {
      const why = `${this.#scope} cannot move from ${from} to ${to}`
      throw new StatemeshError('LIFECYCLE_ILLEGAL', why)
    }
    const isOfAll = from === 'initialize' || to === 'archived'
    this.#phases.set(isOfAll ? wholeKey : actorPrefix + this.#actor, to)
  }

  /** Calls `listener` at every move, here or elsewhere. @returns ends it */
  onMove(listener: (move: LifecycleMove) => void): () => void {
    return this.#listeners.on('move', listener)
  }

  close(): void {
    this.#phases.close()
  }

  #tell({ key, value, previous, origin }: RegisterChange<LifecyclePhase>): void {
    const [from, to] = [readPhase(key, previous), readPhase(key, value)]
    if (from === to) return
    const actor = key === wholeKey ? undefined : key.slice(actorPrefix.length)
    this.#listeners.emit('move', Object.freeze({ actor, from, to, origin }))
  }
}

/**
 * Where there is nothing yet: the scope has not begun, and an actor has changed nothing in it. What
 * a stranger wrote that is no phase counts as nothing.
 */
function readPhase(key: string, value: LifecyclePhase | undefined): LifecyclePhase {
  if (value !== undefined && lifecyclePhases.includes(value)) return value
  return key === wholeKey ? 'initialize' : 'active'
}

function rank(phase: LifecyclePhase): number {
  return lifecyclePhases.indexOf(phase)
}
