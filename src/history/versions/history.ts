/**
 * The history of a partition of registers: versions, the state at any time, and ways back. A way
 * back is an ordinary write that replaces what is seen here; whatever it does not see stays beside
 * it, as with any write, and is reported.
 */
import { Emitter } from '../../base/emitter.ts'
import { StatemeshError, toStatemeshError } from '../../base/error.ts'
import { type RandomSource, systemRandom } from '../../base/random.ts'
import { systemTime, type TimeSource } from '../../base/time.ts'
import { parseActorId } from '../../model/id.ts'
import type {
  AnyPolicyChoice,
  PartitionDefinition,
  Sibling,
} from '../../model/partition-definition.ts'
import type { Scope } from '../../model/scope.ts'
import { choosePolicy } from '../../partition/policy/choose-policy.ts'
import type { Policy } from '../../partition/policy/policy.ts'
import type { RegisterPartition } from '../../partition/register/register-partition.ts'
import type { AuditChange } from '../audit/audit-record.ts'
import { type AuditTrail, openAudit } from '../audit/audit-trail.ts'
import { checkOwner, type HistoryDefinition } from '../history-definition.ts'
import { openTogether } from '../open-together.ts'
import type { HistoryReplica } from '../replica-port.ts'
import { PastReader } from './past-reader.ts'
import type { PastView } from './past-view.ts'
import { concurrentWith, isConcurrent, type Reversal } from './reversal.ts'
import { planUndo, type UndoPlan } from './undo.ts'
import { type LoggedReversal, type Version, VersionStore } from './version-store.ts'
import { diffViews, type KeyDifference, type KeyedView } from './view-diff.ts'

export interface HistoryOptions {
  /** In whose name versions are taken and changes are made; the replica's own without it. */
  actor?: string
  time?: TimeSource
  random?: RandomSource
}

/** The id or the name of a version, or a time (a number is in milliseconds since the epoch). */
export type Moment = string | number | Date

/** What a rollback has done, or would do. */
export interface Rollback<Value = unknown> {
  /** Undefined for a dry run. */
  readonly id: string | undefined
  readonly changes: readonly KeyDifference<Value>[]
}

/** What an undo has done, or would do. */
export interface Undo<Value = unknown> extends Rollback<Value>, UndoPlan<Value> {}

/** A write that a rollback or an undo had not seen. */
export interface ConcurrentWrite<Value = unknown> {
  readonly reversal: Reversal<Value>
  readonly change: AuditChange<Value>
}

interface Parts<Value> {
  definition: HistoryDefinition<Value>
  actor: string
  time: TimeSource
  audit: AuditTrail<Value>
  versions: VersionStore<Value>
  registers: RegisterPartition<Value>
}

/**
 * Opens the history of a partition; from then on the changes of this replica are recorded.
 *
 * @throws as `Replica.open` does
 */
export async function openHistory<Value, Chosen extends AnyPolicyChoice>(
  replica: HistoryReplica,
  scope: Scope,
  definition: HistoryDefinition<Value, Chosen>,
  options: HistoryOptions = {},
): Promise<History<Value>> {
  const { actor = replica.actor, time = systemTime, random = systemRandom } = options
  const [opened, audit, versions] = await openTogether([
    replica.open(scope, definition.of, { actor }) as Promise<{ close(): void }>,
    openAudit(replica, scope, definition, { actor, time }),
    VersionStore.open<Value>(replica, scope, definition, { actor, random }),
  ])
  const registers = opened as RegisterPartition<Value>
  return new History({ definition, actor, time, audit, versions, registers })
}

export class History<Value = unknown> {
  readonly #parts: Parts<Value>
  readonly #policy: Policy
  readonly #listeners = new Emitter<{
    concurrent: ConcurrentWrite<Value>
    problem: StatemeshError
  }>()
  readonly #leave: (() => void)[]
  #changesSinceVersion = 0
  #closed = false

  /** Not for users: `openHistory` makes it. */
  constructor(parts: Parts<Value>) {
    this.#parts = parts
    this.#policy = choosePolicy(parts.definition.of as PartitionDefinition, {
      checkOrder: false,
      report: problem => this.#listeners.emit('problem', problem),
    })
    this.#leave = [
      parts.audit.subscribe(change => this.#look(change)),
      parts.audit.onProblem(problem => this.#listeners.emit('problem', problem)),
      parts.registers.subscribe(changes => {
        if (changes[0]?.origin === 'local') this.#count(changes.length)
      }),
    ]
  }

  /** The record of every change. */
  get audit(): AuditTrail<Value> {
    return this.#parts.audit
  }

  /** The versions that are kept, the newest first. @throws CLOSED */
  versions(): Version[] {
    this.#checkOpen()
    return this.#parts.versions.list()
  }

  /**
   * Takes a version of what is read here now. Beyond `versionsMax` the oldest one goes.
   *
   * @throws OWNER_ONLY, OPTION_INVALID for an empty name or one of more than 256 characters, CLOSED
   */
  snapshot(name: string): Version {
    this.#checkMay('take versions')
    if (typeof name !== 'string' || name === '' || name.length > 256) {
      throw new StatemeshError('OPTION_INVALID', 'a version has a name of 1 to 256 characters')
    }
    return this.#take(name)
  }

  /** Drops a version, for everybody. @throws OWNER_ONLY, VERSION_UNKNOWN, CLOSED */
  deleteVersion(version: string): void {
    this.#checkMay('delete versions')
    const { versions } = this.#parts
    versions.remove(versions.find(version))
  }

  /**
   * The partition as it was: a version, or the state at a time, as far as it is known by now. By
   * time it is what the stamps of the changes say; one that has not arrived yet is not in it.
   *
   * @throws VERSION_UNKNOWN, HISTORY_TRIMMED for a time before the retention, OPTION_INVALID, CLOSED
   */
  at(moment: Moment): PastView<Value> {
    this.#checkOpen()
    const { versions } = this.#parts
    if (typeof moment === 'string') return versions.view(versions.find(moment))
    return this.#past().at(millisecondsOf(moment))
  }

  /**
   * What differs from one moment to another, or to now.
   *
   * @throws as `at` does
   */
  diff(from: Moment, to?: Moment): KeyDifference<Value>[] {
    const after = to === undefined ? this.#now() : this.at(to)
    return diffViews(this.at(from), after)
  }

  /**
   * Writes what differs from a moment, as one change; peers merge it as any other. Writes that it
   * has not seen stay: beside it as siblings, or as they are; `reversals` lists them.
   *
   * @param options.dryRun only tells what it would do
   * @throws OWNER_ONLY, VERSION_UNKNOWN, HISTORY_TRIMMED (also where a value of that time was too
   * large to be kept), VALUE_INVALID when a value breaks the schema of now; nothing is written then
   */
  rollback(moment: Moment, options: { dryRun?: boolean } = {}): Rollback<Value> {
    this.#checkMay('roll back')
    const target = this.at(moment)
    if (target.unknown.length > 0) {
      const why = `values of ${target.unknown.length} keys were too large to be kept`
      throw new StatemeshError('HISTORY_TRIMMED', why)
    }
    const changes = diffViews(this.#now(), target)
    if (options.dryRun) return { id: undefined, changes }
    const name = typeof moment === 'string' ? moment : new Date(target.time).toISOString()
    return { id: this.#write('rollback', name, changes), changes }
  }

  /**
   * Takes back what one actor has changed since a time, as one change: each key is made what it
   * would be without. A key that somebody has written again on top of that stays as it is, and what
   * was written is listed.
   *
   * @param options.since in milliseconds since the epoch, or a date
   * @param options.dryRun only tells what it would do
   * @throws OWNER_ONLY, HISTORY_TRIMMED for a time before the retention, OPTION_INVALID,
   * VALUE_INVALID when a value breaks the schema of now; nothing is written then; CLOSED
   */
  undo(actor: string, options: { since: number | Date; dryRun?: boolean }): Undo<Value> {
    this.#checkMay('undo')
    const since = millisecondsOf(options.since)
    const plan = planUndo<Value>(actor, since, this.#past())
    if (options.dryRun) return { id: undefined, ...plan }
    return { id: this.#write('undo', actor, plan.changes), ...plan }
  }

  /** Rollbacks and undos with the writes that they had not seen, the newest first. @throws CLOSED */
  reversals(): Reversal<Value>[] {
    this.#checkOpen()
    const { versions } = this.#parts
    return versions.reversals().map(logged => {
      return Object.freeze({ ...logged, concurrent: this.#concurrentWith(logged) })
    })
  }

  /** Calls `listener` when a write arrives that a rollback or an undo had not seen. @returns ends it */
  onConcurrent(listener: (write: ConcurrentWrite<Value>) => void): () => void {
    return this.#listeners.on('concurrent', listener)
  }

  /** Calls `listener` when a change was not recorded or a version not taken. @returns ends it */
  onProblem(listener: (problem: StatemeshError) => void): () => void {
    return this.#listeners.on('problem', listener)
  }

  /** Ends the recording and gives the documents back. Later calls throw CLOSED. */
  close(): void {
    if (this.#closed) return
    this.#closed = true
    for (const leave of this.#leave) leave()
    this.#parts.audit.close()
    this.#parts.versions.close()
    this.#parts.registers.close()
  }

  #checkOpen(): void {
    if (this.#closed) throw new StatemeshError('CLOSED', 'the history is closed')
  }

  #checkMay(what: string): void {
    this.#checkOpen()
    checkOwner(this.#parts.definition as HistoryDefinition, this.#parts.actor, what)
  }

  #now(): KeyedView<Value> {
    return this.#parts.registers
  }

  #past(): PastReader<Value> {
    const { audit, registers, actor } = this.#parts
    const reader = parseActorId(actor)
    const decide = (siblings: readonly Sibling[]) => this.#policy(siblings, reader)
    return new PastReader({ index: audit.index, horizon: audit.horizon, registers, decide })
  }

  #take(name: string | undefined): Version {
    const { versions, registers, audit } = this.#parts
    this.#changesSinceVersion = 0
    return versions.add({ name, values: [...registers.entries()], seen: audit.stateVector() })
  }

  #write(
    kind: 'rollback' | 'undo',
    target: string,
    changes: readonly KeyDifference<Value>[],
  ): string {
    const { audit, registers, versions } = this.#parts
    const seen = audit.stateVector()
    const cause = `${kind} ${target}`
    audit.because(cause, () =>
      registers.transact(() => {
        for (const { key, after } of changes) {
          if (after === undefined) registers.delete(key)
          else registers.set(key, after)
        }
      }),
    )
    const keys = changes.map(({ key }) => key)
    const [entry] = keys.length === 0 ? [] : registers.siblings(keys[0] as string)
    const write = entry && { writer: entry.writer, timestamp: entry.timestamp }
    return versions.log({ kind, target, keys, seen, write })
  }

  #count(changes: number): void {
    const { definition, actor } = this.#parts
    this.#changesSinceVersion += changes
    if (this.#changesSinceVersion < definition.automaticChanges) return
    if (definition.owner !== undefined && definition.owner !== actor) return
    try {
      this.#take(undefined)
    } catch (thrown) {
      this.#listeners.emit('problem', toStatemeshError(thrown, 'VALUE_INVALID'))
    }
  }

  #concurrentWith(logged: LoggedReversal): AuditChange<Value>[] {
    return concurrentWith(logged, this.#parts.audit.index) as AuditChange<Value>[]
  }

  #look(change: AuditChange<Value>): void {
    if (!this.#listeners.has('concurrent')) return
    const { audit, versions } = this.#parts
    for (const logged of versions.reversals()) {
      if (!isConcurrent(change, logged, audit.index)) continue
      const reversal = Object.freeze({ ...logged, concurrent: this.#concurrentWith(logged) })
      this.#listeners.emit('concurrent', Object.freeze({ reversal, change }))
    }
  }
}

function millisecondsOf(moment: number | Date): number {
  const time = Number(moment)
  // Up to the last date that there is.
  if (time >= 0 && time <= 8.64e15) return time
  throw new StatemeshError('OPTION_INVALID', 'a time is a date, or milliseconds since the epoch')
}
