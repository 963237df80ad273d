/**
 * The audit trail of a partition of registers: who changed what, when, from what, to what and why.
 *
 * The records stand in logs beside the partition, not in its document: whoever only reads the state
 * does not load its past. A change and its record are written in the same turn, so they go to disk
 * in one batch; other replicas may get one a moment before the other.
 *
 * T1. Every change that this replica makes while the trail is open is recorded, whichever handle
 *     made it, and once however many trails are open.
 * T2. A record stands in the lane of the writer of its change. One that does not says that it was
 *     adopted, or is reported as forged.
 */
import { Emitter } from '../../base/emitter.ts'
import { type ErrorCode, StatemeshError, toStatemeshError } from '../../base/error.ts'
import { systemTime, type TimeSource } from '../../base/time.ts'
import { documentName } from '../../model/document-name.ts'
import { type AnyPolicyChoice, definePartition } from '../../model/partition-definition.ts'
import type { Scope } from '../../model/scope.ts'
import type { CrdtPartition } from '../../partition/crdt-partition.ts'
import type { LogPosition } from '../../partition/log/log-entry.ts'
import type { LogEntry } from '../../partition/log/log-partition.ts'
import type { RegisterPartition } from '../../partition/register/register-partition.ts'
import { auditName, checkOwner, type HistoryDefinition } from '../history-definition.ts'
import { openTogether } from '../open-together.ts'
import type { HistoryReplica } from '../replica-port.ts'
import { AuditIndex } from './audit-index.ts'
import {
  type AuditChange,
  isForged,
  type NewChange,
  readRecord,
  recordOf,
  smallRecordOf,
} from './audit-record.ts'
import { AuditRecorder } from './audit-recorder.ts'
import { type AuditSegment, AuditSegments } from './audit-segments.ts'
import { type AuditReport, verifyAudit } from './audit-verify.ts'

export interface AuditOptions {
  /** In whose name records are made; the replica's own without it. */
  actor?: string
  time?: TimeSource
}

export interface AuditQuery {
  key?: string
  /** Who made the change. */
  actor?: string
  cause?: string
  /** From this time on, in milliseconds since the epoch. */
  since?: number
  /** Up to and with this time, in milliseconds since the epoch. */
  until?: number
  /** At most so many. */
  limit?: number
  /** The oldest first; the newest first without it. */
  oldestFirst?: boolean
}

interface Parts {
  definition: HistoryDefinition
  actor: string
  document: string
  /** The partition as plain Yjs content, to see what a change replaced. */
  content: CrdtPartition
  registers: RegisterPartition
}

/** The longest cause, in characters: it is repeated with every change that has it. */
const causeLengthMax = 1024

/**
 * Opens the audit trail of a partition; from then on the changes of this replica are recorded.
 *
 * @throws as `Replica.open` does
 */
export async function openAudit<Value, Chosen extends AnyPolicyChoice>(
  replica: HistoryReplica,
  scope: Scope,
  definition: HistoryDefinition<Value, Chosen>,
  options: AuditOptions = {},
): Promise<AuditTrail<Value>> {
  const { name } = definition.of
  const { actor = replica.actor, time = systemTime } = options
  const [opened, content] = await openTogether([
    replica.open(scope, definition.of) as Promise<{ close(): void }>,
    replica.open(scope, definePartition({ name, policy: 'crdt' })),
  ])
  const registers = opened as RegisterPartition
  const document = documentName(scope, name)
  const parts = { definition: definition as HistoryDefinition, actor, document, content, registers }
  const trail = new AuditTrail<Value>(parts, handlers => {
    const { retentionMilliseconds } = definition
    const base = { replica, scope, name: auditName(name), actor, time, retentionMilliseconds }
    return new AuditSegments({ ...base, ...handlers })
  })
  try {
    await trail.refresh()
  } catch (error) {
    trail.close()
    throw error
  }
  return trail
}

type SegmentHandlers = Pick<
  ConstructorParameters<typeof AuditSegments>[0],
  'opened' | 'closed' | 'failed'
>

export class AuditTrail<Value = unknown> {
  readonly #parts: Parts
  readonly #segments: AuditSegments
  readonly #recorder: AuditRecorder
  readonly #index = new AuditIndex()
  readonly #leave = new Map<AuditSegment, () => void>()
  readonly #listeners = new Emitter<{
    change: AuditChange<Value>
    problem: StatemeshError
  }>()
  /** Entries of the logs that are no records. */
  readonly #invalid = new Map<string, StatemeshError>()
  #closed = false

  /** Not for users: `openAudit` makes it. */
  constructor(parts: Parts, segments: (handlers: SegmentHandlers) => AuditSegments) {
    this.#parts = parts
    this.#segments = segments({
      opened: segment => this.#opened(segment),
      closed: segment => this.#forget(segment),
      failed: thrown => this.#fail(thrown),
    })
    this.#recorder = new AuditRecorder(parts.content.doc, changes => this.#record(changes))
  }

  /** How many changes are in the trail. */
  get size(): number {
    return this.#index.size
  }

  /** Changes before this time, in milliseconds since the epoch, may have been dropped. */
  get horizon(): number {
    return this.#segments.horizon
  }

  /**
   * Runs `fn`: what it writes to the partition before it returns, through whichever handle, has this
   * cause.
   *
   * @throws OPTION_INVALID for a cause that is empty or too long, CLOSED, and what `fn` throws
   */
  because<Result>(cause: string, fn: () => Result): Result {
    this.#checkOpen()
    if (typeof cause !== 'string' || cause === '' || cause.length > causeLengthMax) {
      const why = `a cause is a text of 1 to ${causeLengthMax} characters`
      throw new StatemeshError('OPTION_INVALID', why)
    }
    return this.#recorder.because(cause, fn)
  }

  /**
   * The changes that fit, the newest first unless asked otherwise.
   *
   * @throws OPTION_INVALID, CLOSED
   */
  changes(query: AuditQuery = {}): AuditChange<Value>[] {
    this.#checkOpen()
    const { key, actor, cause, since = 0, until = Number.POSITIVE_INFINITY } = query
    const { limit = Number.POSITIVE_INFINITY, oldestFirst = false } = query
    if ([since, until, limit].some(number => typeof number !== 'number' || !(number >= 0))) {
      throw new StatemeshError('OPTION_INVALID', 'since, until and limit are numbers from 0')
    }
    const all = key === undefined ? this.#index.all() : this.#index.of(key)
    const found: AuditChange[] = []
    for (let at = 0; at < all.length && found.length < limit; at++) {
      const change = all[oldestFirst ? at : all.length - 1 - at] as AuditChange
      if (change.time < since || change.time > until) continue
      if (actor !== undefined && change.actor !== actor) continue
      if (cause === undefined || change.cause === cause) found.push(change)
    }
    return found as AuditChange<Value>[]
  }

  /** Calls `listener` with every change that is recorded, here or elsewhere. @returns ends it */
  subscribe(listener: (change: AuditChange<Value>) => void): () => void {
    this.#checkOpen()
    return this.#listeners.on('change', listener)
  }

  /** Calls `listener` when a change could not be recorded, or a log not be opened. @returns ends it */
  onProblem(listener: (problem: StatemeshError) => void): () => void {
    return this.#listeners.on('problem', listener)
  }

  /**
   * Checks the trail: the hash chain of every writer (LOG_GAP, LOG_FORK, ENTRY_FORGED and what else
   * logs report), records that are not their writer's or do not say what the state says
   * (ENTRY_FORGED), and entries of the state and of records that have no record (AUDIT_MISSING).
   *
   * @throws CLOSED
   */
  verify(): AuditReport {
    this.#checkOpen()
    return verifyAudit({
      index: this.#index,
      registers: this.#parts.registers,
      logs: this.#segments.all.map(({ log }) => log),
      invalid: [...this.#invalid.values()],
      horizon: this.horizon,
    })
  }

  /**
   * Records the entries of the state that have no record, as adopted by us: those from before there
   * was a trail, and those of writers that keep none. Wait for `synced` first, or entries are
   * adopted whose records are only late; nothing is wrong then, but a record too many is kept.
   *
   * @returns how many there were
   * @throws CLOSED
   */
  adopt(): number {
    this.#checkOpen()
    const { registers } = this.#parts
    const missing = this.verify().problems.filter(({ kind }) => kind === 'unrecorded')
    const changes = missing.flatMap(({ key = '' }) => {
      const unrecorded = registers.siblings(key).filter(entry => !this.#index.has(key, entry))
      return unrecorded.flatMap(({ writer }) => this.#recorder.adopt(key, writer) ?? [])
    })
    if (changes.length > 0) this.#record(changes)
    return changes.length
  }

  /** Opens the logs of this time. It happens by itself too. @throws as `Replica.open` does */
  async refresh(): Promise<void> {
    this.#checkOpen()
    await this.#segments.refresh()
  }

  /**
   * Drops records that are older than the retention, for everybody: the logs of periods that ended
   * at least half a retention before it. Trust the clock of whoever calls it.
   *
   * @returns how many records
   * @throws OWNER_ONLY, and as `Replica.open` does
   */
  async prune(): Promise<number> {
    this.#checkOpen()
    checkOwner(this.#parts.definition, this.#parts.actor, 'prune the trail')
    return this.#segments.prune()
  }

  /** Ends the recording and gives the documents back. Later calls throw CLOSED. */
  close(): void {
    if (this.#closed) return
    this.#closed = true
    this.#recorder.close()
    this.#segments.close()
    this.#parts.content.close()
    this.#parts.registers.close()
  }

  /** For the other parts of history: the state vector of the partition's document. */
  stateVector(): Map<number, number> {
    return this.#recorder.stateVector()
  }

  /** For the other parts of history: all changes. */
  get index(): AuditIndex {
    return this.#index
  }

  #checkOpen(): void {
    if (this.#closed) throw new StatemeshError('CLOSED', 'the audit trail is closed')
  }

  #record(changes: readonly NewChange[]): void {
    // Another trail on the same document may have been first.
    const missing = changes.filter(change => !this.#index.has(change.key, change))
    if (missing.length === 0) return
    try {
      const log = this.#segments.current
      if (log === undefined) throw new StatemeshError('AUDIT_MISSING', 'no log is open')
      if (!this.#append(log, missing.map(recordOf))) log.appendAll(missing.map(smallRecordOf))
    } catch (thrown) {
      this.#fail(thrown)
    }
  }

  /** False if the values are too large for the log. */
  #append(log: AuditSegment['log'], records: readonly unknown[]): boolean {
    try {
      log.appendAll(records)
      return true
    } catch (thrown) {
      if (thrown instanceof StatemeshError && thrown.code === 'VALUE_INVALID') return false
      throw thrown
    }
  }

  #fail(thrown: unknown): void {
    this.#listeners.emit('problem', toStatemeshError(thrown, 'AUDIT_MISSING'))
  }

  #opened(segment: AuditSegment): void {
    for (const entry of segment.log) this.#take(entry)
    const leave = segment.log.subscribe(arrivals => {
      for (const { entry } of arrivals) this.#take(entry)
    })
    this.#leave.set(segment, leave)
  }

  #take(entry: LogEntry<unknown>): void {
    try {
      const change = readRecord(this.#parts.document, entry)
      const left = this.#index.add(change)
      if (left === undefined) this.#listeners.emit('change', change as AuditChange<Value>)
      else if (isForged(left))
        this.#reject(left.position, 'ENTRY_FORGED', 'it is of another writer')
    } catch (thrown) {
      const { code, message } = toStatemeshError(thrown, 'ENTRY_INVALID')
      this.#reject(entry, code, message)
    }
  }

  #reject(position: LogPosition, code: ErrorCode, why: string): void {
    const { writer, seq } = position
    const error = new StatemeshError(code, `record ${seq} of writer ${writer}: ${why}`)
    this.#invalid.set(nameOf(position), error)
  }

  #forget(segment: AuditSegment): void {
    this.#leave.get(segment)?.()
    this.#leave.delete(segment)
    if (this.#closed) return
    const names = new Set([...segment.log].map(nameOf))
    const gone = this.#index.all().filter(({ position }) => names.has(nameOf(position)))
    this.#index.removeAll(new Set(gone))
    for (const name of names) this.#invalid.delete(name)
  }
}

/** One text for a record, over the logs of all periods. */
function nameOf({ writer, seq, timestamp }: LogPosition): string {
  return `${writer}.${seq}.${timestamp}`
}
