/**
 * Registered transitions of a scope: checked, run one after the other, durable on this replica, and
 * only then told as `state:changed`, here and on every other replica.
 */
import type { z } from 'zod'
import { Emitter } from '../base/emitter.ts'
import { StatemeshError, toStatemeshError } from '../base/error.ts'
import { definePartition, type PartitionDefinition } from '../model/partition-definition.ts'
import type { Scope } from '../model/scope.ts'
import { encodeValue } from '../model/value.ts'
import type { LogPartition } from '../partition/log/log-partition.ts'
import { parseValue } from '../partition/parse-value.ts'
import { type Lifecycle, openLifecycle } from './lifecycle.ts'
import type { OpenOptions, StateReplica } from './replica-port.ts'

export interface Transition<Context, Payload> {
  /** Checks the payload, and gives it its defaults. */
  readonly payload: z.ZodType<Payload>
  /**
   * Changes the state. It should check all it needs before its first write: what it wrote before it
   * throws stays.
   */
  run(payload: Payload, context: Context): unknown
}

/** A transition, whatever its payload is. */
export interface AnyTransition<Context> {
  readonly payload: z.ZodType
  run(payload: never, context: Context): unknown
}

export interface Transitions<Context> {
  readonly [event: string]: AnyTransition<Context>
}

/** Declares a transition, so that its payload has the type of its schema. */
export function defineTransition<Context, Payload>(
  payload: z.ZodType<Payload>,
  run: (payload: Payload, context: Context) => unknown,
): Transition<Context, Payload> {
  return Object.freeze({ payload, run })
}

export interface StateChanged {
  readonly event: string
  readonly scope: Scope
  readonly cause: {
    readonly actor: string
    readonly payload: unknown
    /** The hybrid timestamp of the transition. */
    readonly timestamp: number
  }
  /** Whether the transition ran on this replica. */
  readonly origin: 'local' | 'remote'
}

export type StateManagerEvents = {
  'state:changed': StateChanged
  /** A transition of another replica is here but could not be made durable. */
  warning: StatemeshError
}

export interface StateManagerOptions<Context, Events extends Transitions<Context>>
  extends OpenOptions {
  /** What transitions work on; closing it is the caller's. */
  readonly context: Context
  readonly transitions: Events
}

interface TransitionRecord {
  readonly event: string
  readonly payload: unknown
}

const Records: PartitionDefinition<TransitionRecord, 'log'> = definePartition<
  TransitionRecord,
  'log'
>({ name: 'transitions', policy: 'log' })

type Payload<Event> = Event extends { readonly payload: z.ZodType<infer Given> } ? Given : never

/** @throws as `Replica.open` does */
export async function openStateManager<Context, const Events extends Transitions<Context>>(
  replica: StateReplica,
  scope: Scope,
  { context, transitions, ...options }: StateManagerOptions<Context, Events>,
): Promise<StateManager<Events>> {
  const lifecycle = await openLifecycle(replica, scope, options)
  try {
    const records = await replica.open(scope, Records, options)
    return new StateManager({ replica, scope, context, transitions, lifecycle, records })
  } catch (error) {
    lifecycle.close()
    throw error
  }
}

interface Parts {
  readonly replica: StateReplica
  readonly scope: Scope
  readonly context: unknown
  readonly transitions: Transitions<never>
  readonly lifecycle: Lifecycle
  readonly records: LogPartition<TransitionRecord>
}

export class StateManager<Events> {
  readonly #parts: Parts
  readonly #events = new Emitter<StateManagerEvents>()
  #queue: Promise<unknown> = Promise.resolve()

  /** Not for users: `openStateManager` makes it. */
  constructor(parts: Parts) {
    this.#parts = parts
    parts.records.subscribe(arrivals => {
      for (const { entry, origin } of arrivals) {
        if (origin === 'remote') this.#tellRemote(this.#changed(entry, 'remote'))
      }
    })
  }

  /** Where the scope stands. A transition needs it to be active, and not archived. */
  get lifecycle(): Lifecycle {
    return this.#parts.lifecycle
  }

  /**
   * Runs a transition, after those that were asked for before, and resolves when its changes are
   * durable on this replica and `state:changed` was told.
   *
   * @returns what the transition's function gave
   * @throws TRANSITION_UNKNOWN, VALUE_INVALID for the payload, LIFECYCLE_ILLEGAL before the scope is
   * active and after it is archived: nothing is changed. TRANSITION_FAILED when the function threw.
   * STORAGE_UNAVAILABLE: the change is there but may not be durable, and nothing was told. CLOSED
   */
  async transition<Event extends keyof Events & string>(
    event: Event,
    payload: Payload<Events[Event]>,
  ): Promise<unknown> {
    const { transitions } = this.#parts
    const found = Object.hasOwn(transitions, event) ? transitions[event] : undefined
    if (found === undefined) {
      throw new StatemeshError('TRANSITION_UNKNOWN', `there is no transition "${event}"`)
    }
    const checked: unknown = parseValue(found.payload, payload)
    // It is kept as the cause, so it has to be storable; better now than after the change.
    encodeValue(checked)
    const turn = this.#queue.then(() => this.#run(event, found, checked))
    this.#queue = turn.catch(() => undefined)
    return turn
  }

  on<Name extends keyof StateManagerEvents>(
    event: Name,
    listener: (payload: StateManagerEvents[Name]) => void,
  ): () => void {
    return this.#events.on(event, listener)
  }

  close(): void {
    this.#parts.lifecycle.close()
    this.#parts.records.close()
  }

  async #run(event: string, found: AnyTransition<never>, payload: unknown): Promise<unknown> {
    const { replica, lifecycle, records, context } = this.#parts
    const { phase } = lifecycle
    if (phase === 'initialize' || phase === 'archived') {
      throw new StatemeshError('LIFECYCLE_ILLEGAL', `no transition while the scope is ${phase}`)
    }
    if (phase !== 'updated') lifecycle.move('updated')
    const result = await this.#change(event, () => found.run(payload as never, context as never))
    const position = records.append({ event, payload })
    await replica.flush({ level: 'local' })
    // Somebody may have archived the scope meanwhile.
    if (lifecycle.phase === 'updated') lifecycle.move('persisted')
    const entry = records.get(position) ?? { ...position, value: { event, payload } }
    this.#events.emit('state:changed', this.#changed(entry, 'local'))
    return result
  }

  async #change(event: string, run: () => unknown): Promise<unknown> {
    try {
      return await run()
    } catch (thrown) {
      const { message } = toStatemeshError(thrown, 'TRANSITION_FAILED')
      throw new StatemeshError('TRANSITION_FAILED', `${event}: ${message}`, { cause: thrown })
    }
  }

  #changed(
    { value, actor, timestamp }: { value: TransitionRecord; actor: string; timestamp: number },
    origin: StateChanged['origin'],
  ): StateChanged {
    const { event, payload } = value
    const cause = Object.freeze({ actor, payload, timestamp })
    return Object.freeze({ event, scope: this.#parts.scope, cause, origin })
  }

  #tellRemote(changed: StateChanged): void {
    this.#parts.replica.flush({ level: 'local' }).then(
      () => this.#events.emit('state:changed', changed),
      thrown => this.#events.emit('warning', toStatemeshError(thrown, 'STORAGE_UNAVAILABLE')),
    )
  }
}
