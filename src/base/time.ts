/**
 * The seam of time: the only file that may read a clock or set a timer. Everything else is given
 * a `TimeSource`, so that a simulation can own time.
 */

/** Stops a timer that has not fired; calling it later or twice does nothing. */
export type CancelTimer = () => void

export interface TimeSource {
  /** Wall-clock time in milliseconds since the Unix epoch; it may jump in either direction. */
  now(): number
  /** Milliseconds since an arbitrary origin; it never goes back. For durations. */
  monotonic(): number
  /** Calls `callback` once, `milliseconds` from now. A pending timer does not hold a process up. */
  after(milliseconds: number, callback: () => void): CancelTimer
}

interface Unrefable {
  unref?(): void
}

/** What a timer of the platform can wait; it takes more for no time at all. */
const timerMillisecondsMax = 2 ** 31 - 1

export const systemTime: TimeSource = {
  now: () => Date.now(),
  monotonic: () => performance.now(),
  after(milliseconds, callback) {
    let timer: ReturnType<typeof setTimeout>
    const wait = (left: number) => {
      const step = Math.min(left, timerMillisecondsMax)
      timer = setTimeout(() => (step < left ? wait(left - step) : callback()), step)
      ;(timer as Unrefable).unref?.()
    }
    wait(milliseconds)
    return () => clearTimeout(timer)
  },
}

/** Resolves `milliseconds` from now, by the given source. */
export function sleep(time: TimeSource, milliseconds: number): Promise<void> {
  return new Promise(resolve => time.after(milliseconds, resolve))
}

/**
 * Gives the event loop a turn in the middle of work. Unlike a pending timer, it holds the process
 * up: there is work left.
 */
export function nextTurn(time: TimeSource): Promise<void> {
  if (time !== systemTime) return sleep(time, 0)
  return new Promise(resolve => setTimeout(resolve, 0))
}

/**
 * Holds the process up until a promise settles that somebody waits for: it must not end in the
 * middle of an `await` because nothing but a timer is left.
 */
export async function holdUp<Result>(time: TimeSource, waited: Promise<Result>): Promise<Result> {
  if (time !== systemTime) return waited
  const timer = setInterval(() => undefined, timerMillisecondsMax)
  try {
    return await waited
  } finally {
    clearInterval(timer)
  }
}

/**
 * Calls `callback` when this turn of the event loop has done all its reads (a microtask would run
 * between two of them). For the sockets of Node alone, so it is no part of `TimeSource`.
 */
export function atEndOfTurn(callback: () => void): void {
  setImmediate(callback)
}
