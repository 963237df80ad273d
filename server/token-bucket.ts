/** How often something may happen: a store that fills steadily, and that every time takes from. */

export interface TokenBucketOptions {
  perSecond: number
  /** How much may happen at once after a quiet time. */
  burst: number
  /** The present moment (monotonic, in milliseconds). */
  now: number
}

export class TokenBucket {
  readonly #perMillisecond: number
  readonly #burst: number
  #left: number
  #at: number

  constructor({ perSecond, burst, now }: TokenBucketOptions) {
    this.#perMillisecond = perSecond / 1000
    this.#burst = burst
    this.#left = burst
    this.#at = now
  }

  /** Takes `amount` at the moment `now`; false, and nothing taken, if there is less. */
  take(amount: number, now: number): boolean {
    if (now > this.#at) {
      this.#left = Math.min(this.#burst, this.#left + (now - this.#at) * this.#perMillisecond)
      this.#at = now
    }
    if (amount > this.#left) return false
    this.#left -= amount
    return true
  }
}
