/**
 * How much waits on a link for a slow reader. A link says how much waits but not when that has
 * left, so it is looked at from time to time while somebody waits for it.
 */
import type { CancelTimer, TimeSource } from '../src/base/time.ts'
import type { Link } from '../src/transport/transport.ts'
import type { RelayContext } from './relay-context.ts'
import type { RelayLimits } from './relay-options.ts'

/** Short against a round trip of a slow reader, long against the cost of a look. */
const lookMilliseconds = 20

/** Whose link it is. */
export interface PressedLink {
  readonly link: Link
  /** The link takes more again. */
  drained(): void
  /** The queue has been too long for too long. */
  stuck(): void
}

export class LinkPressure {
  readonly #owner: PressedLink
  readonly #time: TimeSource
  readonly #limits: Readonly<RelayLimits>
  #cancelLook: CancelTimer | undefined
  #since = 0

  constructor(owner: PressedLink, { time, limits }: Pick<RelayContext, 'time' | 'limits'>) {
    this.#owner = owner
    this.#time = time
    this.#limits = limits
  }

  /** Whether the link takes more now; if not, `drained` or `stuck` is called later. */
  writable(): boolean {
    if (this.#cancelLook !== undefined) return false
    if (this.#owner.link.bufferedBytes <= this.#limits.queueBytesMax) return true
    this.#since = this.#time.monotonic()
    this.#lookLater()
    return false
  }

  /** Stops looking: the link is gone. */
  stop(): void {
    this.#cancelLook?.()
    this.#cancelLook = undefined
  }

  #lookLater(): void {
    this.#cancelLook = this.#time.after(lookMilliseconds, () => this.#look())
  }

  #look(): void {
    const { queueBytesMax, slowReaderMilliseconds } = this.#limits
    this.#cancelLook = undefined
    // Half, so that a reader gets some way before it is stopped again.
    if (this.#owner.link.bufferedBytes <= queueBytesMax / 2) return this.#owner.drained()
    if (this.#time.monotonic() - this.#since > slowReaderMilliseconds) return this.#owner.stuck()
    this.#lookLater()
  }
}
