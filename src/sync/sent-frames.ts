/** What was sent on a channel and not acked durable: its numbers, its bytes, and the versions it brings. */
import { Queue } from '../base/queue.ts'

interface SentFrame {
  /** Which it takes of the window; 0 while it is only announced. */
  bytes: number
  /** Of the document, with the first change that the frame brings. */
  readonly firstVersion: number
}

export class SentFrames {
  readonly #frames = new Queue<SentFrame>()
  /** The number of the first of them. */
  #from = 1
  #seq = 0
  #version = -1

  /** The last number that was used. */
  get seq(): number {
    return this.#seq
  }

  /** The version up to which all was sent. */
  get version(): number {
    return this.#version
  }

  get isEmpty(): boolean {
    return this.#frames.length === 0
  }

  /** Answers the number of the next frame, which brings a version, or all from one to another. */
  add(version: number, firstVersion: number = version): number {
    this.#frames.push({ bytes: 0, firstVersion })
    this.#version = version
    this.#seq += 1
    return this.#seq
  }

  /** A frame that is not settled is sent. */
  sent(seq: number, bytes: number): void {
    this.#frames.at(seq - this.#from).bytes = bytes
  }

  /** Whether a number was acked durable before. */
  isSettled(seq: number): boolean {
    return seq < this.#from
  }

  /** The first version that the frame behind a number brings; undefined if there is none, or not any more. */
  versionAfter(seq: number): number | undefined {
    const index = seq + 1 - this.#from
    return index < this.#frames.length ? this.#frames.at(index).firstVersion : undefined
  }

  /** All up to a number is durable, or of no use any more; answers its bytes. */
  settle(through: number): number {
    let bytes = 0
    while (this.#frames.length > 0 && this.#from <= through) {
      bytes += this.#frames.shift()?.bytes ?? 0
      this.#from += 1
    }
    return bytes
  }
}
