/** What an open partition is given to live on; the replica provides it. */
import type * as Y from 'yjs'
import type { StatemeshError } from '../base/error.ts'
import type { TimeSource } from '../base/time.ts'
import type { HybridClock } from '../clock/hybrid-clock.ts'
import type { ActorId } from '../model/id.ts'

/** A relay as the witness of what others have there. */
export interface RelayWitness {
  /**
   * The generation of the relay's store, as last told; undefined while none is known. It must
   * change when the store may have lost what was acked, such as when an older backup takes over.
   */
  generation(): string | undefined
  /**
   * Resolves when this replica holds everything of the document that was durable at the relay when
   * this was called. An ack is not enough: a relay may ack before it has forwarded all it holds
   * for us.
   *
   * @throws as `PartitionHost.flush` does
   */
  fence(deadline: { timeoutMilliseconds?: number; signal?: AbortSignal }): Promise<void>
}

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
  /** The relay, where the replica has one. */
  readonly relay?: RelayWitness
  /**
   * The clientIDs under which this very store wrote before, oldest first, that will never write
   * again, and of which nothing that was durable here has been lost since: those that ended in an
   * unclean stop, but not those that were given up because the store was damaged or copied.
   */
  formerWriters?(): readonly number[]
  /** Tells the replica's `warning` listeners of content that was left out, by code. */
  report(problem: StatemeshError): void
  /** Gives the document back; the handle must not touch it afterwards. */
  release(): void
}
