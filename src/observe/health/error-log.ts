/** The errors that were reported, counted by code, and the damage that was found. */
import type { TimeSource } from '../../base/time.ts'
import { Recent } from '../recent.ts'
import type { ErrorTally, FoundDamage } from './health-report.ts'

/** What is kept of the latest damage, for people to look at. */
const damageMax = 20

/** In a message; a document's name may be long. */
const messageLengthMax = 500

const minute = 60_000

export class ErrorLog {
  readonly #time: TimeSource
  readonly #tallies = new Map<string, ErrorTally>()
  readonly #perMinute: Recent
  readonly #damagePerHour: Recent
  #damage: readonly FoundDamage[] = []

  constructor(time: TimeSource) {
    this.#time = time
    this.#perMinute = new Recent(time, 'sum', minute)
    this.#damagePerHour = new Recent(time, 'sum', 60 * minute)
  }

  add({ code, message }: { readonly code: string; readonly message: string }): void {
    const count = (this.#tallies.get(code)?.count ?? 0) + 1
    const lastMessage = message.slice(0, messageLengthMax)
    this.#tallies.set(code, { code, count, lastAt: this.#time.now(), lastMessage })
    this.#perMinute.add(1)
  }

  damaged(message: string): void {
    const found = { at: this.#time.now(), message: message.slice(0, messageLengthMax) }
    this.#damage = [found, ...this.#damage].slice(0, damageMax)
    this.#damagePerHour.add(1)
  }

  /** Over the last minute. */
  get perMinute(): number {
    return this.#perMinute.value
  }

  /** Over the last hour. */
  get damagePerHour(): number {
    return this.#damagePerHour.value
  }

  /** The latest, the newest first. */
  get damage(): readonly FoundDamage[] {
    return this.#damage
  }

  /** The most frequent first. */
  tallies(): ErrorTally[] {
    return [...this.#tallies.values()].sort((a, b) => b.count - a.count)
  }
}
