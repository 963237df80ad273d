/**
 * Looks for memory that grows without the state growing: over half an hour, not from one reading.
 * Memory is a saw, since garbage is collected now and then, so of each minute only the lowest
 * reading counts; and what the loaded state explains is taken off before.
 */
import { type Reading, trendOf } from './trend.ts'

/** A `Y.Doc` takes 11 to 13 times its encoded bytes. */
const memoryPerStateByte = 12

const slotMilliseconds = 60_000
const slotsMax = 30
/** Fewer say nothing yet: a program that starts always grows. */
const slotsMin = 10

/** About one false alarm in 700 independent windows. */
const scoreMin = 3

export class LeakWatch {
  /** The lowest reading of each minute, the oldest first; the last one is not complete. */
  #slots: Reading[] = []

  /** Takes a reading in, at a time on the monotonic clock. */
  add(at: number, usedBytes: number, stateBytes: number): void {
    const slot = Math.floor(at / slotMilliseconds)
    const value = usedBytes - memoryPerStateByte * stateBytes
    const last = this.#slots.at(-1)
    if (last?.at === slot) {
      this.#slots[this.#slots.length - 1] = { at: slot, value: Math.min(last.value, value) }
    } else {
      this.#slots = [...this.#slots.slice(-slotsMax), { at: slot, value }]
    }
  }

  /** The growth that nothing explains; 0 if there is none, undefined while it is too early to say. */
  get bytesPerMinute(): number | undefined {
    const complete = this.#slots.slice(0, -1)
    if (complete.length < slotsMin) return undefined
    const { slope, score } = trendOf(complete)
    return score > scoreMin && slope > 0 ? slope : 0
  }
}
