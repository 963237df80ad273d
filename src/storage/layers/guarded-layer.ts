/**
 * A layer that may be down. While it is, reads skip it and writes are kept for it, as many as fit;
 * when it answers again they are made up for, and only then is it read from.
 *
 * - G1. Nothing is read from a layer that lacks a write or a removal that was made meanwhile.
 * - G2. What cannot be kept for it is removed there when it is back: it never answers with what was
 *   overwritten while it was down.
 * - G3. Every failure is reported once when it takes the layer down; a damaged record takes only
 *   itself out.
 */
import { Backoff } from '../../base/backoff.ts'
import { StatemeshError, toStatemeshError } from '../../base/error.ts'
import { type RandomSource, systemRandom } from '../../base/random.ts'
import type { CancelTimer, TimeSource } from '../../base/time.ts'
import { everyKey, KeyPattern } from './key-pattern.ts'
import type { Layer, LayerRecord, LayerStamp } from './layer.ts'
import { Watchdog } from './watchdog.ts'

export interface LayerStatistics {
  readonly name: string
  readonly state: 'up' | 'down' | 'catching up'
  readonly hits: number
  readonly misses: number
  /** Reads that passed it by because it was down. */
  readonly skipped: number
  readonly writes: number
  /** Calls of it that failed, or took too long. */
  readonly failures: number
  /** Writes and removals that are kept for it. */
  readonly missed: number
}

export interface GuardOptions {
  time: TimeSource
  random?: RandomSource
  /** A layer that answers none of its calls for so long counts as down. Default 2,000. */
  operationMillisecondsMax?: number
  /** Writes and removals that are kept for a layer that is down. Default 10,000. */
  missedMax?: number
  /** The bytes of their values. Default 16 MiB. */
  missedBytesMax?: number
  /** Called when the layer goes down, comes back, or has a damaged record. */
  onState(change: LayerChange): void
}

export type LayerChange =
  | { readonly type: 'down'; readonly layer: string; readonly error: StatemeshError }
  | { readonly type: 'up'; readonly layer: string; readonly caughtUp: number }
  | { readonly type: 'damaged'; readonly layer: string; readonly error: StatemeshError }

type Missed =
  | { readonly type: 'write'; readonly key: string; readonly record: LayerRecord }
  | { readonly type: 'remove'; readonly pattern: KeyPattern; readonly before: LayerStamp }

type State =
  | { readonly kind: 'up' }
  | { readonly kind: 'down'; cancelProbe: CancelTimer }
  | { readonly kind: 'catching up' }
  | { readonly kind: 'closed' }

const operationMillisecondsDefault = 2000
const missedDefault = 10_000
const missedBytesDefault = 16 * 1024 * 1024
/** What is caught up at a time. */
const catchUpWrites = 100

export class GuardedLayer {
  readonly layer: Layer
  readonly #options: GuardOptions
  readonly #backoff: Backoff
  readonly #watchdog: Watchdog
  #state: State = { kind: 'up' }
  // By key or pattern, in the order of the latest: what comes later replaces what it overrides.
  readonly #missed = new Map<string, Missed>()
  #missedBytes = 0
  readonly #counts = { hits: 0, misses: 0, skipped: 0, writes: 0, failures: 0 }

  constructor(layer: Layer, options: GuardOptions) {
    this.layer = layer
    this.#options = options
    const { time, operationMillisecondsMax = operationMillisecondsDefault } = options
    this.#watchdog = new Watchdog(layer.name, time, operationMillisecondsMax)
    this.#backoff = new Backoff({
      random: options.random ?? systemRandom,
      millisecondsMin: 100,
      millisecondsMax: 5000,
    })
  }

  get statistics(): LayerStatistics {
    const { kind } = this.#state
    const state = kind === 'closed' ? 'down' : kind
    return { name: this.layer.name, state, ...this.#counts, missed: this.#missed.size }
  }

  /** What the layer has; nothing while it is down. */
  async read(key: string): Promise<LayerRecord | undefined> {
    this.#assertOpen()
    if (this.#state.kind !== 'up') {
      this.#counts.skipped += 1
      return undefined
    }
    try {
      const record = await this.#timed(() => this.layer.read(key))
      // It may have gone down meanwhile, and missed a write of this key.
      const known = this.#is('up') ? record : undefined
      if (known === undefined) this.#counts.misses += 1
      else this.#counts.hits += 1
      return known
    } catch (thrown) {
      this.#failed(thrown)
      return undefined
    }
  }

  /** Counts a read that was answered at once, without `read`. */
  count(found: boolean): void {
    if (found) this.#counts.hits += 1
    else this.#counts.misses += 1
  }

  /** Writes, or keeps the write for later; answers the failure in that case. */
  write(key: string, record: LayerRecord): Promise<StatemeshError | undefined> {
    return this.#change({ type: 'write', key, record })
  }

  /** Removes, or keeps the removal for later; answers the failure in that case. */
  remove(pattern: KeyPattern, before: LayerStamp): Promise<StatemeshError | undefined> {
    return this.#change({ type: 'remove', pattern, before })
  }

  async keys(pattern: KeyPattern): Promise<string[]> {
    this.#assertOpen()
    if (this.#state.kind !== 'up') return []
    try {
      return await this.layer.keys(pattern)
    } catch (thrown) {
      this.#failed(thrown)
      return []
    }
  }

  async sweep(): Promise<void> {
    if (this.#state.kind !== 'up') return
    await this.layer.sweep().catch(thrown => void this.#failed(thrown))
  }

  async close(): Promise<void> {
    if (this.#state.kind === 'down') this.#state.cancelProbe()
    this.#state = { kind: 'closed' }
    this.#watchdog.close()
    await this.layer.close()
  }

  async #change(change: Missed): Promise<StatemeshError | undefined> {
    this.#assertOpen()
    if (this.#state.kind !== 'up') {
      this.#keep(change)
      return new StatemeshError('LAYER_UNAVAILABLE', `${this.layer.name} is down`)
    }
    try {
      await this.#timed(() => this.#apply(change))
      this.#counts.writes += 1
      return undefined
    } catch (thrown) {
      this.#keep(change)
      return this.#failed(thrown, true)
    }
  }

  #apply(change: Missed): Promise<void> {
    if (change.type === 'write') return this.layer.write(change.key, change.record)
    return this.layer.remove(change.pattern, change.before)
  }

  #keep(change: Missed): void {
    const pattern = change.type === 'write' ? KeyPattern.of(change.key) : change.pattern
    const former = this.#missed.get(pattern.text)
    if (former !== undefined && stampOf(former) > stampOf(change)) return
    this.#forget(pattern.text)
    this.#missed.set(pattern.text, change)
    this.#missedBytes += bytesOf(change)
    const { missedBytesMax = missedBytesDefault, missedMax = missedDefault } = this.#options
    if (this.#missedBytes > missedBytesMax && change.type === 'write') {
      // Without the value, but with what it overwrites.
      this.#forget(pattern.text)
      this.#missed.set(pattern.text, { type: 'remove', pattern, before: change.record.stamp })
    }
    if (this.#missed.size <= missedMax) return
    const stamps = [...this.#missed.values()].map(stampOf)
    const latest = stamps.reduce((a, b) => (a > b ? a : b))
    this.#missed.clear()
    this.#missedBytes = 0
    this.#missed.set(everyKey.text, { type: 'remove', pattern: everyKey, before: behind(latest) })
  }

  #forget(text: string): void {
    const former = this.#missed.get(text)
    if (former === undefined) return
    this.#missedBytes -= bytesOf(former)
    this.#missed.delete(text)
  }

  /** @param lacks whether the layer now lacks a change, so that it must not be read from */
  #failed(thrown: unknown, lacks = false): StatemeshError {
    const error = toStatemeshError(thrown, 'LAYER_UNAVAILABLE')
    if (this.#state.kind === 'closed') return error
    this.#counts.failures += 1
    if (error.code === 'STORAGE_CORRUPT' && !lacks) {
      this.#options.onState({ type: 'damaged', layer: this.layer.name, error })
      return error
    }
    if (this.#state.kind === 'down') return error
    const wasUp = this.#state.kind === 'up'
    this.#probeLater()
    if (wasUp) this.#options.onState({ type: 'down', layer: this.layer.name, error })
    return error
  }

  #probeLater(): void {
    const cancelProbe = this.#options.time.after(this.#backoff.next(), () => void this.#probe())
    this.#state = { kind: 'down', cancelProbe }
  }

  async #probe(): Promise<void> {
    this.#state = { kind: 'catching up' }
    try {
      await this.#timed(() => this.layer.probe())
      const caughtUp = await this.#catchUp()
      if (!this.#is('catching up')) return
      this.#state = { kind: 'up' }
      this.#backoff.reset()
      this.#options.onState({ type: 'up', layer: this.layer.name, caughtUp })
    } catch (thrown) {
      this.#failed(thrown)
      if (this.#is('catching up')) this.#probeLater()
    }
  }

  /** Makes up for what was missed, in order; what comes meanwhile goes behind it. */
  async #catchUp(): Promise<number> {
    let done = 0
    while (this.#missed.size > 0 && this.#is('catching up')) {
      const portion = [...this.#missed].slice(0, catchUpWrites)
      // Removals of many keys wait for what was written before, and keep what follows waiting.
      const wide = portion.findIndex(([, change]) => isWide(change))
      const together = wide === -1 ? portion : portion.slice(0, Math.max(1, wide))
      await this.#timed(() => Promise.all(together.map(([, change]) => this.#apply(change))))
      for (const [text, change] of together) {
        if (this.#missed.get(text) === change) this.#forget(text)
      }
      done += together.length
    }
    return done
  }

  #is(kind: State['kind']): boolean {
    return this.#state.kind === kind
  }

  /** What `act` gives, unless the layer falls silent; what it does later does no harm (L2). */
  #timed<Result>(act: () => Promise<Result>): Promise<Result> {
    return new Promise((resolve, reject) => {
      this.#watchdog.begin(reject)
      act()
        .then(resolve, reject)
        .finally(() => this.#watchdog.end(reject))
    })
  }

  #assertOpen(): void {
    if (this.#state.kind === 'closed') throw new StatemeshError('CLOSED', 'the layers are closed')
  }
}

function isWide(change: Missed): boolean {
  return change.type === 'remove' && !change.pattern.exact
}

function bytesOf(change: Missed): number {
  return change.type === 'write' ? change.record.value.length : 0
}

function stampOf(change: Missed): LayerStamp {
  return change.type === 'write' ? change.record.stamp : change.before
}

/** A stamp behind `stamp`: what is removed before it includes what has that one. */
function behind(stamp: LayerStamp): LayerStamp {
  return `${stamp.slice(0, -1)}g` as LayerStamp
}
