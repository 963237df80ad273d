/**
 * A view that is rebuilt from events: the same on every replica that has the same events, whatever
 * the order in which they arrived.
 */
import { Emitter } from '../../base/emitter.ts'
import { StatemeshError, toStatemeshError } from '../../base/error.ts'
import type { Scope } from '../../model/scope.ts'
import { canonicalText, decodeValue, encodeValue } from '../../model/value.ts'
import { comparePositions, type LogPosition } from '../../partition/log/log-entry.ts'
import type { LogArrival, LogEntry, LogPartition } from '../../partition/log/log-partition.ts'
import type { RegisterPartition } from '../../partition/register/register-partition.ts'
import { openTogether } from '../open-together.ts'
import type { HistoryReplica } from '../replica-port.ts'
import { viewBytes, viewDigest } from '../view-digest.ts'
import { Progress } from './event-cursor.ts'
import { type EventSchemas, readEvent, type StoredEvent } from './event-definition.ts'
import {
  type ProjectionDefinition,
  type ProjectionView,
  projectionPartition,
} from './projection-definition.ts'
import { ProjectionSnapshots } from './projection-snapshots.ts'
import { type ProjectionProblem, ProjectionState } from './projection-state.ts'

export interface ProjectionOptions {
  /**
   * How many events may be folded before the replica that emitted the last of them keeps a
   * snapshot; Infinity for never. Default 1,000.
   */
  snapshotEvents?: number
}

/** What `check` found. */
export interface ProjectionCheck {
  /** Whether folding everything again gave the same. */
  readonly same: boolean
  /** Of the view as it stands, and as it was folded again. */
  readonly digest: string
  readonly expected: string
}

/**
 * Opens the view of the events of a scope.
 *
 * @throws OPTION_INVALID, and as `Replica.open` does
 */
export async function openProjection<const Schemas extends EventSchemas, Value>(
  replica: HistoryReplica,
  scope: Scope,
  definition: ProjectionDefinition<Schemas, Value>,
  options: ProjectionOptions = {},
): Promise<Projection<Schemas, Value>> {
  const { snapshotEvents = 1000 } = options
  if (!(snapshotEvents >= 1)) {
    throw new StatemeshError('OPTION_INVALID', 'snapshotEvents must be at least 1')
  }
  const { events, name } = definition
  const [log, snapshots] = await openTogether([
    replica.open(scope, events.partition),
    ProjectionSnapshots.open(replica, scope, projectionPartition(events.name, name)),
  ])
  return new Projection({ definition, log, snapshots, snapshotEvents })
}

interface Parts<Schemas extends EventSchemas, Value> {
  definition: ProjectionDefinition<Schemas, Value>
  log: LogPartition<StoredEvent>
  snapshots: ProjectionSnapshots
  snapshotEvents: number
}

export class Projection<Schemas extends EventSchemas, Value> {
  readonly #parts: Parts<Schemas, Value>
  readonly #listeners = new Emitter<{ change: undefined }>()
  readonly #leave: () => void
  #state: ProjectionState<Value>
  #snapshotAt: number
  #folded = 0
  #snapshotProblem: StatemeshError | undefined

  /** Not for users: `openProjection` makes it. */
  constructor(parts: Parts<Schemas, Value>) {
    this.#parts = parts
    this.#state = this.#begin()
    this.#snapshotAt = this.#state.count
    this.#leave = parts.log.subscribe(this.#take)
    this.#foldFrom(this.#state)
  }

  /** What a key is; undefined if absent. Frozen, or a copy. */
  get(key: string): Value | undefined {
    return this.#state.get(key)
  }

  get size(): number {
    return this.#state.size
  }

  *entries(): IterableIterator<[string, Value]> {
    for (const key of this.#state.keys()) yield [key, this.#state.get(key) as Value]
  }

  [Symbol.iterator](): IterableIterator<[string, Value]> {
    return this.entries()
  }

  /** The last event in the view; undefined without events. */
  get position(): LogPosition | undefined {
    return this.#state.position
  }

  /** How many events were folded since this was opened; a snapshot saves folding those before it. */
  get folded(): number {
    return this.#folded
  }

  /** The events that the rules could not apply; they left the view as it was, everywhere. */
  problems(): readonly ProjectionProblem[] {
    return this.#state.problems
  }

  /** Why the last snapshot that was due could not be kept; undefined when it was. */
  get snapshotProblem(): StatemeshError | undefined {
    return this.#snapshotProblem
  }

  /** The view as bytes: the same on every replica with the same events. */
  bytes(): Uint8Array {
    return viewBytes(this.entries())
  }

  /** A digest of `bytes`, in hexadecimal digits. */
  digest(): string {
    return viewDigest(this.entries())
  }

  /** Calls `listener` after the view took events in. @returns ends it */
  subscribe(listener: () => void): () => void {
    return this.#listeners.on('change', listener)
  }

  /**
   * Keeps the view as it is now, so that whoever opens the projection folds only what comes later.
   *
   * @throws VALUE_INVALID, CLOSED
   */
  snapshot(): void {
    const { definition, log, snapshots } = this.#parts
    const { position, count, problems } = this.#state
    if (position === undefined) return
    const progress = new Progress()
    for (const entry of log.entries()) {
      if (comparePositions(entry, position) > 0) break
      progress.pass(entry)
    }
    const { version } = definition
    const values = [...this.entries()].map(([key, value]) => {
      return [key, decodeValue(encodeValue(value))] as const
    })
    snapshots.keep({ version, position, count, problems, values, cursor: progress.cursor })
    this.#snapshotAt = count
  }

  /**
   * Folds everything again, from the first event, and compares: a rule that is no function of view
   * and event, and a snapshot that somebody forged, show here. @throws CLOSED
   */
  check(): ProjectionCheck {
    const again = new ProjectionState<Value>()
    for (const entry of this.#parts.log.entries()) this.#apply(again, entry)
    const expected = viewDigest([...again.keys()].map(key => [key, again.get(key)]))
    const digest = this.digest()
    return Object.freeze({ same: digest === expected, digest, expected })
  }

  /** Forgets the view and folds everything again, without a snapshot. @throws CLOSED */
  rebuild(): void {
    this.#state = new ProjectionState()
    this.#foldFrom(this.#state)
    this.#listeners.emit('change', undefined)
  }

  /**
   * Makes a partition of registers say what the view says: writes what differs and deletes what the
   * view does not have. Replicas that do it at once write the same, which is no conflict.
   *
   * @returns how many keys it wrote or deleted
   * @throws VALUE_INVALID when a value breaks the schema (nothing is written), CLOSED
   */
  writeTo(registers: RegisterPartition<Value>): number {
    return registers.transact(() => {
      let changed = 0
      for (const key of [...registers.keys()]) {
        if (this.#state.get(key) === undefined && registers.delete(key)) changed += 1
      }
      for (const [key, value] of this.entries()) {
        const now = registers.get(key)
        if (now !== undefined && canonicalText(now) === canonicalText(value)) continue
        registers.set(key, value)
        changed += 1
      }
      return changed
    })
  }

  /** Gives the documents back. */
  close(): void {
    this.#leave()
    this.#parts.log.close()
    this.#parts.snapshots.close()
  }

  #begin(): ProjectionState<Value> {
    const { definition, log, snapshots } = this.#parts
    return new ProjectionState(snapshots.find(log, definition.version))
  }

  readonly #take = (arrivals: readonly LogArrival<StoredEvent>[]): void => {
    const first = arrivals.map(({ entry }) => entry).sort(comparePositions)[0] as LogPosition
    const { position } = this.#state
    if (position !== undefined && comparePositions(first, position) < 0) {
      if (!this.#state.rewind(first)) this.#state = this.#begin()
    }
    this.#foldFrom(this.#state)
    const due = this.#state.count - this.#snapshotAt >= this.#parts.snapshotEvents
    if (due && arrivals.some(({ origin }) => origin === 'local')) this.#snapshotWhenDue()
    this.#listeners.emit('change', undefined)
  }

  #snapshotWhenDue(): void {
    try {
      this.snapshot()
      this.#snapshotProblem = undefined
    } catch (thrown) {
      // The view goes on without; the next attempt is due after as many events again.
      this.#snapshotProblem = toStatemeshError(thrown, 'VALUE_INVALID')
      this.#snapshotAt = this.#state.count
    }
  }

  /** Folds in what stands behind the state. */
  #foldFrom(state: ProjectionState<Value>): void {
    const after = state.position === undefined ? {} : { after: state.position }
    for (const entry of this.#parts.log.entries(after)) this.#apply(state, entry)
  }

  #apply(state: ProjectionState<Value>, entry: LogEntry<StoredEvent>): void {
    const { events, rules } = this.#parts.definition
    const event = readEvent(events, entry)
    const ruled = event !== undefined && Object.hasOwn(rules, event.type)
    const rule = ruled ? rules[event.type] : undefined
    if (state === this.#state) this.#folded += 1
    const { timestamp, actor, writer, seq } = entry
    const position: LogPosition = { timestamp, actor, writer, seq }
    if (event === undefined || rule === undefined) return state.apply(position, undefined)
    const apply = rule as (view: ProjectionView<Value>, event: unknown) => void
    state.apply(position, view => apply(view, event))
  }
}
