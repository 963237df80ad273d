/** How often something may happen: a store that fills steadily, and that every time takes from. */

/** How fast a bucket fills, and how much it holds; shared by all of a kind. */
export interface BucketSize {
  readonly perSecond: number
  /** How much may happen at once after a quiet time. */
  readonly burst: number
}

export class TokenBucket {
  readonly #size: BucketSize
  #left: number
  #at: number

  /** @param now the present moment (monotonic, in milliseconds) */
  constructor(size: BucketSize, now: number) {
    this.#size = size
    this.#left = size.burst
    this.#at = now
  }

  /** Whether `amount` may be taken at the moment `now`. */
  holds(amount: number, now: number): boolean {
    if (now > this.#at) {
      const { perSecond, burst } = this.#size
      this.#left = Math.min(burst, this.#left + ((now - this.#at) * perSecond) / 1000)
      this.#at = now
    }
    return amount <= this.#left
  }

  /** Takes `amount` at the moment `now`; false, and nothing taken, if there is less. */
  take(amount: number, now: number): boolean {
    if (!this.holds(amount, now)) return false
    this.#left -= amount
    return true
  }
}
