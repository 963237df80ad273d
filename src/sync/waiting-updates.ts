/**
 * Updates of a document that wait for room in the window of a peer, in their order. Those that were
 * made here leave as one: who takes in less than is written is to be sent fewer updates, not later ones.
 */
import { present } from '../base/assert.ts'
import { Queue } from '../base/queue.ts'
import { joinUpdates, type LaidOutUpdate, updateBytes } from '../model/update-splice.ts'
import { readUpdateStructure } from '../model/update-structure.ts'

/** An update, the versions of the document that it makes, and whether it was made here. */
export interface WaitingUpdate {
  readonly update: Uint8Array
  readonly firstVersion: number
  readonly version: number
  readonly own: boolean
}

/** A damaged entry of a log costs all that is in it. */
const joinedBytesMax = 64 * 1024

export class WaitingUpdates {
  readonly #queue = new Queue<WaitingUpdate>()
  #bytes = 0

  get isEmpty(): boolean {
    return this.#queue.length === 0
  }

  get bytes(): number {
    return this.#bytes
  }

  /** The version that the first of them makes; there must be one. */
  get firstVersion(): number {
    return this.#queue.at(0).firstVersion
  }

  push(update: Uint8Array, version: number, own: boolean): void {
    this.#queue.push({ update, firstVersion: version, version, own })
    this.#bytes += update.length
  }

  /** Takes out the first, with those that can be joined to it to no more bytes than that; there must be one. */
  shift(bytesMax: number): WaitingUpdate {
    const first = this.#take()
    if (!first.own || this.isEmpty) return first
    const pieces = [laidOut(first)]
    let { version } = first
    let end = endOf(pieces[0] as LaidOutUpdate, undefined)
    let bytesLeft = Math.min(bytesMax, joinedBytesMax) - first.update.length
    while (end !== undefined && !this.isEmpty) {
      const next = this.#queue.at(0)
      bytesLeft -= next.update.length
      if (!next.own || bytesLeft < 0) break
      const piece = laidOut(next)
      end = endOf(piece, end)
      if (end === undefined) break
      pieces.push(piece)
      version = this.#take().version
    }
    if (pieces.length === 1) return first
    return { ...first, update: updateBytes(joinUpdates(pieces)), version }
  }

  clear(): void {
    while (this.#queue.shift() !== undefined);
    this.#bytes = 0
  }

  #take(): WaitingUpdate {
    const next = present(this.#queue.shift(), 'nothing waits')
    this.#bytes -= next.update.length
    return next
  }
}

/** Up to where somebody's clocks are written. */
interface End {
  readonly client: number
  readonly clock: number
}

/** Where an update of one client ends that begins at an end; undefined where it is another's. */
function endOf({ layout }: LaidOutUpdate, before: End | undefined): End | undefined {
  let end = before
  for (const { client, clock, end: next } of layout.blocks) {
    if (end !== undefined && (client !== end.client || clock !== end.clock)) return undefined
    end = { client, clock: next }
  }
  return end
}

function laidOut({ update }: WaitingUpdate): LaidOutUpdate {
  return { update, layout: readUpdateStructure(update) }
}
