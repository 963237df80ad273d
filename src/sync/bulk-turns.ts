/**
 * Who is asked for the bulk of a document that several peers have announced.
 *
 * B1. One is asked at a time, in the order in which they may be, so that what one has sent the next is
 *     not asked for.
 * B2. Who takes longer than it should is not given up, but passed over: the next one is asked as well.
 * B3. Who was passed over, or has not sent what it announced, owes deliveries: while it does it is asked
 *     when nobody else is left to ask, and nobody waits for it.
 */
import type { CancelTimer, TimeSource } from '../base/time.ts'
import type { DocumentName } from '../model/document-name.ts'
import { keepAlive } from '../protocol/link-rules.ts'

/** Somebody who waits for a turn. */
export interface BulkAsker {
  /** The turn has come: whoever has announced may be asked. */
  begin(): void
  /** It was asked long ago, and nothing came. */
  late(): void
}

export interface BulkTurn {
  readonly asker: BulkAsker
  /** Who has announced. */
  readonly peer: string
  /** How many bytes are to come. */
  readonly bytes: number
  /** Whether another peer may be about to send the same unasked; it is given the time. */
  readonly mayCome: boolean
}

interface Place extends BulkTurn {
  /** Not to be asked before this moment (monotonic). */
  readonly notBefore: number
  asked: { readonly at: number; readonly cancelLate: CancelTimer } | undefined
}

/** How much later than an announcement what was pushed over more links may come. */
const pauseMilliseconds = 25
const pauseMillisecondsMax = 2_000

/** How long a peer may take to send what it has announced before the next one is asked too (B2). */
const turnMilliseconds = 500
const turnMillisecondsMax = 30_000

/** What comes of long ones in a millisecond: of what is pushed as it should, of a turn at least. */
const pushedBytes = 16_000
const turnBytes = 1_000

/** So many times a peer delivers before it is waited for again (B3). */
const owedDeliveries = 8

/** Of as many peers it is known that they owe; a stranger may come under many names. */
const debtorsMax = 1_024

export class BulkTurns {
  readonly #time: TimeSource
  /** Those who have announced something of a document, in the order in which they did. */
  readonly #lines = new Map<DocumentName, Place[]>()
  /** When a line is looked at again. */
  readonly #timers = new Map<DocumentName, CancelTimer>()
  /** How many deliveries peers owe (B3), the latest debtor last. */
  readonly #debts = new Map<string, number>()

  constructor(time: TimeSource) {
    this.#time = time
  }

  /** Waits for a turn, which may begin at once. */
  enter(name: DocumentName, turn: BulkTurn): void {
    const expected = Math.min(pauseMillisecondsMax, pauseMilliseconds + turn.bytes / pushedBytes)
    const pause = turn.mayCome ? expected : 0
    const line = this.#lines.get(name) ?? []
    this.#lines.set(name, line)
    line.push({ ...turn, notBefore: this.#time.monotonic() + pause, asked: undefined })
    this.#goOn(name)
  }

  /** Ends a turn, or the waiting for one. */
  leave(name: DocumentName, asker: BulkAsker): void {
    const line = this.#lines.get(name) ?? []
    const place = line.findIndex(turn => turn.asker === asker)
    if (place === -1) return
    const [left] = line.splice(place, 1)
    left?.asked?.cancelLate()
    if (line.length === 0) this.#lines.delete(name)
    this.#goOn(name)
  }

  /** A peer has sent what it had announced. */
  delivered(peer: string): void {
    const debt = this.owes(peer)
    if (debt > 1) this.#debts.set(peer, debt - 1)
    else this.#debts.delete(peer)
  }

  /** A peer has not sent what it had announced (B3). */
  failed(peer: string): void {
    this.#debts.delete(peer)
    this.#debts.set(peer, owedDeliveries)
    const [oldest] = this.#debts.keys()
    if (this.#debts.size > debtorsMax && oldest !== undefined) this.#debts.delete(oldest)
  }

  /** How many deliveries a peer owes (B3). */
  owes(peer: string): number {
    return this.#debts.get(peer) ?? 0
  }

  /** Asks whoever may be asked. */
  #goOn(name: DocumentName): void {
    this.#timers.get(name)?.()
    this.#timers.delete(name)
    const line = this.#lines.get(name) ?? []
    const next = this.#next(line)
    if (next === undefined) return
    const now = this.#time.monotonic()
    const awaited = line.filter(({ asked, peer }) => asked !== undefined && this.owes(peer) === 0)
    const from = Math.max(next.notBefore, ...awaited.map(place => turnEnd(place, next)))
    if (from > now) {
      this.#timers.set(
        name,
        this.#time.after(from - now, () => this.#goOn(name)),
      )
      return
    }
    for (const { peer } of awaited) this.failed(peer)
    const cancelLate = this.#time.after(keepAlive.deadMilliseconds, () => next.asker.late())
    next.asked = { at: now, cancelLate }
    // It leaves at once if it is not needed any more, and the next one's turn comes.
    next.asker.begin()
    if (line.includes(next)) this.#goOn(name)
  }

  /** Who is to be asked next: who owes nothing goes first (B3). */
  #next(line: readonly Place[]): Place | undefined {
    const waiting = line.filter(({ asked }) => asked === undefined)
    const first = waiting.filter(({ peer }) => this.owes(peer) === 0)
    const [next, ...others] = first.length > 0 ? first : waiting
    return others.reduce(
      (best, place) => (best && place.notBefore < best.notBefore ? place : best),
      next,
    )
  }
}

/** When (monotonic) the next one is asked although the one before has not sent everything (B2). */
function turnEnd({ asked, bytes }: Place, next: Place): number {
  // What is said to be long keeps nobody from what is short.
  const longest = Math.min(
    turnMillisecondsMax,
    turnMilliseconds + Math.min(bytes, next.bytes) / turnBytes,
  )
  return (asked?.at ?? 0) + longest
}
