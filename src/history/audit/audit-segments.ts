/**
 * The logs of an audit trail: one for ever, or, with a retention, one for each period of half of
 * it, so that what is too old is dropped log by log and no chain of hashes ever gets a hole.
 *
 * A record goes into the log of the time at which it is made. Logs that are one whole period older
 * than the retention are emptied; by then everybody has stopped reading them, but for clocks that
 * are wrong by as much.
 */
import * as Y from 'yjs'
import { StatemeshError } from '../../base/error.ts'
import type { CancelTimer, TimeSource } from '../../base/time.ts'
import { definePartition, type PartitionDefinition } from '../../model/partition-definition.ts'
import type { Scope } from '../../model/scope.ts'
import { laneWriter } from '../../partition/log/log-entry.ts'
import type { LogPartition } from '../../partition/log/log-partition.ts'
import type { HistoryReplica } from '../replica-port.ts'

/** An open log, with the period that it is of; -1 where there is only one. */
export interface AuditSegment {
  readonly period: number
  readonly log: LogPartition<unknown>
}

export interface AuditSegmentsOptions {
  replica: HistoryReplica
  scope: Scope
  /** The name of the log, or what the names of the logs begin with. */
  name: string
  actor: string
  /** How long records are kept, in milliseconds; Infinity for ever. */
  retentionMilliseconds: number
  time: TimeSource
  opened(segment: AuditSegment): void
  closed(segment: AuditSegment): void
  /** Told when logs cannot be opened at the turn of a period; it is tried again. */
  failed(thrown: unknown): void
}

/** Timers hold a 32-bit number of milliseconds, which is less than a long period. */
const pauseMillisecondsMax = 24 * 60 * 60 * 1000

export class AuditSegments {
  readonly #options: AuditSegmentsOptions
  readonly #periodMilliseconds: number
  #open: AuditSegment[] = []
  readonly #leave: () => void
  #cancel: CancelTimer | undefined
  #closed = false

  constructor(options: AuditSegmentsOptions) {
    this.#options = options
    this.#periodMilliseconds = options.retentionMilliseconds / 2
    this.#leave = options.replica.on('closed', () => this.close())
  }

  get all(): readonly AuditSegment[] {
    return this.#open
  }

  /** The log for a record that is made now. */
  get current(): LogPartition<unknown> | undefined {
    const now = this.#periodOf(this.#options.time.now())
    // At the turn of a period, before the timer fires, the last one that is open.
    return this.#open.findLast(({ period }) => period <= now)?.log ?? this.#open.at(-1)?.log
  }

  /** Before this time there may be changes without a record; in milliseconds since the epoch. */
  get horizon(): number {
    const first = this.#open[0]?.period ?? -1
    return first < 0 ? 0 : first * this.#periodMilliseconds
  }

  /** Opens the logs of this time, and closes those that are too old. */
  async refresh(): Promise<void> {
    const wanted = this.#wanted()
    for (const period of wanted) {
      if (this.#closed || this.#open.some(segment => segment.period === period)) continue
      const log = await this.#openLog(period)
      const segment = { period, log }
      if (this.#closed || this.#open.some(other => other.period === period)) log.close()
      else {
        this.#open = [...this.#open, segment].sort((a, b) => a.period - b.period)
        this.#options.opened(segment)
      }
    }
    for (const segment of this.#open) {
      if (!wanted.includes(segment.period)) this.#drop(segment)
    }
    this.#refreshLater()
  }

  /**
   * Empties the logs that are past the retention, for everybody.
   *
   * @returns how many records were dropped
   */
  async prune(): Promise<number> {
    const [first = -1] = this.#wanted()
    if (first < 0) return 0
    let dropped = 0
    // Those before were emptied in their time, or nobody was here to do it: then look once more.
    for (let period = first - 2; period > first - 2 - prunedPeriods; period--) {
      if (period >= 0) dropped += await this.#empty(period)
    }
    return dropped
  }

  close(): void {
    this.#closed = true
    this.#leave()
    this.#cancel?.()
    for (const segment of [...this.#open]) this.#drop(segment)
  }

  #wanted(): number[] {
    const { retentionMilliseconds, time } = this.#options
    if (retentionMilliseconds === Number.POSITIVE_INFINITY) return [-1]
    const now = time.now()
    const first = Math.max(0, this.#periodOf(now - retentionMilliseconds))
    const last = this.#periodOf(now) + 1
    return Array.from({ length: last - first + 1 }, (_, index) => first + index)
  }

  #periodOf(milliseconds: number): number {
    return Math.floor(milliseconds / this.#periodMilliseconds)
  }

  #nameOf(period: number): string {
    return period < 0 ? this.#options.name : `${this.#options.name}-${period.toString(36)}`
  }

  #openLog(period: number): Promise<LogPartition<unknown>> {
    const { replica, scope, actor } = this.#options
    const name = this.#nameOf(period)
    const definition: PartitionDefinition<unknown, 'log'> = definePartition<unknown, 'log'>({
      name,
      policy: 'log',
    })
    return replica.open(scope, definition, { actor })
  }

  /** As plain Yjs content: a log itself never deletes. */
  async #empty(period: number): Promise<number> {
    const { replica, scope } = this.#options
    const name = this.#nameOf(period)
    const content = await replica.open(scope, definePartition({ name, policy: 'crdt' }))
    let dropped = 0
    content.transact(() => {
      for (const root of [...content.doc.share.keys()]) {
        if (laneWriter(root) === undefined) continue
        const lane = content.doc.get(root, Y.Array)
        dropped += lane.length
        if (lane.length > 0) lane.delete(0, lane.length)
      }
    })
    content.close()
    return dropped
  }

  #drop(segment: AuditSegment): void {
    this.#open = this.#open.filter(other => other !== segment)
    this.#options.closed(segment)
    segment.log.close()
  }

  #refreshLater(): void {
    this.#cancel?.()
    if (this.#closed || this.#periodMilliseconds === Number.POSITIVE_INFINITY) return
    const left = this.#periodMilliseconds - (this.#options.time.now() % this.#periodMilliseconds)
    this.#cancel = this.#options.time.after(Math.min(left, pauseMillisecondsMax), () => {
      this.refresh().catch(thrown => {
        // The replica has gone, and with it every reason to go on.
        if (thrown instanceof StatemeshError && thrown.code === 'CLOSED') return
        this.#options.failed(thrown)
        this.#refreshLater()
      })
    })
  }
}

/** How many periods back to look for logs that nobody has emptied in their time. */
const prunedPeriods = 4
