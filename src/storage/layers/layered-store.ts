/**
 * Working values beside documents: what agents look up, compute and keep for a while. Values are
 * what partitions take; a write says which layers get it, a read finds it wherever it is.
 *
 * A value here is not replicated: a process that writes or removes one tells the others to forget
 * theirs. What all have to agree on belongs into a partition.
 */
import { LRUCache } from 'lru-cache'
import { Emitter } from '../../base/emitter.ts'
import { StatemeshError } from '../../base/error.ts'
import { type RandomSource, randomId, systemRandom } from '../../base/random.ts'
import { type CancelTimer, systemTime, type TimeSource } from '../../base/time.ts'
import { HybridClock } from '../../clock/hybrid-clock.ts'
import { handOut, type StoredValue } from '../../model/value.ts'
import { Announcer, lostMark } from './announcer.ts'
import { Flights } from './flights.ts'
import type { LayerChange, LayerStatistics } from './guarded-layer.ts'
import type { Invalidation, InvalidationBus } from './invalidation-bus.ts'
import { checkLayerKey, everyKey, KeyPattern } from './key-pattern.ts'
import {
  type Layer,
  type LayerRecord,
  type LayerStamp,
  layerStamp,
  stampTimestamp,
  stampWriterDigits,
} from './layer.ts'
import { LayerStack } from './layer-stack.ts'
import { readLayerValue, writeLayerValue } from './layer-value.ts'
import type { MemoryLayer } from './memory-layer.ts'

export interface LayeredStoreParts {
  memory: MemoryLayer
  /** The slower layers, the fastest of them first. */
  below: readonly Layer[]
  /** Tells other stores of writes, and this one of theirs; the store closes it. */
  bus?: InvalidationBus
  time?: TimeSource
  random?: RandomSource
  /** How long it is remembered that a key has no value. Default 5,000. */
  absentMilliseconds?: number
  /** How long a layer may take to answer before it counts as down. Default 2,000. */
  operationMillisecondsMax?: number
  /** Writes that are kept for a layer that is down. Default 10,000. */
  missedMax?: number
}

/** Which layers get a value; memory always does. */
export interface LayerWriteOptions {
  /** Memory alone, which is what happens without any option. */
  volatile?: boolean
  /** Ends after so long, in all layers; Redis gets it too. In milliseconds. */
  ttlMilliseconds?: number
  /** LevelDB gets it: the write resolves when it is fsynced. */
  persistent?: boolean
  /** The compressed archive gets it: the write resolves when it is fsynced. */
  archive?: boolean
}

export interface WriteReceipt {
  /** Layers that were down, and get it when they are back. */
  readonly missed: readonly string[]
}

export interface LayeredStatistics {
  /** Reads, and how they were answered. */
  readonly reads: number
  readonly hits: number
  readonly misses: number
  /** Misses that were known, so that no layer was asked. */
  readonly absent: number
  /** Calls of loaders, those of them that failed, and reads that waited for another's. */
  readonly loads: number
  readonly loadFailures: number
  readonly loadsShared: number
  readonly memoryBytes: number
  readonly evictions: number
  readonly layers: readonly LayerStatistics[]
}

export type LayeredStoreEvents = {
  /** A layer went down, came back, or has a damaged record. */
  layer: LayerChange
  /** Something that failed no call: announcements that do not leave, or were missed. */
  warning: StatemeshError
}

/** Keys of which it is known that they have no value, about 150 bytes each. */
const absentMax = 10_000
const sweepMilliseconds = 60_000

/** That no layer has a value for a key, or, if it was loaded, no loader either. */
interface Absence {
  readonly until: number
  readonly loaded: boolean
}

export class LayeredStore {
  readonly #events = new Emitter<LayeredStoreEvents>()
  readonly #memory: MemoryLayer
  readonly #stack: LayerStack
  readonly #bus: InvalidationBus | undefined
  readonly #announcer: Announcer | undefined
  readonly #time: TimeSource
  readonly #clock: HybridClock
  readonly #writer: string
  readonly #absentMilliseconds: number
  readonly #absences = new LRUCache<string, Absence>({ max: absentMax })
  readonly #decoded = new WeakMap<LayerRecord, StoredValue>()
  readonly #reads = new Flights<unknown>()
  readonly #loads = new Flights<unknown>()
  readonly #counts = { reads: 0, hits: 0, misses: 0, absent: 0, loads: 0, loadFailures: 0 }
  #cancelSweep: CancelTimer | undefined
  #closing: Promise<void> | undefined

  /** Not for users: `openLayeredStore` makes stores. */
  constructor(parts: LayeredStoreParts) {
    const { memory, below, bus, time = systemTime, random = systemRandom, ...limits } = parts
    this.#memory = memory
    this.#bus = bus
    this.#time = time
    this.#clock = new HybridClock({ time })
    this.#writer = randomId(random).slice(0, stampWriterDigits)
    this.#absentMilliseconds = parts.absentMilliseconds ?? 5000
    const onState = (change: LayerChange) => this.#events.emit('layer', change)
    this.#stack = new LayerStack({ ...limits, memory, below, time, random, onState })
    const onError = (error: StatemeshError) => this.#events.emit('warning', error)
    this.#announcer = bus && new Announcer({ bus, time, random, onError })
    bus?.listen({
      invalidated: invalidations => this.#invalidated(invalidations),
      missed: () => this.#missed(),
    })
    this.#sweepLater()
  }

  /** Calls `listener` at every `event` until the returned function is called. */
  on<Name extends keyof LayeredStoreEvents>(
    event: Name,
    listener: (payload: LayeredStoreEvents[Name]) => void,
  ): () => void {
    return this.#events.on(event, listener)
  }

  /** The value that memory has, at once; undefined may mean that another layer has it. */
  peek(key: string): unknown {
    const record = this.#stack.peek(key)
    return record && this.#valueOf(record)
  }

  /**
   * The value of a key, from the fastest layer that has it; undefined where none has.
   *
   * @throws KEY_INVALID, CLOSED
   */
  async get(key: string): Promise<unknown> {
    this.#counts.reads += 1
    const record = this.#stack.peek(key)
    if (record !== undefined) {
      this.#counts.hits += 1
      return this.#valueOf(record)
    }
    this.#assertOpen()
    checkLayerKey(key)
    if (this.#absence(key) !== undefined) {
      this.#counts.absent += 1
      return undefined
    }
    const value = await this.#readBelow(key)
    if (value === undefined) this.#counts.misses += 1
    else this.#counts.hits += 1
    return value
  }

  /**
   * The value of a key; where no layer has one, what `load` gives, which is then written as
   * `options` say. However many ask at a time, `load` is called once. If it gives undefined, that
   * is remembered for a while; if the key is written while it loads, its answer is not stored.
   *
   * @throws KEY_INVALID, VALUE_INVALID, OPTION_INVALID, STORAGE_UNAVAILABLE, CLOSED, and what `load`
   * throws
   */
  async getOrLoad(
    key: string,
    load: (key: string) => unknown,
    options: LayerWriteOptions = {},
  ): Promise<unknown> {
    this.#targets(options)
    const found = await this.get(key)
    if (found !== undefined || this.#absence(key)?.loaded) return found
    const { result } = await this.#loads.run(key, async outdated => {
      const value = await this.#load(key, load)
      if (outdated()) return value
      if (value === undefined) this.#setAbsent(key, true)
      else await this.set(key, value, options)
      return value
    })
    return this.peek(key) ?? result
  }

  /**
   * Writes a value: `get` of this process gives it from now on, others forget theirs. Resolves when
   * the layers that the options name have it, fsynced where they are on disk.
   *
   * @throws KEY_INVALID, VALUE_INVALID, OPTION_INVALID (there is no such layer), CLOSED;
   * STORAGE_UNAVAILABLE where `persistent` or `archive` was asked for and the disk failed: the value
   * is in the other layers, and the disk gets it if it comes back before this process ends
   */
  async set(key: string, value: unknown, options: LayerWriteOptions = {}): Promise<WriteReceipt> {
    this.#assertOpen()
    checkLayerKey(key)
    const names = this.#targets(options)
    const { ttlMilliseconds: ttl } = options
    const expiresAt = ttl === undefined ? Number.POSITIVE_INFINITY : this.#time.now() + ttl
    const record = { stamp: this.#nextStamp(), expiresAt, value: writeLayerValue(value) }
    const pattern = KeyPattern.of(key)
    this.#outdate(pattern)
    const storing = this.#stack.store(key, record, names)
    this.#announcer?.add(pattern.text, record.stamp)
    const failures = await storing
    const missed = names.filter(name => failures.has(name))
    const disk = missed.find(name => name !== 'redis')
    if (disk !== undefined) {
      const cause = failures.get(disk)
      throw new StatemeshError('STORAGE_UNAVAILABLE', `${disk} did not take ${key}`, { cause })
    }
    return { missed }
  }

  /**
   * Removes a key from all layers, and from those of other processes that hear of it. Layers that
   * are down lose it when they are back.
   *
   * @throws KEY_INVALID, CLOSED
   */
  async delete(key: string): Promise<void> {
    checkLayerKey(key)
    await this.#drop(KeyPattern.of(key))
  }

  /**
   * Removes all keys that match a pattern, as `delete` does: `*` stands for any text, `?` for one
   * character, and a backslash takes the next character as it is.
   *
   * @throws KEY_INVALID, CLOSED
   */
  async invalidate(pattern: string): Promise<void> {
    await this.#drop(KeyPattern.parse(pattern))
  }

  /**
   * The keys that match a pattern in any layer that is up.
   *
   * @throws KEY_INVALID, CLOSED
   */
  async keys(pattern = '*'): Promise<string[]> {
    this.#assertOpen()
    return this.#stack.keys(KeyPattern.parse(pattern))
  }

  get statistics(): LayeredStatistics {
    return {
      ...this.#counts,
      loadsShared: this.#loads.joined,
      memoryBytes: this.#memory.bytes,
      evictions: this.#memory.evictions,
      layers: this.#stack.statistics,
    }
  }

  /** Waits for announcements under way, and closes the layers. A second call does nothing more. */
  close(): Promise<void> {
    this.#closing ??= this.#close()
    return this.#closing
  }

  async #readBelow(key: string): Promise<unknown> {
    const { result } = await this.#reads.run(key, async outdated => {
      const record = await this.#stack.readBelow(key)
      if (record === undefined) {
        // A layer that is down may have it.
        if (!outdated() && this.#stack.whole) this.#setAbsent(key, false)
        return undefined
      }
      this.#clock.observe(stampTimestamp(record.stamp))
      return this.#valueOf(record)
    })
    return result
  }

  async #load(key: string, load: (key: string) => unknown): Promise<unknown> {
    this.#counts.loads += 1
    try {
      return await load(key)
    } catch (thrown) {
      this.#counts.loadFailures += 1
      throw thrown
    }
  }

  async #drop(pattern: KeyPattern): Promise<void> {
    this.#assertOpen()
    const before = this.#nextStamp()
    this.#outdate(pattern)
    const dropping = this.#stack.drop(pattern, before)
    this.#announcer?.add(pattern.text, before)
    await dropping
  }

  #invalidated(invalidations: readonly Invalidation[]): void {
    if (this.#closing) return
    for (const { pattern: text, stamp } of invalidations) {
      if (stamp.endsWith(this.#writer)) continue // our own
      this.#clock.observe(stampTimestamp(stamp))
      const pattern = readPattern(text)
      if (text === lostMark) this.#missed()
      else if (pattern !== undefined) this.#forget(pattern, stamp)
    }
  }

  /** Removes what is older from this process's own layers. */
  #forget(pattern: KeyPattern, before: LayerStamp): void {
    this.#outdate(pattern)
    // A layer that fails goes down, and loses it when it is back.
    void this.#stack.drop(pattern, before, true)
  }

  /** Memory is loaded again; what is on disk may be all that there is. */
  #missed(): void {
    if (this.#closing) return
    this.#outdate(everyKey)
    void this.#stack.forget(everyKey, this.#nextStamp())
    const message = 'what others wrote meanwhile is not known; memory was emptied'
    this.#events.emit('warning', new StatemeshError('INVALIDATIONS_MISSED', message))
  }

  #outdate(pattern: KeyPattern): void {
    this.#reads.outdate(pattern)
    this.#loads.outdate(pattern)
    if (pattern.exact) this.#absences.delete(pattern.prefix)
    else this.#absences.clear()
  }

  #absence(key: string): Absence | undefined {
    const absence = this.#absences.get(key)
    return absence && absence.until > this.#time.monotonic() ? absence : undefined
  }

  #setAbsent(key: string, loaded: boolean): void {
    const until = this.#time.monotonic() + this.#absentMilliseconds
    this.#absences.set(key, { until, loaded })
  }

  /** A value that its reader may own. Decoded once for as long as memory has the record. */
  #valueOf(record: LayerRecord): unknown {
    let stored = this.#decoded.get(record)
    if (stored === undefined) {
      stored = readLayerValue(record.value)
      this.#decoded.set(record, stored)
    }
    return handOut(stored)
  }

  /** The names of the layers that a write goes to. */
  #targets(options: LayerWriteOptions): string[] {
    const { ttlMilliseconds: ttl, persistent = false, archive = false } = options
    if (ttl !== undefined && !(ttl > 0 && ttl <= Number.MAX_SAFE_INTEGER)) {
      throw new StatemeshError('OPTION_INVALID', 'ttlMilliseconds is more than 0')
    }
    const wanted = [persistent && 'level', archive && 'archive'].filter(name => name !== false)
    const lacking = wanted.find(name => !this.#stack.names.includes(name))
    if (lacking !== undefined) {
      throw new StatemeshError('OPTION_INVALID', `the store was opened without ${lacking}`)
    }
    const shared = ttl !== undefined && this.#stack.names.includes('redis')
    return ['memory', ...(shared ? ['redis'] : []), ...wanted]
  }

  #nextStamp(): LayerStamp {
    return layerStamp(this.#clock.next(), this.#writer)
  }

  #sweepLater(): void {
    this.#cancelSweep = this.#time.after(sweepMilliseconds, () => {
      // Failures take the layer down and are reported there.
      void this.#stack.sweep().finally(() => {
        if (!this.#closing) this.#sweepLater()
      })
    })
  }

  #assertOpen(): void {
    if (this.#closing) throw new StatemeshError('CLOSED', 'the layered store is closed')
  }

  async #close(): Promise<void> {
    this.#cancelSweep?.()
    await this.#announcer?.idle()
    this.#announcer?.close()
    await this.#bus?.close()
    await this.#stack.close()
  }
}

/** What others announced, if it is one: anybody may write where announcements are read. */
function readPattern(text: string): KeyPattern | undefined {
  try {
    return KeyPattern.parse(text)
  } catch {
    return undefined
  }
}
