/** Polling, only for states that announce themselves by no event. */
import { setTimeout as sleep } from 'node:timers/promises'

export interface WaitOptions {
  /** In milliseconds; default 30,000: what is waited for comes, or the test fails. */
  timeout?: number
  /** Between two looks, in milliseconds; default 10. */
  interval?: number
}

/**
 * Resolves once `predicate` says true.
 *
 * @throws an error that shows the predicate, when it has not within the timeout
 */
export async function waitUntil(
  predicate: () => boolean | Promise<boolean>,
  { timeout = 30_000, interval = 10 }: WaitOptions = {},
): Promise<void> {
  const deadline = performance.now() + timeout
  while (!(await predicate())) {
    if (performance.now() > deadline) {
      throw new Error(`not true after ${timeout} ms: ${predicate.toString()}`)
    }
    await sleep(interval)
  }
}
