/**
 * Watches what a scope holds while it is retired. That it is idle is found long before the last of it
 * goes, and somebody may write in between: what is there is then in use again and stays, which is
 * asked in the very turn in which something goes. (A partition that the scope has had nothing of
 * until then is not watched: what is written there is new, and what goes had been idle by itself.)
 */
import type { RegisterChange } from '../../partition/register/register-partition.ts'
import { type CleanedPartition, lastWritten } from './due.ts'
import type { Pacer } from './pacer.ts'

export class ScopeWatch {
  readonly #partitions: readonly CleanedPartition[]
  #written = false

  /** It ends when they are closed. */
  constructor(partitions: readonly CleanedPartition[]) {
    this.#partitions = partitions
    for (const partition of partitions) {
      if ('append' in partition) {
        partition.subscribe(() => {
          this.#written = true
        })
      } else {
        partition.subscribe(changes => {
          // A deletion, as ours are, does not make a scope active.
          const isLive = ({ key }: RegisterChange<unknown>) =>
            partition.siblings(key).some(({ deleted }) => !deleted)
          this.#written ||= changes.some(isLive)
        })
      }
    }
  }

  /** Whether somebody has written since. */
  get written(): boolean {
    return this.#written
  }

  /** Whether nothing was written at `since`, in milliseconds since the epoch, or later. */
  async isIdle(since: number, pacer: Pacer): Promise<boolean> {
    for (const partition of this.#partitions) {
      const last = await lastWritten(partition, pacer)
      if (last !== undefined && last >= since) return false
    }
    return !this.#written
  }
}
