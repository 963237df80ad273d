/**
 * Lets the frames of a link in as fast as the other end may send them. What comes faster waits here,
 * in its order, so that an honest peer with much to say is slowed down and not cut off; who sends on
 * all the same is.
 */
import { StatemeshError } from '../base/error.ts'
import { Queue } from '../base/queue.ts'
import type { CancelTimer, TimeSource } from '../base/time.ts'
import type { Frame } from '../protocol/frame.ts'

export interface LinkIntakeOptions {
  time: TimeSource
  /** Whether a frame may be handled at a moment (monotonic). */
  admits(frame: Frame, now: number): boolean
  handle(frames: readonly Frame[]): void
  /** More waits than may. */
  onFlood(error: StatemeshError): void
}

/** A replica that opens its documents sends so many frames. */
const waitingMax = 65_536

/** Of updates, behind which one message more may wait. */
const waitingBytesMax = 32 * 2 ** 20

const pauseMilliseconds = 20

export class LinkIntake {
  readonly #options: LinkIntakeOptions
  readonly #waiting = new Queue<Frame>()
  #waitingBytes = 0
  #cancel: CancelTimer | undefined
  #stopped = false

  constructor(options: LinkIntakeOptions) {
    this.#options = options
  }

  /** The frames of a message have arrived. */
  take(frames: readonly Frame[]): void {
    const { handle, onFlood } = this.#options
    const now = this.#waiting.length > 0 ? 0 : this.#admitted(frames)
    if (now > 0) handle(now === frames.length ? frames : frames.slice(0, now))
    if (now === frames.length || this.#stopped) return
    const isFull = this.#waitingBytes > waitingBytesMax
    for (let at = now; at < frames.length; at++) {
      const frame = frames[at] as Frame
      this.#waiting.push(frame)
      this.#waitingBytes += updateBytes(frame)
    }
    if (isFull || this.#waiting.length > waitingMax) {
      return onFlood(new StatemeshError('RATE_LIMITED', 'too many frames on one link'))
    }
    this.#goOnLater()
  }

  /** The link has ended: what waits is not handled any more. */
  stop(): void {
    this.#stopped = true
    this.#cancel?.()
  }

  /** How many frames, from the first, may be handled now. */
  #admitted(frames: Iterable<Frame>): number {
    const now = this.#options.time.monotonic()
    let count = 0
    for (const frame of frames) {
      if (!this.#options.admits(frame, now)) break
      count += 1
    }
    return count
  }

  #goOnLater(): void {
    this.#cancel ??= this.#options.time.after(pauseMilliseconds, () => {
      this.#cancel = undefined
      const count = this.#admitted(this.#queued())
      const frames = Array.from({ length: count }, () => this.#waiting.shift() as Frame)
      for (const frame of frames) this.#waitingBytes -= updateBytes(frame)
      if (count > 0) this.#options.handle(frames)
      if (this.#waiting.length > 0 && !this.#stopped) this.#goOnLater()
    })
  }

  *#queued(): Iterable<Frame> {
    for (let at = 0; at < this.#waiting.length; at++) yield this.#waiting.at(at)
  }
}

function updateBytes(frame: Frame): number {
  if ('outline' in frame) return frame.outline.length
  return 'update' in frame ? frame.update.length : 0
}
