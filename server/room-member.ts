/** Whoever reads and writes a document, as its room sees it: a channel, or a stock socket. */
import type { StatemeshError } from '../src/base/error.ts'
import type { StateVector } from '../src/model/update-check.ts'
import type { UpdateStructure } from '../src/model/update-structure.ts'
import type { Broadcast } from './broadcast.ts'

export interface RoomMember {
  /**
   * Judges an update of its own that brings something, before it is taken in.
   *
   * @throws ACCESS_DENIED, RATE_LIMITED
   */
  admit(structure: UpdateStructure, known: StateVector): void
  /** The document is there; `stateVector` is what the relay holds durably. */
  welcome(stateVector: Uint8Array): void
  /** What the member lacked, for it to pass on; it covers the updates up to `seq`. */
  begin(updates: readonly Uint8Array[], seq: number): void
  /** Updates that readers get to know, its own among them. */
  deliver(broadcast: Broadcast): void
  /** More has become durable of what the member wrote. */
  committed(): void
  /** What others say about themselves; `stock` is the same as a message for stock clients. */
  awareness(updates: readonly Uint8Array[], stock: () => Uint8Array): void
  /** The document could not be loaded: the member must leave. */
  refused(error: StatemeshError): void
  /** What the member wrote since its last durable write is not stored and will not be. */
  writesFailed(error: StatemeshError): void
  /** The storage had failed, and works again; `lost` if it may lack what the member was sent. */
  writesResumed(lost: boolean): void
}
