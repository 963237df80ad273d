/** A link whose messages take a while each way, in order, and that a network may break. */
import type { TimeSource } from '../../../src/base/time.ts'
import type { Link, LinkHandlers } from '../../../src/transport/transport.ts'

export class SlowLink implements Link {
  readonly bufferedBytes = 0
  readonly #inner: Link
  readonly #time: TimeSource
  readonly #delay: () => number
  readonly #arrivals = { sent: 0, received: 0 }
  #closing = false

  constructor(inner: Link, time: TimeSource, delayMilliseconds: () => number) {
    this.#inner = inner
    this.#time = time
    this.#delay = delayMilliseconds
  }

  start({ message, close }: LinkHandlers): void {
    this.#inner.start({
      message: received =>
        this.#later('received', () => {
          if (!this.#closing) message(received)
        }),
      close: (code, reason) => this.#later('received', () => close(code, reason)),
    })
  }

  send(message: Uint8Array): void {
    if (!this.#closing) this.#later('sent', () => this.#inner.send(message))
  }

  pause(): void {
    this.#inner.pause()
  }

  resume(): void {
    this.#inner.resume()
  }

  close(code: number, reason: string): void {
    if (this.#closing) return
    this.#closing = true
    this.#later('sent', () => this.#inner.close(code, reason))
  }

  /** What is under way is lost, both ways. */
  break(): void {
    this.#closing = true
    this.#inner.close(1000, 'broken')
  }

  #later(way: 'sent' | 'received', act: () => void): void {
    const now = this.#time.monotonic()
    const due = Math.max(this.#arrivals[way], now + this.#delay())
    this.#arrivals[way] = due
    this.#time.after(due - now, act)
  }
}
