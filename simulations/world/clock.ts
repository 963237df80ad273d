/** The clock of one machine: off by a skew, drifting, and set forward or back now and then. */
import type { World } from './world.ts'

/** The wall clock of a world at its beginning, in milliseconds since the Unix epoch. */
export const worldEpoch: number = Date.UTC(2026, 0, 1)

export class Clock {
  readonly #world: World
  /** How many of its milliseconds pass in a true one; 1 for a perfect clock. */
  readonly #rate: number
  #offset: number

  constructor(world: World, { skew = 0, rate = 1 }: { skew?: number; rate?: number } = {}) {
    this.#world = world
    this.#rate = rate
    this.#offset = worldEpoch + skew
  }

  /** What it shows, in whole milliseconds since the Unix epoch. */
  now(): number {
    return Math.floor(this.#offset + this.elapsed(this.#world.now))
  }

  /** How many of its milliseconds pass in so many true ones. */
  elapsed(milliseconds: number): number {
    return milliseconds * this.#rate
  }

  /** How many true milliseconds it takes for what it calls so many. */
  duration(milliseconds: number): number {
    return milliseconds / this.#rate
  }

  /** Sets it forward, or back. */
  jump(milliseconds: number): void {
    this.#offset += milliseconds
  }
}
