/**
 * The handle on a `log` partition: everybody appends to a lane of their own, and everybody reads
 * all lanes as one, in an order that is the same everywhere.
 */
import * as Y from 'yjs'
import type { z } from 'zod'
import { Emitter } from '../../base/emitter.ts'
import { StatemeshError } from '../../base/error.ts'
import { timestampMilliseconds } from '../../clock/hybrid-clock.ts'
import type { PartitionDefinition } from '../../model/partition-definition.ts'
import { encodeValue, handOut } from '../../model/value.ts'
import { parseValue } from '../parse-value.ts'
import type { PartitionHost } from '../partition-host.ts'
import { rootType } from '../root-type.ts'
import { TransactionFeed } from '../transaction-feed.ts'
import {
  comparePositions,
  contentOf,
  jointEvery,
  jointsRoot,
  type LogPosition,
  type LogRecord,
  linkAfter,
} from './log-entry.ts'
import { type LogLane, stampAfter } from './log-lane.ts'
import { deleteBefore, trimsRow } from './log-trim.ts'
import { type LogProblem, LogView } from './log-view.ts'

export interface LogEntry<Value> extends LogPosition {
  /** Frozen; a value that holds a Map, Set, Date or bytes, which cannot be, is a copy instead. */
  readonly value: Value
}

/** An entry that has come in. */
export interface LogArrival<Value> {
  readonly entry: LogEntry<Value>
  /** Whether it stands before an entry that was there already, so that a reader has to go back. */
  readonly late: boolean
  /** Whether this replica appended it, in whosever name. */
  readonly origin: 'local' | 'remote'
}

export type LogListener<Value> = (arrivals: readonly LogArrival<Value>[]) => void

export interface LogPageOptions {
  /** Only what stands behind this position (in `reverse`: before it), which may itself be gone. */
  after?: LogPosition
  /** At most so many entries; all of them without it. */
  limit?: number
  /** From the last entry back. */
  reverse?: boolean
}

export interface LogReport {
  readonly lanes: number
  /** How many entries are read. */
  readonly entries: number
  /** What is left out, and what is read but suspect; empty if all is well. */
  readonly problems: readonly LogProblem[]
}

/** How many entries an iteration takes at once. */
const pageEntries = 256

export class LogPartition<Value = unknown> {
  readonly #host: PartitionHost
  readonly #schema: z.ZodType<Value> | undefined
  readonly #permanent: boolean
  readonly #view: LogView
  readonly #listeners = new Emitter<{ arrival: readonly LogArrival<Value>[] }>()
  readonly #feed: TransactionFeed<readonly LogArrival<Value>[] | StatemeshError>
  #closed = false

  /** Not for users: `openPartition` makes it. */
  constructor(definition: PartitionDefinition<Value>, host: PartitionHost) {
    this.#host = host
    this.#schema = definition.schema
    this.#permanent = definition.permanent
    this.#feed = new TransactionFeed(host.doc, notice => {
      if (notice instanceof StatemeshError) host.report(notice)
      else this.#listeners.emit('arrival', notice)
    })
    // Whatever is found while Yjs is at work is reported when it has finished.
    const report = (problem: StatemeshError) => this.#feed.push(problem)
    this.#view = new LogView({ doc: host.doc, clock: host.clock, report })
    this.#feed.drain()
    host.doc.on('afterTransaction', this.#observe)
  }

  /**
   * Adds an entry: at once here, later everywhere.
   *
   * @returns where it stands, which is its name too
   * @throws VALUE_INVALID when it breaks the schema or cannot be stored, CLOSED
   */
  append(value: Value): LogPosition {
    return this.appendAll([value])[0] as LogPosition
  }

  /**
   * Adds several entries as one update: everybody gets all of them or none.
   *
   * @throws VALUE_INVALID, and nothing was added; ROOT_MISMATCH when the document is in use as
   * another kind; CLOSED
   */
  appendAll(values: Iterable<Value>): LogPosition[] {
    this.#checkOpen()
    const encoded = [...values].map(value => encodeValue(parseValue(this.#schema, value)))
    if (encoded.length === 0) return []
    const { doc } = this.#host
    // Its writer must not change between the head of the lane and the transaction.
    const writer = doc.clientID
    const lane = this.#view.lane(writer)
    const joints = rootType(doc, jointsRoot, Y.Map)
    return doc.transact(() => {
      const positions = this.#push(lane, encoded, joints)
      this.#view.appended(lane)
      return positions
    })
  }

  /**
   * The entries from before a time that `trim` may take away: of each writer those from its first
   * on, in the order of the log.
   *
   * @param before milliseconds since the Unix epoch
   * @param limit at most so many, the oldest
   * @throws CLOSED
   */
  trimmable(before: number, limit: number = Number.POSITIVE_INFINITY): LogEntry<Value>[] {
    const isOld = ({ timestamp }: LogRecord) => timestampMilliseconds(timestamp) < before
    const records = this.#beginnings(isOld, limit).flatMap(({ records }) => records)
    return records
      .sort(comparePositions)
      .slice(0, limit)
      .map(toEntry<Value>)
  }

  /**
   * Takes the oldest entries away, for everybody: of each writer as many as are given without a gap
   * from its first on. The chain of links goes on behind them, and `verify` does not take them for
   * lost. Entries that this replica has not seen stay, wherever they are.
   *
   * @returns how many went
   * @throws OPTION_INVALID for a permanent log, CLOSED
   */
  trim(entries: Iterable<Pick<LogPosition, 'writer' | 'seq'>>): number {
    if (this.#permanent) throw new StatemeshError('OPTION_INVALID', 'the log is permanent')
    const given = new Set([...entries].map(({ writer, seq }) => `${writer}:${seq}`))
    const found = this.#beginnings(({ writer, seq }) => given.has(`${writer}:${seq}`))
    if (found.length === 0) return 0
    const { doc } = this.#host
    const trims = new Map(this.#view.trims)
    for (const { lane, trim } of found) trims.set(lane.writer, trim)
    doc.transact(() => {
      this.#view.trimMap.set(doc.clientID.toString(36), trimsRow(trims))
      for (const { lane, clock } of found) deleteBefore(lane.type, lane.writer, clock)
    })
    return found.reduce((sum, { records }) => sum + records.length, 0)
  }

  /** Of each lane the entries from the first on that may go. */
  #beginnings(mayGo: (record: LogRecord) => boolean, limit: number = Number.POSITIVE_INFINITY) {
    this.#checkOpen()
    return [...this.#view.lanes()].flatMap(lane => {
      const found = lane.trimmable(mayGo, limit)
      return found === undefined ? [] : [{ lane, ...found }]
    })
  }

  /** How many entries there are. @throws CLOSED */
  get length(): number {
    this.#checkOpen()
    return this.#view.order.length
  }

  /** An entry by its writer and place; undefined if it is not here. @throws CLOSED */
  get({ writer, seq }: Pick<LogPosition, 'writer' | 'seq'>): LogEntry<Value> | undefined {
    this.#checkOpen()
    const record = this.#view.record(writer, seq)
    return record === undefined ? undefined : toEntry(record)
  }

  /**
   * The entries in their total order: by timestamp, then actor, then writer, then place. Those that
   * two replicas both have stand in the same order on both; one that arrives late may stand between
   * them. Entries that come in during an iteration are met if they stand ahead of it.
   *
   * @throws OPTION_INVALID, CLOSED
   */
  *entries(options: LogPageOptions = {}): IterableIterator<LogEntry<Value>> {
    const { limit = Number.POSITIVE_INFINITY, reverse = false } = options
    if (limit !== Number.POSITIVE_INFINITY && (!Number.isSafeInteger(limit) || limit < 0)) {
      throw new StatemeshError('OPTION_INVALID', 'limit must be a non-negative integer')
    }
    let { after } = options
    for (let left = limit; left > 0; ) {
      this.#checkOpen()
      const asked = Math.min(left, pageEntries)
      const page = this.#view.order.page({ after, limit: asked, reverse })
      for (const record of page) yield toEntry(record)
      if (page.length < asked) return
      after = page.at(-1)
      left -= asked
    }
  }

  [Symbol.iterator](): IterableIterator<LogEntry<Value>> {
    return this.entries()
  }

  /**
   * Calls `listener` once for each transaction, local or remote, that brought entries, after it is
   * over: with the entries in order of arrival, and whether each stands before some that were there.
   *
   * @returns ends it
   * @throws CLOSED
   */
  subscribe(listener: LogListener<Value>): () => void {
    this.#checkOpen()
    return this.#listeners.on('arrival', listener)
  }

  /**
   * Checks every lane: LOG_GAP for entries that were deleted, LOG_FORK for an entry that does not
   * follow the one before it, ENTRY_FORGED for what another client put into a lane, ENTRY_INVALID
   * for what is no entry, CLOCK_DRIFT for a stamp far ahead, ROOT_UNKNOWN for what is no lane.
   * Entries that are forked or far ahead are read none the less. The first call hashes what was
   * there when the log was opened; later ones only look up what was found.
   *
   * @throws CLOSED
   */
  verify(): LogReport {
    this.#checkOpen()
    this.#view.checkLinks()
    this.#feed.drain()
    return { lanes: this.#view.laneCount, entries: this.length, problems: this.#view.problems() }
  }

  /** What is known to be wrong so far; see `verify`. @throws CLOSED */
  problems(): readonly LogProblem[] {
    this.#checkOpen()
    return this.#view.problems()
  }

  /** Gives the document back. Later calls throw CLOSED, but for a second `close`. */
  close(): void {
    if (this.#closed) return
    this.#closed = true
    this.#feed.close()
    this.#host.doc.off('afterTransaction', this.#observe)
    this.#host.release()
  }

  #checkOpen(): void {
    if (this.#closed) throw new StatemeshError('CLOSED', 'the partition is closed')
  }

  /** Nothing in here can fail, so that a transaction of Yjs never ends half done. */
  #push(lane: LogLane, encoded: unknown[], joints: Y.Map<unknown>): LogPosition[] {
    const { actor, clock } = this.#host
    let { seq, link, timestamp: floor } = lane.head()
    let run: unknown[] = []
    const positions = encoded.map((value, index): LogPosition => {
      const timestamp = stampAfter(clock.next(), floor)
      const entry = { encoded: value, seq, timestamp, actor, link }
      if (seq > 0 && seq % jointEvery === 0) {
        lane.type.push(run)
        joints.set(String(lane.writer), seq)
        run = []
      }
      run.push(contentOf(entry))
      floor = timestamp
      seq += 1
      // The link after the last one is for the next append to work out.
      if (index < encoded.length - 1) link = linkAfter(entry)
      return Object.freeze({ timestamp, actor, writer: lane.writer, seq: entry.seq })
    })
    lane.type.push(run)
    return positions
  }

  readonly #observe = (transaction: Y.Transaction): void => {
    this.#view.update(transaction)
    const arrivals = this.#view.takeArrivals()
    if (arrivals.length === 0 || !this.#listeners.has('arrival')) return
    const origin = transaction.local ? 'local' : 'remote'
    this.#feed.push(
      arrivals.map(({ record, late }) => {
        return Object.freeze({ entry: toEntry<Value>(record), late, origin })
      }),
    )
  }
}

function toEntry<Value>(record: LogRecord): LogEntry<Value> {
  const { timestamp, actor, writer, seq } = record
  return Object.freeze({ value: handOut(record) as Value, timestamp, actor, writer, seq })
}
