/**
 * Work that is under way, by key: who asks for the same meanwhile shares it, and a write of the key
 * outdates it, so that whoever asks after the write does not get what was found before.
 */
import type { KeyPattern } from './key-pattern.ts'

interface Flight<Result> {
  readonly done: Promise<Result>
  outdated: boolean
}

export class Flights<Result> {
  readonly #flights = new Map<string, Flight<Result>>()
  #joined = 0

  /** How often somebody shared what another had begun. */
  get joined(): number {
    return this.#joined
  }

  /**
   * What `work` gives, or what it gives to who began before.
   *
   * @param work is told, by calling its argument, whether the key was written since it began
   */
  async run(
    key: string,
    work: (outdated: () => boolean) => Promise<Result>,
  ): Promise<{ result: Result; outdated: boolean }> {
    let flight = this.#flights.get(key)
    if (flight !== undefined) this.#joined += 1
    else {
      flight = this.#begin(key, work)
      this.#flights.set(key, flight)
    }
    const result = await flight.done
    return { result, outdated: flight.outdated }
  }

  /** Says that the matching keys were written or removed. */
  outdate(pattern: KeyPattern): void {
    if (this.#flights.size === 0) return
    if (pattern.exact) return this.#outdate(pattern.prefix)
    for (const key of [...this.#flights.keys()]) if (pattern.matches(key)) this.#outdate(key)
  }

  #begin(key: string, work: (outdated: () => boolean) => Promise<Result>): Flight<Result> {
    const begin = async () => {
      try {
        return await work(() => flight.outdated)
      } finally {
        if (this.#flights.get(key) === flight) this.#flights.delete(key)
      }
    }
    // `begin` may look at the flight before it has returned its promise.
    const started = Promise.resolve().then(begin)
    const flight: Flight<Result> = { done: started, outdated: false }
    return flight
  }

  #outdate(key: string): void {
    const flight = this.#flights.get(key)
    if (flight === undefined) return
    flight.outdated = true
    this.#flights.delete(key)
  }
}
