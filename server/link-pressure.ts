/**
 * How much waits on a link for a slow reader. A link says how much waits but not when that has
 * left, so it is looked at from time to time while somebody waits for it.
 */
import type { CancelTimer, TimeSource } from '../src/base/time.ts'
import type { Link } from '../src/transport/transport.ts'

/** Short against a round trip of a slow reader, long against the cost of a look. */
const lookMilliseconds = 20

export interface LinkPressureOptions {
  link: Link
  time: TimeSource
  queueBytesMax: number
  slowReaderMilliseconds: number
  /** The link takes more again. */
  onDrained: () => void
  /** The queue has been too long for too long. */
  onStuck: () => void
}

export class LinkPressure {
  readonly #options: LinkPressureOptions
  #cancelLook: CancelTimer | undefined
  #since = 0

  constructor(options: LinkPressureOptions) {
    this.#options = options
  }

  /** Whether the link takes more now; if not, `onDrained` or `onStuck` is called later. */
  writable(): boolean {
    const { link, queueBytesMax, time } = this.#options
    if (this.#cancelLook === undefined && link.bufferedBytes <= queueBytesMax) return true
    if (this.#cancelLook === undefined) {
      this.#since = time.monotonic()
      this.#lookLater()
    }
    return false
  }

  /** Stops looking: the link is gone. */
  stop(): void {
    this.#cancelLook?.()
    this.#cancelLook = undefined
  }

  #lookLater(): void {
    this.#cancelLook = this.#options.time.after(lookMilliseconds, () => this.#look())
  }

  #look(): void {
    const { link, time, queueBytesMax, slowReaderMilliseconds, onDrained, onStuck } = this.#options
    this.#cancelLook = undefined
    // Half, so that a reader gets some way before it is stopped again.
    if (link.bufferedBytes <= queueBytesMax / 2) return onDrained()
    if (time.monotonic() - this.#since > slowReaderMilliseconds) return onStuck()
    this.#lookLater()
  }
}
