/** A time source that stands still until the test moves it. */
import type { TimeSource } from '../../src/base/time.ts'

export interface ManualTime extends TimeSource {
  /** Timers that have neither fired nor been cancelled. */
  readonly pending: number
  /** Lets `milliseconds` pass, firing timers in the order in which they are due. */
  advance(milliseconds: number): void
  /** As `advance`, but what a timer started in promises goes on before the next timer fires. */
  advanceAsync(milliseconds: number): Promise<void>
  /** Sets the wall clock, as an operator might; timers and the monotonic clock do not notice. */
  setWallClock(now: number): void
}

interface Timer {
  readonly due: number
  readonly callback: () => void
}

/**
 * A time source that stands at `now`, in milliseconds since the epoch (by default the start of
 * 2026), with its monotonic clock at 0.
 */
export function manualTime(now: number = Date.UTC(2026, 0, 1)): ManualTime {
  // In the order in which they were set, which decides between timers due at the same time.
  const timers = new Set<Timer>()
  let elapsed = 0
  let wallClockAtZero = now

  /** Moves to the first timer due by `end` and fires it; false if there is none. */
  const fireNext = (end: number): boolean => {
    let next: Timer | undefined
    for (const timer of timers) {
      if (timer.due <= end && (next === undefined || timer.due < next.due)) next = timer
    }
    if (next === undefined) return false
    timers.delete(next)
    elapsed = next.due
    next.callback()
    return true
  }

  return {
    now: () => wallClockAtZero + elapsed,
    monotonic: () => elapsed,
    after(milliseconds, callback) {
      const timer = { due: elapsed + Math.max(0, milliseconds), callback }
      timers.add(timer)
      return () => {
        timers.delete(timer)
      }
    },
    get pending() {
      return timers.size
    },
    advance(milliseconds) {
      const end = elapsed + milliseconds
      while (fireNext(end));
      elapsed = end
    },
    async advanceAsync(milliseconds) {
      const end = elapsed + milliseconds
      do await promisesSettled()
      while (fireNext(end))
      elapsed = end
    },
    setWallClock(wallClock) {
      wallClockAtZero = wallClock - elapsed
    },
  }
}

/** All promise reactions run before the next immediate. */
function promisesSettled(): Promise<void> {
  return new Promise(resolve => setImmediate(resolve))
}
