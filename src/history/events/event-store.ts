/**
 * Events of a scope: typed, appended to a log by whoever they happen to, read by everybody in one
 * order. Gaps and forks in what a writer has emitted are found by the log.
 */
import { StatemeshError } from '../../base/error.ts'
import type { Scope } from '../../model/scope.ts'
import { comparePositions, type LogPosition } from '../../partition/log/log-entry.ts'
import type { LogArrival, LogPartition, LogReport } from '../../partition/log/log-partition.ts'
import { parseValue } from '../../partition/parse-value.ts'
import type { HistoryReplica } from '../replica-port.ts'
import { checkCursor, type EventCursor, Progress } from './event-cursor.ts'
import {
  type AnyEvent,
  type EventOf,
  type EventSchemas,
  type EventsDefinition,
  type EventType,
  readEvent,
  type StoredEvent,
} from './event-definition.ts'

/** An event to emit. */
export type NewEvent<Schemas extends EventSchemas> = {
  [Type in EventType<Schemas>]: {
    readonly type: Type
    readonly data: EventOf<Schemas, Type>['data']
  }
}[EventType<Schemas>]

/** An event that a subscriber is told of. */
export interface EventArrival<Event> {
  readonly event: Event
  /** Whether it stands before one that was there already, so that a reader has to go back. */
  readonly late: boolean
  /** `stored`: it was there when the subscription began. */
  readonly origin: 'local' | 'remote' | 'stored'
}

/** Where to begin: behind a position in the order, or with all that a cursor has not passed. */
export type EventStart = 'start' | 'now' | LogPosition | { readonly cursor: EventCursor }

export interface ReplayOptions<Type extends string> {
  /** Default `start`. */
  from?: EventStart
  /** Only events of these types. */
  types?: readonly Type[]
}

export interface EventSubscription {
  /** What was delivered so far; a later subscription from here goes on without loss or repetition. */
  readonly cursor: EventCursor
  end(): void
}

/**
 * Opens the events of a scope.
 *
 * @param options.actor in whose name events are emitted; the replica's own without it
 * @throws as `Replica.open` does
 */
export async function openEvents<const Schemas extends EventSchemas>(
  replica: HistoryReplica,
  scope: Scope,
  definition: EventsDefinition<Schemas>,
  options: { actor?: string } = {},
): Promise<EventStore<Schemas>> {
  return new EventStore(definition, await replica.open(scope, definition.partition, options))
}

export class EventStore<Schemas extends EventSchemas> {
  readonly definition: EventsDefinition<Schemas>
  readonly #log: LogPartition<StoredEvent>

  /** Not for users: `openEvents` makes it. */
  constructor(definition: EventsDefinition<Schemas>, log: LogPartition<StoredEvent>) {
    this.definition = definition
    this.#log = log
  }

  /** How many entries the log has, those of unknown types included. @throws CLOSED */
  get length(): number {
    return this.#log.length
  }

  /**
   * Appends an event: at once here, later everywhere.
   *
   * @throws EVENT_UNKNOWN, VALUE_INVALID when the data breaks its schema or cannot be stored, CLOSED
   */
  emit<Type extends EventType<Schemas>>(
    type: Type,
    data: EventOf<Schemas, Type>['data'],
  ): EventOf<Schemas, Type> {
    const [event] = this.emitAll([{ type, data } as NewEvent<Schemas>])
    return event as EventOf<Schemas, Type>
  }

  /**
   * Appends several events as one: everybody gets all of them or none.
   *
   * @throws as `emit` does; nothing was appended
   */
  emitAll(events: readonly NewEvent<Schemas>[]): AnyEvent<Schemas>[] {
    const values = events.map(({ type, data }) => ({ type, data: this.#parse(type, data) }))
    const positions = this.#log.appendAll(values)
    return positions.map(position => this.get(position) as AnyEvent<Schemas>)
  }

  /** An event by its name; undefined if it is not here, or of a type unknown here. @throws CLOSED */
  get(name: Pick<LogPosition, 'writer' | 'seq'>): AnyEvent<Schemas> | undefined {
    const entry = this.#log.get(name)
    return entry === undefined ? undefined : readEvent(this.definition, entry)
  }

  /**
   * The events in their total order, which is the same on every replica that has them.
   *
   * @throws OPTION_INVALID, EVENT_UNKNOWN for a type that is not declared, CLOSED
   */
  *replay<Type extends EventType<Schemas> = EventType<Schemas>>(
    options: ReplayOptions<Type> = {},
  ): IterableIterator<EventOf<Schemas, Type>> {
    const { from = 'start' } = options
    const wanted = this.#filter(options.types)
    const passed = cursorOf(from)
    if (from === 'now') return
    const after = typeof from === 'object' && !('cursor' in from) ? { after: from } : {}
    for (const entry of this.#log.entries(after)) {
      const event = readEvent(this.definition, entry)
      if (event === undefined || !wanted(event) || passed.has(event)) continue
      yield event as EventOf<Schemas, Type>
    }
  }

  /**
   * Calls `listener` with the events that are there, from where it asks to begin (default `now`),
   * before this returns, and then with those that come in, in order of arrival.
   *
   * @throws OPTION_INVALID, EVENT_UNKNOWN, CLOSED, and what `listener` throws before this returns
   */
  subscribe<Type extends EventType<Schemas> = EventType<Schemas>>(
    listener: (arrivals: readonly EventArrival<EventOf<Schemas, Type>>[]) => void,
    options: ReplayOptions<Type> = {},
  ): EventSubscription {
    const { from = 'now', types } = options
    const wanted = this.#filter(types)
    const progress = this.#progressAt(from)
    const deliver = (arrivals: readonly EventArrival<AnyEvent<Schemas>>[]) => {
      for (const { event } of arrivals) progress.pass(event)
      const told = arrivals.filter(({ event }) => wanted(event))
      if (told.length > 0) listener(told as never)
    }
    const deliverNew = (arrivals: readonly EventArrival<AnyEvent<Schemas>>[]) =>
      deliver(arrivals.filter(({ event }) => !progress.has(event)))
    // What comes in while the stored events are told waits for its turn.
    let waiting: (readonly EventArrival<AnyEvent<Schemas>>[])[] | undefined = []
    const end = this.#log.subscribe(arrivals => {
      const events = arrivals.flatMap(arrival => this.#arrival(arrival))
      if (waiting === undefined) deliverNew(events)
      else waiting.push(events)
    })
    try {
      if (from !== 'now') this.#deliverStored(from, deliver)
      for (let next = waiting.shift(); next !== undefined; next = waiting.shift()) deliverNew(next)
    } catch (thrown) {
      end()
      throw thrown
    }
    waiting = undefined
    return new Subscription(progress, end)
  }

  /** What a reader has passed who has read all that is here. @throws CLOSED */
  cursor(): EventCursor {
    const progress = new Progress()
    for (const entry of this.#log.entries()) progress.pass(entry)
    return progress.cursor
  }

  /** Checks every writer's chain: gaps, forks and forgeries; see `LogPartition.verify`. @throws CLOSED */
  verify(): LogReport {
    return this.#log.verify()
  }

  /** Gives the log back. Later calls throw CLOSED, but for a second `close`. */
  close(): void {
    this.#log.close()
  }

  /** What a reader has passed who begins there. */
  #progressAt(from: EventStart): Progress {
    const progress = cursorOf(from)
    if (from === 'start' || (typeof from === 'object' && 'cursor' in from)) return progress
    for (const entry of this.#log.entries()) {
      if (from !== 'now' && comparePositions(entry, from) > 0) break
      progress.pass(entry)
    }
    return progress
  }

  #deliverStored(
    from: EventStart,
    deliver: (arrivals: readonly EventArrival<AnyEvent<Schemas>>[]) => void,
  ): void {
    let page: EventArrival<AnyEvent<Schemas>>[] = []
    for (const event of this.replay({ from })) {
      page.push(Object.freeze({ event, late: false, origin: 'stored' }))
      if (page.length < pageEvents) continue
      deliver(page)
      page = []
    }
    deliver(page)
  }

  #arrival({ entry, late, origin }: LogArrival<StoredEvent>): EventArrival<AnyEvent<Schemas>>[] {
    const event = readEvent(this.definition, entry)
    return event === undefined ? [] : [Object.freeze({ event, late, origin })]
  }

  #parse(type: string, data: unknown): unknown {
    return parseValue(this.#schema(type), data)
  }

  #schema(type: string): Schemas[string] {
    const { name, schemas } = this.definition
    if (Object.hasOwn(schemas, type)) return schemas[type] as Schemas[string]
    throw new StatemeshError('EVENT_UNKNOWN', `${name} has no event ${JSON.stringify(type)}`)
  }

  #filter(types: readonly string[] | undefined): (event: { readonly type: string }) => boolean {
    if (types === undefined) return () => true
    for (const type of types) this.#schema(type)
    const wanted = new Set(types)
    return ({ type }) => wanted.has(type)
  }
}

class Subscription implements EventSubscription {
  readonly #progress: Progress
  readonly end: () => void

  constructor(progress: Progress, end: () => void) {
    this.#progress = progress
    this.end = end
  }

  get cursor(): EventCursor {
    return this.#progress.cursor
  }
}

/** How many stored events a subscriber is told of at once. */
const pageEvents = 256

function cursorOf(from: EventStart): Progress {
  if (typeof from !== 'object' || !('cursor' in from)) return new Progress()
  checkCursor(from.cursor)
  return new Progress(from.cursor)
}
