/**
 * Whose turn it is to send the bulk of a document that several peers have announced: one after the
 * other, in the order in which they announced it, so that what one has sent the next is not asked for.
 */
import type { CancelTimer, TimeSource } from '../base/time.ts'
import type { DocumentName } from '../model/document-name.ts'

/** Somebody who waits for a turn. */
export interface BulkAsker {
  /** The turn has come: whoever has announced may be asked. */
  begin(): void
  /** The turn has passed, and nothing came. */
  late(): void
}

export interface BulkTurn {
  readonly asker: BulkAsker
  /** How many bytes are to come. */
  readonly bytes: number
  /** Whether another peer may be about to send the same unasked; it is given the time. */
  readonly mayCome: boolean
}

/** How much later than an announcement what was pushed over more links may come. */
const pauseMilliseconds = 25
const pauseMillisecondsMax = 2_000

/** How long a peer may take to send what it has announced before the next one is asked. */
const turnMilliseconds = 10_000
const turnMillisecondsMax = 30_000

/** What comes of long ones in a millisecond: of what is pushed as it should, of a turn at least. */
const pushedBytes = 16_000
const turnBytes = 1_000

export class BulkTurns {
  readonly #time: TimeSource
  /** Those who wait for a document, and from when on (monotonic); it is the first one's turn. */
  readonly #lines = new Map<DocumentName, (BulkTurn & { readonly notBefore: number })[]>()
  /** What comes next in a turn: its beginning, or its end. */
  readonly #timers = new Map<DocumentName, CancelTimer>()

  constructor(time: TimeSource) {
    this.#time = time
  }

  /** Waits for a turn, which may begin at once. */
  enter(name: DocumentName, turn: BulkTurn): void {
    const expected = Math.min(pauseMillisecondsMax, pauseMilliseconds + turn.bytes / pushedBytes)
    const pause = turn.mayCome ? expected : 0
    const line = this.#lines.get(name) ?? []
    this.#lines.set(name, line)
    line.push({ ...turn, notBefore: this.#time.monotonic() + pause })
    if (line.length === 1) this.#next(name)
  }

  /** Ends a turn, or the waiting for one. */
  leave(name: DocumentName, asker: BulkAsker): void {
    const line = this.#lines.get(name) ?? []
    const place = line.findIndex(turn => turn.asker === asker)
    if (place === -1) return
    line.splice(place, 1)
    if (place > 0) return
    this.#timers.get(name)?.()
    this.#timers.delete(name)
    if (line.length > 0) this.#next(name)
    else this.#lines.delete(name)
  }

  #next(name: DocumentName): void {
    const [first] = this.#lines.get(name) ?? []
    if (first === undefined) return
    const pause = first.notBefore - this.#time.monotonic()
    if (pause <= 0) this.#begin(name, first)
    else
      this.#timers.set(
        name,
        this.#time.after(pause, () => this.#begin(name, first)),
      )
  }

  #begin(name: DocumentName, { asker, bytes }: BulkTurn): void {
    const milliseconds = Math.min(turnMillisecondsMax, turnMilliseconds + bytes / turnBytes)
    const end = () => {
      this.leave(name, asker)
      asker.late()
    }
    this.#timers.set(name, this.#time.after(milliseconds, end))
    asker.begin()
  }
}
