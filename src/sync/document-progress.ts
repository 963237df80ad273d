/**
 * How far one document is known at the relay, across links: the channel it is exchanged on, the
 * version that has reached each level there, and why it was refused if it was.
 */
import { Backoff } from '../base/backoff.ts'
import type { StatemeshError } from '../base/error.ts'
import type { RandomSource } from '../base/random.ts'
import type { CancelTimer } from '../base/time.ts'
import type { ReplicaDocument } from '../document/replica-document.ts'
import type { AckLevel } from '../protocol/frame.ts'
import type { DocumentChannel } from './document-channel.ts'

export class DocumentProgress {
  readonly document: ReplicaDocument
  /** The pauses between attempts after refusals that may pass. */
  readonly backoff: Backoff
  /** The channel on the present link. */
  channel: DocumentChannel | undefined
  /** Whether all that the relay had was received on the present link. */
  synced = false
  /** Why the relay does not take the document, until it does. */
  refusal: StatemeshError | undefined
  cancelRetry: CancelTimer | undefined
  /** Gives the document back, which is kept in memory while it is being sent. */
  release: (() => void) | undefined
  #generation: string | undefined
  // The version known at each level; -1 when even what was loaded may be unknown there.
  readonly #acked: Record<AckLevel, number>

  /** @param owed whether the document was loaded with changes that no relay is known to have */
  constructor(document: ReplicaDocument, owed: boolean, random: RandomSource) {
    this.document = document
    this.backoff = new Backoff({ random, millisecondsMin: 200, millisecondsMax: 10_000 })
    this.#acked = owed ? { received: -1, durable: -1 } : { received: 0, durable: 0 }
  }

  /** Whether everything up to `version` has reached a level at the relay. */
  has(level: AckLevel, version: number): boolean {
    return this.#acked[level] >= version
  }

  /** The version that the relay is known to have on disk; -1 when even what was loaded may lack there. */
  get durableVersion(): number {
    return this.#acked.durable
  }

  /** The relay's store, once it has told. */
  get relayGeneration(): string | undefined {
    return this.#generation
  }

  acked(level: AckLevel, version: number): void {
    this.#acked.received = Math.max(this.#acked.received, version)
    if (level === 'durable') this.#acked.durable = Math.max(this.#acked.durable, version)
  }

  /**
   * Takes note of the relay's store. Another than before may have lost what was acked.
   *
   * @returns whether it is another
   */
  learn(generation: string): boolean {
    const changed = this.#generation !== undefined && this.#generation !== generation
    this.#generation = generation
    if (changed) this.forget()
    return changed
  }

  /** Nothing is known of what the relay has: its store is another. */
  forget(): void {
    this.#acked.received = this.#acked.durable = -1
  }

  /** What was only received may have gone with the link. */
  disconnected(): void {
    this.channel = undefined
    this.synced = false
    this.#acked.received = this.#acked.durable
  }

  /** Ends the timer, and gives the document back. */
  rest(): void {
    this.cancelRetry?.()
    this.cancelRetry = undefined
    this.letGo()
  }

  /** Gives the document back. */
  letGo(): void {
    const { release } = this
    this.release = undefined
    release?.()
  }
}
