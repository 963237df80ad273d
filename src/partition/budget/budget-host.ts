/** What a budget can make use of beyond what every partition is given; all of it optional. */
import type { PartitionHost } from '../partition-host.ts'

/** A relay as the witness of spends from rights that expire. */
export interface RelayWitness {
  /**
   * The generation of the relay's store, as last told; undefined while none is known. It must
   * change when the store may have lost what was acked, such as when an older backup takes over.
   */
  generation(): string | undefined
  /**
   * Resolves when this replica holds everything that was durable at the relay when this was
   * called. An ack is not enough: a relay may ack before it has forwarded all it holds for us.
   *
   * @throws as `PartitionHost.flush` does
   */
  fence(deadline: { timeoutMilliseconds?: number; signal?: AbortSignal }): Promise<void>
}

export interface BudgetHost extends PartitionHost {
  /** Without it rights that expire are neither given nor spent, nor taken back by the clock. */
  readonly relay?: RelayWitness
  /**
   * The clientIDs under which this very store wrote before, oldest first, that will never write
   * again, and of which nothing that was durable here has been lost since: those that ended in an
   * unclean stop, but not those that were given up because the store was damaged or copied. Their
   * rights are taken over. Without it the rights of an unclean stop stay out of use.
   */
  formerWriters?(): readonly number[]
}
