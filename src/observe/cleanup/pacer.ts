/** Gives the event loop a turn whenever work has taken some milliseconds without one. */
import { nextTurn, type TimeSource } from '../../base/time.ts'

/** Well under what anybody notices, and long against what a turn costs. */
const turnMilliseconds = 4

export class Pacer {
  readonly #time: TimeSource
  #turnStart: number

  constructor(time: TimeSource) {
    this.#time = time
    this.#turnStart = time.monotonic()
  }

  /** Resolves at once, mostly. */
  async pause(): Promise<void> {
    if (this.#time.monotonic() - this.#turnStart < turnMilliseconds) return
    await this.turn()
  }

  /** Gives the event loop a turn in any case. */
  async turn(): Promise<void> {
    await nextTurn(this.#time)
    this.#turnStart = this.#time.monotonic()
  }
}
