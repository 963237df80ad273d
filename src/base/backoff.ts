/** Pauses between attempts: they double up to a maximum, half of each drawn at random, until a success. */
import { type RandomSource, randomFraction } from './random.ts'

export interface BackoffOptions {
  random: RandomSource
  millisecondsMin: number
  millisecondsMax: number
}

export class Backoff {
  readonly #options: BackoffOptions
  #attempts = 0

  constructor(options: BackoffOptions) {
    this.#options = options
  }

  /** How long to wait before the next attempt, in milliseconds. */
  next(): number {
    const { random, millisecondsMin, millisecondsMax } = this.#options
    const ceiling = Math.min(millisecondsMax, millisecondsMin * 2 ** this.#attempts)
    this.#attempts += 1
    // At least half of the ceiling, so that a pause is one; the rest spreads a fleet out.
    return ceiling / 2 + (randomFraction(random) * ceiling) / 2
  }

  /** The attempt succeeded: the next pause is the shortest again. */
  reset(): void {
    this.#attempts = 0
  }
}
