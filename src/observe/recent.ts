/**
 * What readings of some time past add up to, or their largest: a ring of slots, each for an equal part
 * of a window that ends now.
 */
import type { TimeSource } from '../base/time.ts'

const slots = 60

export type Fold = 'sum' | 'max'

export class Recent {
  readonly #time: TimeSource
  readonly #fold: Fold
  readonly #slotMilliseconds: number
  readonly #values = new Float64Array(slots)
  #slot: number

  constructor(time: TimeSource, fold: Fold, windowMilliseconds: number) {
    this.#time = time
    this.#fold = fold
    this.#slotMilliseconds = windowMilliseconds / slots
    this.#slot = this.#now()
  }

  /** Takes a reading from 0 in. */
  add(value: number): void {
    this.#advance()
    const index = this.#slot % slots
    this.#values[index] = this.#together(this.#values[index] as number, value)
  }

  /** The sum, or the largest, of the window that ends now; 0 without readings. */
  get value(): number {
    this.#advance()
    let folded = 0
    for (let slot = 0; slot < slots; slot++) {
      folded = this.#together(folded, this.#values[slot] as number)
    }
    return folded
  }

  #together(a: number, b: number): number {
    return this.#fold === 'sum' ? a + b : Math.max(a, b)
  }

  #now(): number {
    return Math.floor(this.#time.monotonic() / this.#slotMilliseconds)
  }

  #advance(): void {
    const now = this.#now()
    if (now === this.#slot) return
    const passed = Math.min(slots, now - this.#slot)
    for (let step = 1; step <= passed; step++) this.#values[(this.#slot + step) % slots] = 0
    this.#slot = now
  }
}
