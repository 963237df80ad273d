/** Promises that wait for conditions: whoever changes something calls `evaluate`. */
import { StatemeshError, toStatemeshError } from '../base/error.ts'
import type { CancelTimer, TimeSource } from '../base/time.ts'

export interface Deadline {
  /** Give up with FLUSH_TIMEOUT after so long; without it, wait for as long as it takes. */
  timeoutMilliseconds?: number | undefined
  /** Give up with the signal's reason as soon as it aborts. */
  signal?: AbortSignal | undefined
}

interface Waiter {
  /** Whether the wait is over; it may throw, which ends the wait with that error. */
  condition(): boolean
  resolve(): void
  reject(error: unknown): void
}

export class Waiters {
  readonly #time: TimeSource
  readonly #waiters = new Set<Waiter>()

  constructor(time: TimeSource) {
    this.#time = time
  }

  /**
   * Resolves as soon as `condition` holds, now or at an `evaluate`.
   *
   * @throws FLUSH_TIMEOUT, what `condition` throws, the reason of the signal, OPTION_INVALID
   */
  wait({ timeoutMilliseconds, signal }: Deadline, condition: () => boolean): Promise<void> {
    return new Promise((resolve, reject) => {
      if (timeoutMilliseconds !== undefined && !(timeoutMilliseconds >= 0)) {
        throw new StatemeshError('OPTION_INVALID', 'timeoutMilliseconds is a number from 0')
      }
      let cancelTimer: CancelTimer | undefined
      const end = (settle: () => void) => {
        this.#waiters.delete(waiter)
        cancelTimer?.()
        signal?.removeEventListener('abort', aborted)
        settle()
      }
      const waiter: Waiter = {
        condition,
        resolve: () => end(resolve),
        reject: error => end(() => reject(error)),
      }
      const aborted = () => waiter.reject(signal?.reason)
      this.#waiters.add(waiter)
      if (signal?.aborted) return aborted()
      signal?.addEventListener('abort', aborted)
      if (timeoutMilliseconds !== undefined) {
        cancelTimer = this.#time.after(timeoutMilliseconds, () =>
          waiter.reject(
            new StatemeshError('FLUSH_TIMEOUT', `not within ${timeoutMilliseconds} ms`),
          ),
        )
      }
      evaluate(waiter)
    })
  }

  evaluate(): void {
    for (const waiter of [...this.#waiters]) evaluate(waiter)
  }

  rejectAll(error: StatemeshError): void {
    for (const waiter of [...this.#waiters]) waiter.reject(error)
  }
}

/**
 * The promise, unless the deadline passes first.
 *
 * @throws FLUSH_TIMEOUT, the reason of the signal, and what the promise is rejected with
 */
export function within(
  time: TimeSource,
  deadline: Deadline,
  promise: Promise<void>,
): Promise<void> {
  const waiters = new Waiters(time)
  let over = false
  promise.then(
    () => {
      over = true
      waiters.evaluate()
    },
    thrown => waiters.rejectAll(toStatemeshError(thrown, 'CLOSED')),
  )
  return waiters.wait(deadline, () => over)
}

function evaluate(waiter: Waiter): void {
  try {
    if (waiter.condition()) waiter.resolve()
  } catch (thrown) {
    waiter.reject(toStatemeshError(thrown, 'CLOSED'))
  }
}
