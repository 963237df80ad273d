/** How often something may happen: a store that fills steadily, and that every time takes from. */

/** How fast a bucket fills, and how much it holds; shared by all of a kind. */
export interface BucketSize {
  readonly perSecond: number
  /** How much may happen at once after a quiet time. */
  readonly burst: number
}

/** What is owed is paid after so long at the latest, however much was spent at once. */
const owedSecondsMax = 20

export class TokenBucket {
  readonly #size: BucketSize
  /** Below zero is what is owed. */
  #left: number
  #at: number

  /** @param now the present moment (monotonic, in milliseconds) */
  constructor(size: BucketSize, now: number) {
    this.#size = size
    this.#left = size.burst
    this.#at = now
  }

  /** Takes `amount` at the moment `now`; false, and nothing taken, if there is less. */
  take(amount: number, now: number): boolean {
    this.#fill(now)
    if (amount > this.#left) return false
    this.#left -= amount
    return true
  }

  /** Whether there is anything at the moment `now`, so that some may be spent. */
  affords(now: number): boolean {
    this.#fill(now)
    return this.#left > 0
  }

  /** Takes `amount`, of which only the size is known too late: what there is not is owed. */
  spend(amount: number): void {
    this.#left = Math.max(this.#left - amount, -owedSecondsMax * this.#size.perSecond)
  }

  #fill(now: number): void {
    if (now <= this.#at) return
    const { perSecond, burst } = this.#size
    this.#left = Math.min(burst, this.#left + ((now - this.#at) * perSecond) / 1000)
    this.#at = now
  }
}
