/** Acks what came on a channel once it is durable here, and counts what is not. */
import { toStatemeshError } from '../base/error.ts'
import type { ReplicaDocument } from '../document/replica-document.ts'

export interface DurableAcksOptions {
  document: ReplicaDocument
  /** What is under way to us, not durable yet, changed by this many bytes. */
  receiving(bytes: number): void
  /** All up to a number of the present stream is durable. */
  ack(seq: number): void
}

export class DurableAcks {
  readonly #options: DurableAcksOptions
  // Streams that were begun: what is durable of an earlier one is acked no more.
  #stream = 0
  #takenSeq = 0
  #takenBytes = 0
  #ackedSeq = 0
  #isAcking = false
  #ended = false

  constructor(options: DurableAcksOptions) {
    this.#options = options
  }

  /** Another stream, which counts from 1. */
  restart(): void {
    this.#stream += 1
    this.#takenSeq = this.#ackedSeq = 0
  }

  /** Takes note of what was taken in. */
  take(seq: number, bytes: number): void {
    this.#takenSeq = seq
    this.#takenBytes += bytes
    this.#options.receiving(bytes)
  }

  /** Acks what was taken in, when it is durable. */
  ackTaken(): void {
    if (!this.#isAcking) void this.#ackWhenDurable()
  }

  /** Acks nothing more. */
  end(): void {
    this.#ended = true
    this.#release(this.#takenBytes)
  }

  async #ackWhenDurable(): Promise<void> {
    this.#isAcking = true
    while (!this.#ended && this.#ackedSeq < this.#takenSeq) {
      const [stream, seq, bytes] = [this.#stream, this.#takenSeq, this.#takenBytes]
      try {
        await this.#options.document.durable()
      } catch (thrown) {
        if (toStatemeshError(thrown, 'STORAGE_UNAVAILABLE').code === 'CLOSED') return
        continue // the journal tries again, and answers after its pause
      }
      if (this.#ended) return
      this.#release(bytes)
      if (stream !== this.#stream) continue // it was of a stream that is over
      this.#ackedSeq = seq
      this.#options.ack(seq)
    }
    this.#isAcking = false
  }

  #release(bytes: number): void {
    this.#takenBytes -= bytes
    if (bytes > 0) this.#options.receiving(-bytes)
  }
}
