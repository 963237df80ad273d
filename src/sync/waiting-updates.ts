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
    const bytesLeft = Math.min(bytesMax, joinedBytesMax) - first.update.length
    const others = this.#takeOwn(first, bytesLeft)
    if (others.length === 0) return first
    const pieces = [first, ...others].map(({ update }) => laidOut(update))
    const { version } = others.at(-1) as WaitingUpdate
    return { ...first, update: updateBytes(joinUpdates(pieces)), version }
  }

  clear(): void {
    while (this.#queue.shift() !== undefined);
    this.#bytes = 0
  }

  /** Takes out those behind what was taken that were made here, one from where the other ends. */
  #takeOwn(first: WaitingUpdate, bytesMax: number): WaitingUpdate[] {
    const taken: WaitingUpdate[] = []
    let bytesLeft = bytesMax
    let end = first.own && this.#queue.length > 0 ? endOf(first, undefined) : undefined
    while (end !== undefined && this.#queue.length > 0) {
      const next = this.#queue.at(0)
      bytesLeft -= next.update.length
      if (!next.own || bytesLeft < 0) break
      end = endOf(next, end)
      if (end !== undefined) taken.push(this.#take())
    }
    return taken
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
function endOf({ update }: WaitingUpdate, before: End | undefined): End | undefined {
  let end = before
  for (const { client, clock, end: next } of laidOut(update).layout.blocks) {
    if (end !== undefined && (client !== end.client || clock !== end.clock)) return undefined
    end = { client, clock: next }
  }
  return end
}

function laidOut(update: Uint8Array): LaidOutUpdate {
  return { update, layout: readUpdateStructure(update) }
}
