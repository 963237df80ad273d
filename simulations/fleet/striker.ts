/** Lets faults strike a fleet of processes, one after another and several at a time, and heals them. */
import { sleep, systemTime } from '../../src/base/time.ts'
import type { Heal, ProcessFault } from './process-faults.ts'
import type { ProcessFleet } from './process-fleet.ts'

/** From one strike to the next, on average. */
const everyMilliseconds = 250

export class Striker {
  /** How often each fault has struck. */
  readonly struck: Record<string, number> = {}
  readonly #fleet: ProcessFleet
  /** By weight: a fault of weight 3 is here three times. */
  readonly #faults: readonly ProcessFault[]
  #underWay: Promise<void>[] = []
  #hurry: () => void = () => undefined
  #hurried: Promise<void> = Promise.resolve()

  constructor(fleet: ProcessFleet, faults: readonly ProcessFault[]) {
    this.#fleet = fleet
    this.#faults = faults.flatMap(fault => Array.from({ length: fault.weight }, () => fault))
  }

  /** Strikes for so long, then heals everything; resolves when all processes run again. */
  async strikeFor(milliseconds: number): Promise<void> {
    const { dice } = this.#fleet
    const end = systemTime.monotonic() + milliseconds
    this.#hurried = new Promise(resolve => {
      this.#hurry = resolve
    })
    while (systemTime.monotonic() < end) {
      const played = this.#play(dice.pick(this.#faults))
      played.catch(() => undefined) // it is awaited below; until then it is not unhandled
      this.#underWay.push(played)
      await sleep(systemTime, Math.min(dice.wait(everyMilliseconds), milliseconds))
    }
    this.#hurry()
    const underWay = this.#underWay
    this.#underWay = []
    await Promise.all(underWay)
  }

  /** A fault from its strike to its end. */
  async #play({ name, lastsMilliseconds, strike }: ProcessFault): Promise<void> {
    const { dice } = this.#fleet
    const [atLeast, beyond] = lastsMilliseconds
    const lasts = atLeast + dice.wait(beyond)
    const heal: Heal | undefined = await strike(this.#fleet)
    if (heal === undefined) return
    this.struck[name] = (this.struck[name] ?? 0) + 1
    await Promise.race([sleep(systemTime, lasts), this.#hurried])
    await heal()
  }
}
