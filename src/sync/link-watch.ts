/**
 * Looks after a link: pings when nothing was sent for a while, and finds out who is silent, does not
 * read, or does not ack what it was sent; PROTOCOL.md, *Keep-alive*.
 */
import { StatemeshError } from '../base/error.ts'
import type { CancelTimer, TimeSource } from '../base/time.ts'
import { keepAlive } from '../protocol/link-rules.ts'

export interface LinkWatchOptions {
  time: TimeSource
  /** Bytes that were sent but have not left this process. */
  bufferedBytes(): number
  /** Whether something waits for the other end to ack. */
  isBlocked(): boolean
  /** Whether what the other end says is not read, for the time being. */
  isUnheard(): boolean
  /** It is looked again whether what waits may go. */
  unblock(): void
  ping(): void
  /** The other end is as good as gone. */
  onDead(error: StatemeshError): void
}

export class LinkWatch {
  readonly #options: LinkWatchOptions
  #lastReceived: number
  #lastSent: number
  /** When the other end had made room last, or nothing waited for that. */
  #lastAcked: number
  #sentBytes = 0
  /** How much had left this process at the last look, and when that had become more. */
  #leftBytes = 0
  #lastLeft: number
  #cancel: CancelTimer | undefined

  constructor(options: LinkWatchOptions) {
    this.#options = options
    this.#lastReceived = options.time.monotonic()
    this.#lastSent = this.#lastAcked = this.#lastLeft = this.#lastReceived
    this.#lookLater()
  }

  received(): void {
    this.#lastReceived = this.#options.time.monotonic()
  }

  sent(bytes: number): void {
    this.#sentBytes += bytes
    this.#lastSent = this.#options.time.monotonic()
  }

  /** The other end has made room, or nothing has waited for that so far. */
  acked(): void {
    this.#lastAcked = this.#options.time.monotonic()
  }

  stop(): void {
    this.#cancel?.()
  }

  #lookLater(): void {
    const { time, isBlocked, isUnheard, unblock, ping, onDead } = this.#options
    this.#cancel = time.after(keepAlive.checkMilliseconds, () => {
      const now = time.monotonic()
      if (isUnheard()) this.#lastReceived = this.#lastAcked = now
      const reason = this.#whyDead(now)
      if (reason !== undefined) return onDead(reason)
      if (isBlocked()) unblock()
      if (now - this.#lastSent >= keepAlive.idleMilliseconds) ping()
      this.#lookLater()
    })
  }

  #whyDead(now: number): StatemeshError | undefined {
    const isLong = (since: number) => now - since >= keepAlive.deadMilliseconds
    if (isLong(this.#lastReceived)) return new StatemeshError('LINK_FAILED', 'it is silent')
    const { bufferedBytes, isBlocked } = this.#options
    const waiting = bufferedBytes()
    const left = this.#sentBytes - waiting
    if (waiting === 0 || left > this.#leftBytes) this.#lastLeft = now
    this.#leftBytes = left
    if (isLong(this.#lastLeft)) return tooSlow('it does not read')
    if (isBlocked() && isLong(this.#lastAcked)) return tooSlow('it acks too little')
    return undefined
  }
}

function tooSlow(why: string): StatemeshError {
  return new StatemeshError('RATE_LIMITED', why)
}
