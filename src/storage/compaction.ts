/**
 * Compaction as a layer over any storage: when the log of a document has grown long, it is merged
 * into one garbage-collected update, which loads faster and takes less room.
 *
 * - C1. Nothing happens inside a call of the port: a timer starts the work, one document at a time.
 * - C2. A failed compaction changes nothing, is reported, and is tried again when the log has grown
 *   as much again.
 * - C3. A log that still grows is left alone for a while: its readers have it in memory, and the disk
 *   and the processor are busy with what is written to it.
 * - C4. What is appended while a compaction runs stays behind it as it is.
 */
import { StatemeshError, toStatemeshError } from '../base/error.ts'
import { type CancelTimer, holdUp, type TimeSource } from '../base/time.ts'
import { mergeLog } from './merge-log.ts'
import type { DamagedRecord, Storage, StoredDocument } from './storage.ts'

/** How much a log holds. */
export interface LogSize {
  readonly updates: number
  readonly bytes: number
}

export interface CompactionReport {
  readonly document: string
  readonly before: LogSize
  readonly after: LogSize
  readonly milliseconds: number
}

/** When logs are compacted, and how. */
export interface CompactionSettings {
  /**
   * Compacts a log with this many updates behind the compacted one: they cost a load about 5 ms.
   * A large document gets one more for each kB, as loading it takes longer anyway. Default 500.
   */
  updatesMax?: number
  /**
   * Compacts a log with this many bytes behind the compacted update, and at least as many as that
   * one has: so all rewriting together costs no more than twice what was appended. Default 1 MiB.
   */
  bytesMax?: number
  /**
   * Compacts a log that nothing was appended to for so long, if it has some updates behind the compacted
   * one, in milliseconds. Default 3,600,000.
   */
  ageMilliseconds?: number
  /**
   * The pause before each compaction, in milliseconds; after a long one it is four times as long as
   * that took, so that compaction has at most a fifth of the time. Default 1,000.
   */
  pauseMilliseconds?: number
  /** Merges a log into one update; may run elsewhere, in a worker for instance. */
  mergeLog?: (updates: readonly Uint8Array[]) => Uint8Array | Promise<Uint8Array>
}

export interface CompactionOptions extends CompactionSettings {
  time: TimeSource
  /** Called after each compaction. */
  onCompacted?: (report: CompactionReport) => void
  /** Called with damaged records that a compaction found, since no load will report them again. */
  onDamaged: (damaged: readonly DamagedRecord[]) => void
  /** Called when a compaction that the timer started has failed. */
  onError: (error: StatemeshError, document: string) => void
}

export interface CompactingStorage extends Storage {
  /**
   * Compacts a document now, or when those before it are done; undefined where there was nothing to
   * gain.
   *
   * @throws UPDATE_INVALID when the log cannot be merged, STORAGE_UNAVAILABLE, CLOSED
   */
  compact(document: string): Promise<CompactionReport | undefined>
  /** Starts no more compactions by itself, and waits for those under way. The storage stays open. */
  stop(): Promise<void>
}

/** The given storage, whose logs are compacted from now on. Closing it closes that one. */
export function withCompaction(storage: Storage, options: CompactionOptions): CompactingStorage {
  return new Compaction(storage, options)
}

/** What is known of a log; only what came or was read since this process started. */
interface Tally {
  /** Of the update at the beginning of the log, which is the compacted one if there is any. */
  firstBytes: number
  /** Behind that one. */
  updates: number
  bytes: number
  /** When something was last appended, on the monotonic clock. */
  appendedAt: number
}

/** A log that still grows is compacted when it is this many times as long as need be. */
const growingFactor = 20

/** Fewer updates than these cost a load nothing, and their room is not worth writing them again. */
const agedUpdatesMin = 20

// About 150 bytes each.
const talliesMax = 10_000

class Compaction implements CompactingStorage {
  readonly #storage: Storage
  readonly #options: CompactionOptions
  readonly #updatesMax: number
  readonly #bytesMax: number
  readonly #pauseMin: number
  readonly #age: number
  readonly #tallies = new Map<string, Tally>()
  readonly #due = new Set<string>()
  #pause: number
  #cancelTimer: CancelTimer | undefined
  #cancelAgeTimer: CancelTimer | undefined
  /** The end of the queue of compactions. */
  #last: Promise<unknown> = Promise.resolve()
  #stopped = false
  #closing: Promise<void> | undefined

  constructor(storage: Storage, options: CompactionOptions) {
    this.#storage = storage
    this.#options = options
    this.#updatesMax = options.updatesMax ?? 500
    this.#bytesMax = options.bytesMax ?? 1024 * 1024
    this.#pauseMin = options.pauseMilliseconds ?? 1000
    this.#age = options.ageMilliseconds ?? 60 * 60 * 1000
    this.#pause = this.#pauseMin
  }

  async load(document: string): Promise<StoredDocument> {
    this.#assertOpen()
    const stored = await this.#storage.load(document)
    this.#tallyLog(document, stored)
    return stored
  }

  append(document: string, update: Uint8Array): Promise<number> {
    if (this.#closing) return Promise.reject(closed())
    this.#tally(document, update.length)
    return this.#storage.append(document, update)
  }

  async replace(document: string, through: number, update: Uint8Array): Promise<void> {
    this.#assertOpen()
    this.#tallies.delete(document)
    await this.#storage.replace(document, through, update)
  }

  async remove(document: string): Promise<void> {
    this.#assertOpen()
    this.#tallies.delete(document)
    this.#due.delete(document)
    await this.#storage.remove(document)
  }

  async documents(): Promise<readonly string[]> {
    this.#assertOpen()
    return this.#storage.documents()
  }

  async records(prefix: string): Promise<ReadonlyMap<string, Uint8Array>> {
    this.#assertOpen()
    return this.#storage.records(prefix)
  }

  async writeRecord(key: string, value: Uint8Array | undefined): Promise<void> {
    this.#assertOpen()
    await this.#storage.writeRecord(key, value)
  }

  async stop(): Promise<void> {
    this.#stopped = true
    this.#cancelTimer?.()
    this.#cancelAgeTimer?.()
    // A thread that merges does not hold the process up by itself.
    await holdUp(this.#options.time, this.#last)
  }

  close(): Promise<void> {
    this.#closing ??= this.stop().then(() => this.#storage.close())
    return this.#closing
  }

  async compact(document: string): Promise<CompactionReport | undefined> {
    this.#assertOpen()
    const compaction = this.#last.then(() => this.#compact(document))
    this.#last = compaction.catch(() => undefined)
    return compaction
  }

  #tally(document: string, bytes: number): void {
    const tally = this.#tallies.get(document) ?? this.#remember(document, 0)
    tally.updates += 1
    tally.bytes += bytes
    tally.appendedAt = this.#options.time.monotonic()
    this.#evaluate(document, tally)
  }

  #tallyLog(document: string, { updates }: StoredDocument): void {
    if (updates.length === 0) return
    const firstBytes = (updates[0] as { update: Uint8Array }).update.length
    const tally = this.#remember(document, firstBytes)
    tally.updates = updates.length - 1
    tally.bytes = logSize(updates).bytes - firstBytes
    this.#evaluate(document, tally)
  }

  /** Begins a tally; a forgotten one begins anew with the document's next load or append. */
  #remember(document: string, firstBytes: number): Tally {
    const tally = { firstBytes, updates: 0, bytes: 0, appendedAt: Number.NEGATIVE_INFINITY }
    this.#tallies.set(document, tally)
    if (this.#tallies.size > talliesMax) {
      const [oldest] = this.#tallies.keys()
      this.#tallies.delete(oldest as string)
    }
    return tally
  }

  #evaluate(document: string, tally: Tally): void {
    if (!this.#exceeds(tally, 1)) {
      if (tally.updates >= agedUpdatesMin) this.#startAgeTimer()
      return
    }
    this.#due.add(document)
    this.#startTimer()
  }

  #startAgeTimer(): void {
    if (this.#cancelAgeTimer || this.#stopped) return
    this.#cancelAgeTimer = this.#options.time.after(this.#age, () => {
      this.#cancelAgeTimer = undefined
      this.#lookForAged()
    })
  }

  /** What has been left alone for long enough is due; what has not is looked at again. */
  #lookForAged(): void {
    const since = this.#options.time.monotonic() - this.#age
    for (const [document, { updates, appendedAt }] of this.#tallies) {
      if (updates < agedUpdatesMin) continue
      if (appendedAt <= since) this.#due.add(document)
      else this.#startAgeTimer()
    }
    this.#startTimer()
  }

  /** Whether a log is so many times as long as it may be. */
  #exceeds({ firstBytes, updates, bytes }: Tally, times: number): boolean {
    const updatesMax = this.#updatesMax + firstBytes / 1024
    const bytesMax = Math.max(this.#bytesMax, firstBytes)
    return updates >= times * updatesMax || bytes >= times * bytesMax
  }

  /** The first document that is due and does not still grow. */
  #next(): string | undefined {
    const quietSince = this.#options.time.monotonic() - this.#pauseMin / 2
    for (const document of this.#due) {
      const tally = this.#tallies.get(document)
      if (tally === undefined || tally.appendedAt <= quietSince) return document
      if (this.#exceeds(tally, growingFactor)) return document
    }
    return undefined
  }

  #startTimer(): void {
    if (this.#cancelTimer || this.#stopped || this.#due.size === 0) return
    this.#cancelTimer = this.#options.time.after(this.#pause, () => void this.#runNext())
  }

  async #runNext(): Promise<void> {
    const document = this.#next()
    try {
      if (document !== undefined) await this.compact(document)
    } catch (thrown) {
      const error = toStatemeshError(thrown, 'STORAGE_UNAVAILABLE')
      if (error.code !== 'CLOSED') this.#options.onError(error, document as string)
    } finally {
      this.#cancelTimer = undefined
      this.#startTimer()
    }
  }

  async #compact(document: string): Promise<CompactionReport | undefined> {
    const { time, onDamaged, onCompacted } = this.#options
    const start = time.monotonic()
    this.#due.delete(document)
    // From here a new tally: what is in the log now is dealt with, or waits for as much again.
    const tally = this.#remember(document, this.#tallies.get(document)?.firstBytes ?? 0)
    const { updates, damaged } = await this.#storage.load(document)
    if (damaged.length > 0) onDamaged(damaged)
    const through = updates.at(-1)?.clock
    if (through === undefined || updates.length === 1) return undefined
    const merged = await (this.#options.mergeLog ?? mergeLog)(updates.map(({ update }) => update))
    await this.#storage.replace(document, through, merged)
    tally.firstBytes = merged.length
    const milliseconds = time.monotonic() - start
    this.#pause = Math.max(this.#pauseMin, 4 * milliseconds)
    const after = { updates: 1, bytes: merged.length }
    const report = { document, before: logSize(updates), after, milliseconds }
    onCompacted?.(report)
    return report
  }

  #assertOpen(): void {
    if (this.#closing) throw closed()
  }
}

function logSize(updates: StoredDocument['updates']): LogSize {
  return {
    updates: updates.length,
    bytes: updates.reduce((sum, { update }) => sum + update.length, 0),
  }
}

function closed(): StatemeshError {
  return new StatemeshError('CLOSED', 'the storage is closed')
}
