/**
 * What one reader of a room has been sent, and what comes next. While its link takes no more,
 * nothing is kept for it but its position; when the link has drained it gets what it missed as
 * state. So a slow reader costs the relay no memory beyond the queue of its link.
 */
import type { Broadcast } from './broadcast.ts'

/** How a reader's dialect sends. */
export interface FeedSink {
  /** Whether the link takes more now; if not, `resume` is called when it does. */
  writable(): boolean
  sendState(update: Uint8Array, seq: number, last: boolean): void
  /** Sends the updates numbered above `after`. */
  sendUpdates(broadcast: Broadcast, after: number): void
  /** Asks the room for what came after `seq`. */
  catchUp(seq: number): void
}

type Phase =
  /** The room has been asked for state, and calls `begin`. */
  | { readonly kind: 'waiting' }
  | {
      readonly kind: 'state'
      readonly updates: readonly Uint8Array[]
      readonly seq: number
      next: number
      /** Whether later updates went by. */
      missed: boolean
    }
  | { readonly kind: 'live'; seq: number }
  | { readonly kind: 'behind'; readonly seq: number }

/** What is sent where nothing is lacking: an update of no structs and no deletions. */
const emptyUpdate = Uint8Array.of(0, 0)

export class Feed {
  readonly #sink: FeedSink
  #phase: Phase = { kind: 'waiting' }

  constructor(sink: FeedSink) {
    this.#sink = sink
  }

  /** Nothing is sent until the next `begin`. */
  restart(): void {
    this.#phase = { kind: 'waiting' }
  }

  begin(updates: readonly Uint8Array[], seq: number): void {
    const lacking = updates.length === 0 ? [emptyUpdate] : updates
    this.#phase = { kind: 'state', updates: lacking, seq, next: 0, missed: false }
    this.resume()
  }

  deliver(broadcast: Broadcast): void {
    const phase = this.#phase
    if (phase.kind === 'state') phase.missed ||= broadcast.lastSeq > phase.seq
    if (phase.kind !== 'live' || broadcast.lastSeq <= phase.seq) return
    if (this.#sink.writable()) {
      const after = phase.seq
      phase.seq = broadcast.lastSeq
      this.#sink.sendUpdates(broadcast, after)
    } else {
      this.#phase = { kind: 'behind', seq: phase.seq }
    }
  }

  /** The link may take more again. */
  resume(): void {
    if (this.#phase.kind === 'state') this.#sendState(this.#phase)
    const phase = this.#phase
    if (phase.kind !== 'behind' || !this.#sink.writable()) return
    this.#phase = { kind: 'waiting' }
    this.#sink.catchUp(phase.seq)
  }

  #sendState(phase: Extract<Phase, { kind: 'state' }>): void {
    while (this.#sink.writable()) {
      const update = phase.updates[phase.next] as Uint8Array
      phase.next += 1
      const last = phase.next === phase.updates.length
      // First the phase: what is sent may end or restart the feed.
      if (last) this.#phase = { kind: phase.missed ? 'behind' : 'live', seq: phase.seq }
      this.#sink.sendState(update, phase.seq, last)
      if (last || this.#phase !== phase) return
    }
  }
}
