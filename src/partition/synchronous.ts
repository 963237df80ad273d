/** What the transactions of all partitions ask of the function that they are given. */
import { StatemeshError } from '../base/error.ts'

/**
 * Refuses what an asynchronous function returned: what it does after its first `await` would be
 * outside the transaction.
 *
 * @throws OPTION_INVALID
 */
export function assertSynchronous(result: unknown): void {
  if (typeof (result as { then?: unknown } | null | undefined)?.then === 'function') {
    throw new StatemeshError('OPTION_INVALID', 'a transaction cannot be asynchronous')
  }
}
