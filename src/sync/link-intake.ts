/**
 * Lets what arrives on a link in as fast as the other end may send it. What comes faster waits here,
 * in its order, and the link is read no further, so that an honest end with much to say is slowed
 * down: nothing of it is refused or sent twice.
 */
import { StatemeshError } from '../base/error.ts'
import { Queue } from '../base/queue.ts'
import type { CancelTimer, TimeSource } from '../base/time.ts'
import type { Link } from '../transport/transport.ts'

export interface LinkIntakeOptions<Item> {
  link: Pick<Link, 'pause' | 'resume'>
  time: TimeSource
  /** Whether an item may be handled at a moment (monotonic); it then counts. */
  admits(item: Item, now: number): boolean
  handle(items: readonly Item[]): void
  /** Something waits, after a time in which nothing had to. */
  onThrottled?(): void
  /** It has gone on for so long; any time unless given. */
  throttledMillisecondsMax?: number
  /** It went on for longer, or more came than may wait. */
  onFlood(error: StatemeshError): void
}

/** A replica that opens its documents sends so many frames. */
const waitingMax = 65_536

/** What may come although the link is paused. Of one that can be it is the rest of one read. */
const behindBytesMax = 32 * 2 ** 20

const pauseMilliseconds = 20

/** After so long without a wait the next one is another story. */
const restMilliseconds = 1_000

export class LinkIntake<Item> {
  readonly #options: LinkIntakeOptions<Item>
  readonly #waiting = new Queue<Item>()
  /** Of what came while something waited already. */
  #behindBytes = 0
  #cancel: CancelTimer | undefined
  #throttledSince = 0
  #wentOnAt = Number.NEGATIVE_INFINITY
  #stopped = false

  constructor(options: LinkIntakeOptions<Item>) {
    this.#options = options
  }

  /** Whether something waits, so that nothing of what the other end says is heard. */
  get throttles(): boolean {
    return this.#waiting.length > 0
  }

  /** The items of a message have arrived. */
  take(items: readonly Item[], bytes: number): void {
    const { throttles } = this
    const now = throttles ? 0 : this.#admitted(items)
    if (now > 0) this.#options.handle(now === items.length ? items : items.slice(0, now))
    if (now === items.length || this.#stopped) return
    for (let at = now; at < items.length; at++) this.#waiting.push(items[at] as Item)
    if (throttles) this.#behindBytes += bytes
    if (this.#waiting.length > waitingMax || this.#behindBytes > behindBytesMax) this.#flooded()
    else if (!throttles) this.#throttle()
  }

  /** The link has ended: what waits is not handled any more. */
  stop(): void {
    this.#stopped = true
    this.#cancel?.()
    while (this.#waiting.shift() !== undefined);
  }

  /** How many items, from the first, may be handled now. */
  #admitted(items: Iterable<Item>): number {
    const now = this.#options.time.monotonic()
    let count = 0
    for (const item of items) {
      if (!this.#options.admits(item, now)) break
      count += 1
    }
    return count
  }

  #throttle(): void {
    const { link, time, onThrottled } = this.#options
    link.pause()
    const now = time.monotonic()
    if (now - this.#wentOnAt >= restMilliseconds) {
      this.#throttledSince = now
      onThrottled?.()
    }
    this.#goOnLater()
  }

  #goOnLater(): void {
    const { link, time, handle, throttledMillisecondsMax = Infinity } = this.#options
    this.#cancel = time.after(pauseMilliseconds, () => {
      const count = this.#admitted(this.#queued())
      const items = Array.from({ length: count }, () => this.#waiting.shift() as Item)
      if (count > 0) handle(items)
      if (this.#stopped) return
      const now = time.monotonic()
      if (this.throttles) {
        const isLong = now - this.#throttledSince > throttledMillisecondsMax
        return isLong ? this.#flooded() : this.#goOnLater()
      }
      this.#behindBytes = 0
      this.#wentOnAt = now
      link.resume()
    })
  }

  #flooded(): void {
    this.#options.onFlood(new StatemeshError('RATE_LIMITED', 'too much from one connection'))
  }

  *#queued(): Iterable<Item> {
    for (let at = 0; at < this.#waiting.length; at++) yield this.#waiting.at(at)
  }
}
