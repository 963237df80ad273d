/**
 * One writer's lane as it stands: its entries in the order in which the writer made them, and
 * what is wrong with them.
 *
 * Invariants
 * L1. `#slots` covers every element that the writer has put into the lane below `#nextClock`, in
 *     the order of clocks, without a hole in `seq`. What others have put there is no part of it.
 * L2. A slot never moves: deleting turns a record into a hole at the same place. So an entry has
 *     the same `seq` on every replica, whatever is deleted, and whoever starts from a later state.
 *     Only the holes of what was trimmed become one, at the beginning.
 * L3. The links of all slots are checked, but for those from `#checked` up to `#deferred`: what was
 *     there when the log was opened is checked on demand, since that costs a hash for each.
 */
import * as Y from 'yjs'
import { firstWhere } from '../../base/binary-search.ts'
import { equalBytes } from '../../base/bytes.ts'
import { StatemeshError, toStatemeshError } from '../../base/error.ts'
import { type HybridTimestamp, parseTimestamp } from '../../clock/hybrid-clock.ts'
import type { ActorId } from '../../model/id.ts'
import {
  firstLink,
  type LogRecord,
  laneName,
  linkAfter,
  linkBytes,
  readRecord,
} from './log-entry.ts'
import type { LaneTrim } from './log-trim.ts'

/** Elements that are not read. */
interface Hole {
  readonly seq: number
  readonly clock: number
  readonly length: number
  /** Why; undefined for deleted ones. */
  readonly error: StatemeshError | undefined
}

/** What an append has to go on from. */
export interface LaneHead {
  readonly seq: number
  readonly link: Uint8Array
  /** The stamp of the last entry. */
  readonly timestamp: HybridTimestamp | undefined
}

/** What is wrong with a lane. */
export interface LaneProblem {
  /** LOG_GAP, LOG_FORK, ENTRY_INVALID, ENTRY_FORGED or CLOCK_DRIFT. */
  readonly error: StatemeshError
  readonly writer: number
  /** The first entry concerned, where it is one of the writer's. */
  readonly seq: number | undefined
}

export interface LaneOptions {
  doc: Y.Doc
  writer: number
  type: Y.Array<unknown>
  parseActor(id: unknown): ActorId
  /** False for a stamp that is too far ahead of our clock. */
  observe(timestamp: HybridTimestamp): boolean
  report(problem: StatemeshError): void
}

export class LogLane {
  readonly writer: number
  readonly #options: LaneOptions
  readonly #slots: (LogRecord | Hole)[] = []
  #nextClock = 0
  #checked = 0
  #deferred = 0
  #holes = 0
  /** Entries that are suspect, but read none the less. */
  readonly #forks: LaneProblem[] = []
  /** The first one; those after it are no earlier. */
  #drift: LaneProblem | undefined
  #trim: LaneTrim | undefined
  /** By Yjs id: what is not the writer's. */
  #foreign = new Map<string, StatemeshError>()

  constructor(options: LaneOptions) {
    this.#options = options
    this.writer = options.writer
  }

  get type(): Y.Array<unknown> {
    return this.#options.type
  }

  /** The first entry that was not trimmed. */
  get trimmed(): number {
    return this.#trim?.seq ?? 0
  }

  /** Takes in how far the lane was trimmed, before what was deleted for it is. */
  setTrim(trim: LaneTrim): void {
    this.#trim = trim
  }

  /**
   * The entries from the beginning on that may go.
   *
   * @returns them, and how the lane is trimmed without them; undefined where there are none
   */
  trimmable(
    mayGo: (record: LogRecord) => boolean,
    limit: number,
  ): { records: LogRecord[]; trim: LaneTrim; clock: number } | undefined {
    const records: LogRecord[] = []
    for (const slot of this.#slots) {
      if (records.length >= limit) break
      if ('length' in slot) {
        // What cannot be read stays, to be looked at, and all behind it.
        if (slot.error !== undefined) break
      } else if (mayGo(slot)) records.push(slot)
      else break
    }
    const last = records.at(-1)
    if (last === undefined) return undefined
    return { records, trim: { seq: last.seq + 1, link: linkAfter(last) }, clock: last.clock + 1 }
  }

  /**
   * Reads what the writer has added since the last time.
   *
   * @param links whether to check them now, or at the next `checkLinks` (at the first call only),
   * or not at all because we have just made them
   */
  catchUp(links: 'check' | 'defer' | 'known'): LogRecord[] {
    const structs = this.#options.doc.store.clients.get(this.writer)
    const last = structs?.at(-1)
    if (structs === undefined || last === undefined) return []
    const end = last.id.clock + last.length
    if (end <= this.#nextClock) return []
    const from = this.#slots.length
    const added: LogRecord[] = []
    for (let at = Y.findIndexSS(structs, this.#nextClock); at < structs.length; at++) {
      const struct = structs[at]
      if (struct instanceof Y.Item && this.#isElement(struct)) this.#readItem(struct, added)
    }
    this.#nextClock = end
    if (links === 'defer') this.#deferred = this.#slots.length
    if (links === 'check') this.#checkLinksFrom(from, this.#slots.length)
    return added
  }

  /** Checks the links that were not checked when they were read, once. */
  checkLinks(): void {
    this.#checkLinksFrom(this.#checked, this.#deferred)
    this.#checked = this.#deferred
  }

  /** Takes deletions in; answers the records that are gone. */
  drop(ranges: readonly { readonly clock: number; readonly len: number }[]): LogRecord[] {
    const gone: LogRecord[] = []
    for (const { clock, len } of ranges) {
      for (let at = this.#slotAt(clock); at < this.#slots.length; at++) {
        const slot = this.#slots[at] as LogRecord | Hole
        if (slot.clock >= clock + len) break
        if ('length' in slot && slot.length > 1) continue
        this.#slots[at] = { seq: slot.seq, clock: slot.clock, length: 1, error: undefined }
        if ('length' in slot) continue
        this.#holes += 1
        gone.push(slot)
      }
    }
    const lost = gone.filter(({ seq }) => seq >= this.trimmed)
    const [first] = lost
    if (first !== undefined) {
      this.#options.report(gapError(this.writer, first.seq, lost.length))
    }
    this.#joinTrimmed()
    return gone
  }

  /** The slots of what was trimmed as one. */
  #joinTrimmed(): void {
    let count = 0
    for (const slot of this.#slots) {
      if (!('length' in slot) || slot.error || slot.seq + slot.length > this.trimmed) break
      count += 1
    }
    const [first, last] = [this.#slots[0], this.#slots[count - 1]]
    if (count < 2 || first === undefined || last === undefined) return
    const length = last.seq + ('length' in last ? last.length : 1)
    this.#slots.splice(0, count, { seq: 0, clock: first.clock, length, error: undefined })
    this.#holes -= count - 1
    this.#checked = Math.max(0, this.#checked - count + 1)
    this.#deferred = Math.max(0, this.#deferred - count + 1)
  }

  /** Looks for content that is not the writer's, or not in the list. Linear in the items. */
  checkForeign(): void {
    const { type, report } = this.#options
    const found = new Map<string, StatemeshError>()
    const note = (item: Y.Item, code: 'ENTRY_FORGED' | 'ENTRY_INVALID', why: string) => {
      const id = `${item.id.client}:${item.id.clock}`
      const known = this.#foreign.get(id)
      const error = known ?? new StatemeshError(code, `lane ${this.writer}: ${why}`)
      found.set(id, error)
      if (known === undefined) report(error)
    }
    for (let item = type._start; item !== null; item = item.right) {
      if (item.deleted || item.id.client === this.writer) continue
      note(item, 'ENTRY_FORGED', `client ${item.id.client} wrote into it`)
    }
    for (const item of type._map.values()) {
      if (!item.deleted) note(item, 'ENTRY_INVALID', 'it is a list, and holds a named row')
    }
    this.#foreign = found
  }

  /** What an entry that is appended now has to hold. */
  head(): LaneHead {
    const last = this.#slots.at(-1)
    if (last === undefined) {
      return { seq: 0, link: firstLink(this.writer), timestamp: undefined }
    }
    if (!('length' in last)) {
      return { seq: last.seq + 1, link: linkAfter(last), timestamp: last.timestamp }
    }
    const record = this.#slots.findLast(slot => !('length' in slot)) as LogRecord | undefined
    const seq = last.seq + last.length
    // Nobody can check a link to what is gone.
    const link = this.#trim?.seq === seq ? this.#trim.link : new Uint8Array(linkBytes)
    return { seq, link, timestamp: record?.timestamp }
  }

  record(seq: number): LogRecord | undefined {
    const slot = this.#slots[firstWhere(this.#slots, slot => slot.seq >= seq)]
    return slot === undefined || 'length' in slot || slot.seq !== seq ? undefined : slot
  }

  problems(): LaneProblem[] {
    const { writer } = this
    const problems: LaneProblem[] = [...this.#foreign.values()].map(error => {
      return { error, writer, seq: undefined }
    })
    if (this.#holes > 0) problems.push(...this.#holeProblems())
    if (this.#drift !== undefined) problems.push(this.#drift)
    for (const fork of this.#forks) if (this.#stands(fork)) problems.push(fork)
    return problems
  }

  /** Whether whoever opens the log now would find a fork too: its two entries are still here. */
  #stands({ seq = 0 }: LaneProblem): boolean {
    const before = seq === this.trimmed || this.record(seq - 1) !== undefined
    return before && this.record(seq) !== undefined
  }

  #isElement(item: Y.Item): boolean {
    return (item.parent as unknown) === this.type && item.parentSub === null
  }

  /** Puts the part of an item that is not known yet into slots. */
  #readItem(item: Y.Item, added: LogRecord[]): void {
    const offset = Math.max(0, this.#nextClock - item.id.clock)
    const seq = this.#nextSeq()
    const contents = item.content instanceof Y.ContentAny ? item.content.arr : undefined
    if (item.deleted || contents === undefined) {
      this.#slots.push(this.#holeOf(item, offset, seq))
      this.#holes += 1
      return
    }
    for (let at = offset; at < contents.length; at++) {
      const place = { seq: seq + at - offset, clock: item.id.clock + at }
      const slot = this.#readElement(contents[at], place)
      this.#slots.push(slot)
      if ('length' in slot) this.#holes += 1
      else added.push(slot)
    }
  }

  /** One hole for all of it: its length is nothing but the word of whoever wrote it. */
  #holeOf(item: Y.Item, offset: number, seq: number): Hole {
    const hole = { seq, clock: item.id.clock + offset, length: item.length - offset }
    if (!item.deleted) return { ...hole, error: this.#invalid(seq, 'not an entry') }
    const lost = Math.min(hole.length, seq + hole.length - this.trimmed)
    if (lost > 0) this.#options.report(gapError(this.writer, Math.max(seq, this.trimmed), lost))
    return { ...hole, error: undefined }
  }

  #readElement(content: unknown, place: { seq: number; clock: number }): LogRecord | Hole {
    const { writer } = this
    const { parseActor, observe } = this.#options
    try {
      const record = readRecord(content, { writer, ...place }, parseActor)
      if (!observe(record.timestamp)) this.#driftAt(record)
      return record
    } catch (thrown) {
      const { message } = toStatemeshError(thrown, 'ENTRY_INVALID')
      return { ...place, length: 1, error: this.#invalid(place.seq, message) }
    }
  }

  #nextSeq(): number {
    const last = this.#slots.at(-1)
    return last === undefined ? 0 : last.seq + ('length' in last ? last.length : 1)
  }

  #checkLinksFrom(start: number, end: number): void {
    for (let at = start; at < end; at++) this.#checkLink(at)
  }

  /** A link to an entry that is not there any more, or was none, cannot be checked. */
  #checkLink(at: number): void {
    const slot = this.#slots[at]
    if (slot === undefined || 'length' in slot) return
    const before = this.#slots[at - 1]
    const expected = this.#linkBehind(before, slot.seq)
    if (expected === undefined) return
    if (equalBytes(slot.link, expected)) return
    const error = this.#error('LOG_FORK', slot.seq, 'it does not follow the entry before it')
    this.#forks.push({ error, writer: this.writer, seq: slot.seq })
    this.#options.report(error)
  }

  /** The link that an entry has to carry; undefined where what it links to is gone. */
  #linkBehind(before: LogRecord | Hole | undefined, seq: number): Uint8Array | undefined {
    if (before === undefined) return firstLink(this.writer)
    if (!('length' in before)) return linkAfter(before)
    return this.#trim?.seq === seq ? this.#trim.link : undefined
  }

  #driftAt({ actor, seq }: LogRecord): void {
    if (this.#drift !== undefined) return
    const error = this.#error('CLOCK_DRIFT', seq, `its writer (${actor}) has a clock far ahead`)
    this.#drift = { error, writer: this.writer, seq }
    this.#options.report(error)
  }

  #invalid(seq: number, why: string): StatemeshError {
    const error = this.#error('ENTRY_INVALID', seq, why)
    this.#options.report(error)
    return error
  }

  #error(code: 'LOG_FORK' | 'CLOCK_DRIFT' | 'ENTRY_INVALID', seq: number, why: string) {
    return new StatemeshError(code, `${laneName(this.writer)}, entry ${seq}: ${why}`)
  }

  /** Holes by cause, deleted neighbours as one. */
  #holeProblems(): LaneProblem[] {
    const { writer } = this
    const problems: LaneProblem[] = []
    let gap: { seq: number; length: number } | undefined
    const endGap = () => {
      if (gap === undefined) return
      problems.push({ error: gapError(writer, gap.seq, gap.length), writer, seq: gap.seq })
      gap = undefined
    }
    for (const slot of this.#slots) {
      if ('length' in slot && slot.error === undefined) {
        const seq = Math.max(slot.seq, this.trimmed)
        const lost = slot.seq + slot.length - seq
        if (lost <= 0) continue
        gap = gap ?? { seq, length: 0 }
        gap.length += lost
        continue
      }
      endGap()
      if (!('length' in slot) || slot.error === undefined) continue
      problems.push({ error: slot.error, writer, seq: slot.seq })
    }
    endGap()
    return problems
  }

  /** The first slot that ends after the clock. */
  #slotAt(clock: number): number {
    return firstWhere(this.#slots, slot => {
      return slot.clock + ('length' in slot ? slot.length : 1) > clock
    })
  }
}

function gapError(writer: number, seq: number, length: number): StatemeshError {
  const what =
    length === 1 ? `entry ${seq} was deleted` : `${length} entries from ${seq} on were deleted`
  return new StatemeshError('LOG_GAP', `${laneName(writer)}: ${what}`)
}

/** The stamp of an entry after one with `floor`: no earlier, so that a lane stays in order. */
export function stampAfter(
  stamp: HybridTimestamp,
  floor: HybridTimestamp | undefined,
): HybridTimestamp {
  if (floor === undefined || stamp > floor) return stamp
  return parseTimestamp(floor + 1) ?? floor
}
