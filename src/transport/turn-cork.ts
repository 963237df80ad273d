/**
 * Holds a TCP socket back until the end of the turn of the event loop, so that all that was sent
 * in it leaves as one write. Writes are what a relay with many readers spends its time on.
 */
import { atEndOfTurn } from '../base/time.ts'

/** What a Node stream has for this. */
export interface Corkable {
  cork(): void
  uncork(): void
}

export class TurnCork {
  readonly #socket: Corkable
  #held = false

  constructor(socket: Corkable) {
    this.#socket = socket
  }

  /** To be called before each write. */
  hold(): void {
    if (this.#held) return
    this.#held = true
    this.#socket.cork()
    atEndOfTurn(() => {
      this.#held = false
      this.#socket.uncork()
    })
  }
}
