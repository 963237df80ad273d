/**
 * How much waits on a link for a slow reader. While somebody waits for it, it is looked at from time
 * to time, and when the link says that all has left: a large document leaves in several parts, and
 * would stand still between them.
 */
import type { CancelTimer, TimeSource } from '../src/base/time.ts'
import type { Link } from '../src/transport/transport.ts'
import { afterDrain } from './message-batch.ts'
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
  #watchesDrain = false
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
    this.#watchDrain()
    return false
  }

  /** Stops looking: the link is gone. */
  stop(): void {
    this.#cancelLook?.()
    this.#cancelLook = undefined
  }

  /** Once for however many looks: a link that is never quite drained would collect listeners. */
  #watchDrain(): void {
    if (this.#watchesDrain) return
    this.#watchesDrain = true
    afterDrain(this.#owner.link, () => {
      this.#watchesDrain = false
      if (this.#cancelLook === undefined) return // seen by a look before, or the link is gone
      this.#cancelLook()
      this.#look()
    })
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
