/**
 * Which of the updates that a stock client sent are durable, where it has asked to be told:
 * PROTOCOL.md, *Acks for stock clients*. They are counted, and an ack covers all up to its count, so
 * it waits when one was not taken in until the client has sent its whole state again.
 */
import { Queue } from '../src/base/queue.ts'

export class StockAcks {
  #count = 0
  #acked = 0
  /** Whether something before is missing, so that nothing after it may be acked. */
  #missing = false
  readonly #awaited = new Queue<{ readonly count: number; readonly position: number }>()

  /** An update has arrived. */
  arrived(): void {
    this.#count += 1
  }

  /** It was taken in, at a position of its room; an answer holds all that the room lacked. */
  accepted(position: number, isAnswer: boolean): void {
    if (isAnswer) this.#missing = false
    if (!this.#missing) this.#awaited.push({ count: this.#count, position })
  }

  /** It was not taken in. */
  refused(): void {
    this.#missing = true
  }

  /** The count to ack when everything up to a position is durable; undefined if nothing is new. */
  durable(position: number): number | undefined {
    const before = this.#acked
    while (this.#awaited.length > 0 && this.#awaited.at(0).position <= position) {
      this.#acked = this.#awaited.shift()?.count ?? this.#acked
    }
    return this.#acked > before ? this.#acked : undefined
  }
}
