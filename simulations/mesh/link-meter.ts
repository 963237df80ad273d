/** Counts what the links of a mesh carry. */
import { decodeMessage } from '../../src/protocol/frame.ts'
import type { Link } from '../../src/transport/transport.ts'

/** An encoded update that says nothing. */
const emptyUpdateBytes = 2

export class LinkMeter {
  /** All bytes that were sent. */
  bytes = 0
  /** Updates that were sent, in frames of their own or as a state. */
  updates = 0

  /** Counts what one end of a link sends. */
  watch(link: Link): Link {
    const count = (message: Uint8Array) => this.#count(message)
    return {
      start: handlers => link.start(handlers),
      send(message) {
        count(message)
        link.send(message)
      },
      get bufferedBytes() {
        return link.bufferedBytes
      },
      pause: () => link.pause(),
      resume: () => link.resume(),
      close: (code, reason) => link.close(code, reason),
    }
  }

  reset(): void {
    this.bytes = this.updates = 0
  }

  #count(message: Uint8Array): void {
    this.bytes += message.length
    for (const frame of decodeMessage(message)) {
      const carries = frame.type === 'update' || frame.type === 'state'
      if (carries && frame.update.length > emptyUpdateBytes) this.updates += 1
    }
  }
}
