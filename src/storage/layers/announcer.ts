/**
 * Announces over a bus what a store has written or removed: together what comes together, again
 * what failed. While the bus is down the latest stamp of each key or pattern is kept.
 */
import { Backoff } from '../../base/backoff.ts'
import { type StatemeshError, toStatemeshError } from '../../base/error.ts'
import type { RandomSource } from '../../base/random.ts'
import type { CancelTimer, TimeSource } from '../../base/time.ts'
import type { InvalidationBus } from './invalidation-bus.ts'
import type { LayerStamp } from './layer.ts'

export interface AnnouncerOptions {
  bus: InvalidationBus
  time: TimeSource
  random: RandomSource
  /** Called at the first failure of a row of them. */
  onError(error: StatemeshError): void
}

/** Keys and patterns that wait, about 200 bytes each. Beyond that listeners hear that some are missing. */
const waitingMax = 10_000

/** What no key is: a store that hears it has missed something. */
export const lostMark = ''

export class Announcer {
  readonly #options: AnnouncerOptions
  readonly #backoff: Backoff
  #waiting = new Map<string, LayerStamp>()
  #running: Promise<void> | undefined
  #cancelRetry: CancelTimer | undefined
  #failing = false
  #closed = false

  constructor(options: AnnouncerOptions) {
    this.#options = options
    const { random } = options
    this.#backoff = new Backoff({ random, millisecondsMin: 100, millisecondsMax: 5000 })
  }

  add(pattern: string, stamp: LayerStamp): void {
    const known = this.#waiting.get(pattern)
    if (known !== undefined && known > stamp) return
    this.#waiting.set(pattern, stamp)
    if (this.#waiting.size > waitingMax) this.#waiting = new Map([[lostMark, stamp]])
    if (this.#cancelRetry === undefined) this.#running ??= this.#run()
  }

  /** Resolves when nothing is being announced; what failed still waits then. */
  async idle(): Promise<void> {
    await this.#running
  }

  close(): void {
    this.#closed = true
    this.#cancelRetry?.()
  }

  async #run(): Promise<void> {
    // What one turn writes is announced together.
    await Promise.resolve()
    while (this.#waiting.size > 0 && !this.#closed) {
      const batch = this.#waiting
      this.#waiting = new Map()
      try {
        await this.#options.bus.announce([...batch].map(([pattern, stamp]) => ({ pattern, stamp })))
        this.#failing = false
        this.#backoff.reset()
      } catch (thrown) {
        this.#putBack(batch)
        this.#retryLater(toStatemeshError(thrown, 'LAYER_UNAVAILABLE'))
        break
      }
    }
    this.#running = undefined
  }

  #putBack(batch: Map<string, LayerStamp>): void {
    const later = this.#waiting
    this.#waiting = batch
    for (const [pattern, stamp] of later) this.#waiting.set(pattern, stamp)
  }

  #retryLater(error: StatemeshError): void {
    if (this.#closed) return
    if (!this.#failing) this.#options.onError(error)
    this.#failing = true
    this.#cancelRetry = this.#options.time.after(this.#backoff.next(), () => {
      this.#cancelRetry = undefined
      this.#running ??= this.#run()
    })
  }
}
