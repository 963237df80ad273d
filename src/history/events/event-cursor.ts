/**
 * How far a reader of an event log has come, writer by writer. Unlike a position in the total order
 * it misses nothing: an event that arrives late, before what was read, is still ahead of it.
 */
import { StatemeshError } from '../../base/error.ts'
import type { LogPosition } from '../../partition/log/log-entry.ts'

/** By writer: the `seq` of its first event that was not read. Plain data, to be stored anywhere. */
export type EventCursor = { readonly [writer: string]: number }

/** @throws OPTION_INVALID unless every value is a non-negative integer */
export function checkCursor(cursor: EventCursor): void {
  for (const [writer, seq] of Object.entries(cursor)) {
    if (/^\d+$/.test(writer) && Number.isSafeInteger(seq) && seq >= 0) continue
    throw new StatemeshError('OPTION_INVALID', 'a cursor has a sequence number for each writer')
  }
}

/** A cursor that moves. */
export class Progress {
  readonly #next: Map<number, number>

  constructor(cursor: EventCursor = {}) {
    this.#next = new Map(Object.entries(cursor).map(([writer, seq]) => [Number(writer), seq]))
  }

  get cursor(): EventCursor {
    return Object.freeze(Object.fromEntries(this.#next))
  }

  /** Whether an event was passed before. */
  has({ writer, seq }: Pick<LogPosition, 'writer' | 'seq'>): boolean {
    return seq < (this.#next.get(writer) ?? 0)
  }

  /** Passes an event, and what its writer emitted before. */
  pass(event: Pick<LogPosition, 'writer' | 'seq'>): void {
    if (!this.has(event)) this.#next.set(event.writer, event.seq + 1)
  }
}
