/**
 * Waits for what the processes do, but not for ever: for conditions over what they report, where
 * whoever changes something calls `changed`, and for promises.
 */
import { type CancelTimer, systemTime } from '../../src/index.ts'

interface Waiter {
  condition(): boolean
  resolve(): void
  reject(error: Error): void
}

/** Far longer than anything takes on a slow machine: whoever waits so long waits for ever. */
const patienceMilliseconds = 60_000

export class Watch {
  /** Never resolves; rejects with the error given to `fail`. */
  readonly failed: Promise<never>
  readonly #waiters = new Set<Waiter>()
  #failure: Error | undefined
  #reject: (error: Error) => void = () => undefined

  constructor() {
    this.failed = new Promise((_, reject) => {
      this.#reject = reject
    })
    // Nobody need be listening when it happens.
    this.failed.catch(() => undefined)
  }

  /**
   * Resolves as soon as `condition` holds, now or at a later `changed`.
   *
   * @param what says what is being waited for, and how far it is, for the error
   * @throws an error when it takes longer than a minute, or the one given to `fail`
   */
  until(what: () => string, condition: () => boolean): Promise<void> {
    return new Promise((resolve, reject) => {
      let cancel: CancelTimer = () => undefined
      const end = (settle: () => void) => {
        cancel()
        this.#waiters.delete(waiter)
        settle()
      }
      const waiter: Waiter = {
        condition,
        resolve: () => end(resolve),
        reject: error => end(() => reject(error)),
      }
      if (this.#failure !== undefined) return reject(this.#failure)
      if (condition()) return resolve()
      this.#waiters.add(waiter)
      cancel = systemTime.after(patienceMilliseconds, () =>
        waiter.reject(new Error(`waited ${patienceMilliseconds / 1_000} s for ${what()}`)),
      )
    })
  }

  /**
   * What `promise` resolves with, if it does in time.
   *
   * @throws as `until` does, and what `promise` rejects with
   */
  async settles<Value>(what: string, promise: Promise<Value>): Promise<Value> {
    let isSettled = false
    const settled = promise.finally(() => {
      isSettled = true
      this.changed()
    })
    const [value] = await Promise.all([
      settled,
      this.until(
        () => what,
        () => isSettled,
      ),
    ])
    return value
  }

  changed(): void {
    for (const waiter of [...this.#waiters]) if (waiter.condition()) waiter.resolve()
  }

  /** Ends every wait, now and later, with an error; the first one counts. */
  fail(error: Error): void {
    this.#failure ??= error
    this.#reject(this.#failure)
    for (const waiter of [...this.#waiters]) waiter.reject(this.#failure)
  }
}
