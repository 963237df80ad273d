/**
 * What one reader of a room has been sent, and what comes next. While its link takes no more,
 * nothing is kept for it but its position; when the link has drained it gets what it missed as
 * state. So a slow reader costs the relay no memory beyond the queue of its link.
 */
import type { StateVector } from '../src/model/update-check.ts'
import type { Broadcast } from './broadcast.ts'

/** How a reader's dialect sends. */
export interface FeedSink {
  /** Whether the link takes more now; if not, `resume` is called when it does. */
  writable(): boolean
  sendState(update: Uint8Array, seq: number, last: boolean): void
  sendUpdates(broadcast: Broadcast): void
  /** Asks the room for what this state vector lacks. */
  catchUp(stateVector: StateVector): void
}

type Phase =
  /** The room has been asked for state, and calls `begin`. */
  | { readonly kind: 'waiting' }
  | {
      readonly kind: 'state'
      readonly updates: readonly Uint8Array[]
      readonly seq: number
      next: number
      /** What the reader will have with the last of them, if updates go by meanwhile. */
      vector: StateVector | undefined
    }
  | { readonly kind: 'live' }
  | { readonly kind: 'behind'; readonly vector: StateVector }

/** What is sent where nothing is lacking: an update of no structs and no deletions. */
const emptyUpdate = Uint8Array.of(0, 0)

export class Feed {
  readonly #sink: FeedSink
  #phase: Phase = { kind: 'waiting' }

  constructor(sink: FeedSink) {
    this.#sink = sink
  }

  /** Whether the reader has been sent all that the room has committed. */
  get live(): boolean {
    return this.#phase.kind === 'live'
  }

  /** Nothing is sent until the next `begin`. */
  restart(): void {
    this.#phase = { kind: 'waiting' }
  }

  /** What the reader lacks of the state that the room has now, as numbered by `seq`. */
  begin(updates: readonly Uint8Array[], seq: number): void {
    const lacking = updates.length === 0 ? [emptyUpdate] : updates
    this.#phase = { kind: 'state', updates: lacking, seq, next: 0, vector: undefined }
    this.resume()
  }

  deliver(broadcast: Broadcast): void {
    const phase = this.#phase
    if (phase.kind === 'state') phase.vector ??= broadcast.vectorBefore()
    if (phase.kind !== 'live') return
    if (this.#sink.writable()) this.#sink.sendUpdates(broadcast)
    else this.#phase = { kind: 'behind', vector: broadcast.vectorBefore() }
  }

  /** The link may take more again. */
  resume(): void {
    if (this.#phase.kind === 'state') this.#sendState(this.#phase)
    const phase = this.#phase
    if (phase.kind !== 'behind' || !this.#sink.writable()) return
    this.#phase = { kind: 'waiting' }
    this.#sink.catchUp(phase.vector)
  }

  #sendState(phase: Extract<Phase, { kind: 'state' }>): void {
    while (this.#sink.writable()) {
      const update = phase.updates[phase.next] as Uint8Array
      phase.next += 1
      const last = phase.next === phase.updates.length
      // First the phase: what is sent may end or restart the feed.
      if (last) this.#phase = phaseAfter(phase)
      this.#sink.sendState(update, phase.seq, last)
      if (last || this.#phase !== phase) return
    }
  }
}

function phaseAfter({ vector }: Extract<Phase, { kind: 'state' }>): Phase {
  return vector === undefined ? { kind: 'live' } : { kind: 'behind', vector }
}
