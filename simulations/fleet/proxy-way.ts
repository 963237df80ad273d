/**
 * One direction of a proxied connection: what comes in goes out late, slowly or not at all for a
 * while, but whole and in order, as TCP delivers it.
 */
import type { Socket } from 'node:net'
import { Queue } from '../../src/base/queue.ts'
import { type CancelTimer, systemTime } from '../../src/base/time.ts'

/** What one direction of all connections of a proxy does now. */
export interface WayConditions {
  /** Whether anything gets through. */
  held: boolean
  delayMilliseconds: number
  bytesPerMillisecond: number
}

export function freeWay(): WayConditions {
  return { held: false, delayMilliseconds: 0, bytesPerMillisecond: Number.POSITIVE_INFINITY }
}

/** Beyond it the sender is no longer read: the pressure is its own to deal with. */
const waitingBytesMax = 2 ** 20

interface Waiting {
  /** Absent for the end of what is sent. */
  readonly bytes: Uint8Array | undefined
  readonly due: number
}

export class ProxyWay {
  readonly #from: Socket
  readonly #to: Socket
  readonly #conditions: WayConditions
  readonly #waiting = new Queue<Waiting>()
  #waitingBytes = 0
  #lineFreeAt = 0
  #lastDue = 0
  #cancel: CancelTimer | undefined

  constructor(from: Socket, to: Socket, conditions: WayConditions) {
    this.#from = from
    this.#to = to
    this.#conditions = conditions
    from.on('data', (bytes: Uint8Array) => this.#push(bytes))
    from.on('end', () => this.#push(undefined))
  }

  get waitingBytes(): number {
    return this.#waitingBytes
  }

  /** Sends what is due; to be called when the conditions have changed. */
  pump(): void {
    this.#cancel?.()
    this.#cancel = undefined
    const now = systemTime.monotonic()
    while (!this.#conditions.held && this.#waiting.length > 0) {
      const { bytes, due } = this.#waiting.at(0)
      if (due > now) {
        this.#cancel = systemTime.after(due - now, () => this.pump())
        return
      }
      this.#waiting.shift()
      if (this.#to.destroyed) continue
      if (bytes === undefined) this.#to.end()
      else this.#send(bytes)
    }
  }

  stop(): void {
    this.#cancel?.()
  }

  #push(bytes: Uint8Array | undefined): void {
    const { delayMilliseconds, bytesPerMillisecond } = this.#conditions
    const length = bytes?.length ?? 0
    this.#lineFreeAt =
      Math.max(systemTime.monotonic(), this.#lineFreeAt) + length / bytesPerMillisecond
    // A delay that has ended must not let later bytes overtake earlier ones.
    this.#lastDue = Math.max(this.#lastDue, this.#lineFreeAt + delayMilliseconds)
    this.#waiting.push({ bytes, due: this.#lastDue })
    this.#waitingBytes += length
    if (this.#waitingBytes > waitingBytesMax) this.#from.pause()
    this.pump()
  }

  #send(bytes: Uint8Array): void {
    this.#waitingBytes -= bytes.length
    this.#to.write(bytes)
    if (this.#waitingBytes <= waitingBytesMax && this.#from.isPaused()) this.#from.resume()
  }
}
