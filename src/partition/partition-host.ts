/** What an open partition is given to live on; the replica provides it. */
import type * as Y from 'yjs'
import type { StatemeshError } from '../base/error.ts'
import type { TimeSource } from '../base/time.ts'
import type { HybridClock } from '../clock/hybrid-clock.ts'
import type { ActorId } from '../model/id.ts'

export interface PartitionHost {
  /** The document; loaded. Its clientID is this replica's writer id and may change over time. */
  readonly doc: Y.Doc
  /** In whose name this handle writes. */
  readonly actor: ActorId
  readonly clock: HybridClock
  /** For timers, and for the wall clock where a rule names one. */
  readonly time: TimeSource
  /**
   * Whether to try policy functions on every order of the siblings, and to report those whose
   * answer depends on it. For development and tests; off without it.
   */
  readonly checkPolicies?: boolean
  /** Resolves when everything written to the document so far is durable on this replica. */
  durable(): Promise<void>
  /**
   * Resolves when everything written to the document so far is durable at the relay too.
   *
   * @throws as `Replica.flush` does
   */
  flush(deadline: { timeoutMilliseconds?: number; signal?: AbortSignal }): Promise<void>
  /** Tells the replica's `warning` listeners of content that was left out, by code. */
  report(problem: StatemeshError): void
  /** Gives the document back; the handle must not touch it afterwards. */
  release(): void
}
