/**
 * A process in a world: what dies at once when its machine crashes. Its timers and its randomness
 * are its own, and after its death nothing of it happens any more.
 */
import type { RandomSource } from '../../src/base/random.ts'
import type { TimeSource } from '../../src/base/time.ts'
import type { Clock } from './clock.ts'
import type { World } from './world.ts'

export class SimulatedProcess {
  readonly name: string
  readonly world: World
  readonly time: TimeSource
  readonly random: RandomSource
  readonly #timerLabel: string
  readonly #timers = new Set<() => void>()
  readonly #onDeath = new Set<() => void>()
  #alive = true

  constructor(world: World, name: string, clock: Clock) {
    this.world = world
    this.name = name
    this.#timerLabel = `timer ${name}`
    this.random = world.dice.fork().source
    const born = world.now
    this.time = {
      now: () => clock.now(),
      monotonic: () => clock.elapsed(world.now - born),
      // No timer of Node or of a browser is shorter than a millisecond.
      after: (milliseconds, callback) =>
        this.#after(clock.duration(Math.max(1, milliseconds)), callback),
    }
  }

  get alive(): boolean {
    return this.#alive
  }

  /** Timers that are set: none may be left when everything in the process was closed. */
  get timers(): number {
    return this.#timers.size
  }

  /** Calls `listener` when the process dies, however it does. */
  onDeath(listener: () => void): void {
    this.#onDeath.add(listener)
  }

  /** Ends the process, without a word to anything in it. */
  kill(): void {
    if (!this.#alive) return
    this.#alive = false
    for (const cancel of this.#timers) cancel()
    this.#timers.clear()
    for (const listener of this.#onDeath) listener()
  }

  #after(milliseconds: number, callback: () => void): () => void {
    if (!this.#alive) return () => undefined
    const cancel = this.world.after(milliseconds, this.#timerLabel, () => {
      this.#timers.delete(cancel)
      callback()
    })
    this.#timers.add(cancel)
    return () => {
      this.#timers.delete(cancel)
      cancel()
    }
  }
}
