/**
 * The numbering of what arrives on one channel: which frame is next, which is out of turn. Used
 * by both ends of a link; see PROTOCOL.md, *Numbers, acks and gaps*.
 */
import type { Frame } from '../protocol/frame.ts'

type StreamFrame = Extract<Frame, { type: 'state' | 'update' | 'skip' | 'announce' }>

/**
 * `deliver`: it is next. `ignore`: it belongs to a stream that is being restarted. `gap`: a
 * number is missing; the stream now waits for a `state`, and the owner must ask for it.
 */
export type Arrival = 'deliver' | 'ignore' | 'gap'

export class InboundStream {
  // The number that the next update must have; undefined while the last `state` is awaited.
  #next: number | undefined

  /** Whether a last `state` has arrived, and no gap since. */
  get synced(): boolean {
    return this.#next !== undefined
  }

  accept(frame: StreamFrame): Arrival {
    if (frame.type === 'state') {
      // A state may come unasked, when the sender restarts the stream.
      this.#next = frame.last ? frame.seq + 1 : undefined
      return 'deliver'
    }
    if (frame.type === 'announce' && frame.state) {
      this.#next = undefined
      return 'deliver'
    }
    if (this.#next === undefined) return 'ignore'
    const inTurn = frame.type === 'skip' ? frame.seq >= this.#next - 1 : frame.seq === this.#next
    if (!inTurn) {
      this.#next = undefined
      return 'gap'
    }
    // What is announced comes under the same number, or is held already.
    if (frame.type !== 'announce') this.#next = frame.seq + 1
    return 'deliver'
  }

  /** What was announced under a number is here. */
  held(seq: number): void {
    this.#next = seq + 1
  }

  /** What was delivered builds on something that is missing: waits for a `state`. */
  restart(): void {
    this.#next = undefined
  }
}
