/**
 * The structure of a Yjs update in its V1 encoding, read from the bytes: which clocks of which
 * clients it holds, what they build on, and what it deletes. No Yjs object is made and no
 * content is decoded, so a relay can afford it for every update.
 *
 * It is strict because Yjs is not: `Y.applyUpdate` is not atomic, and there are updates of a few
 * bytes that wedge a document for ever. What is read here without an error, and is no gap for
 * `checkUpdate`, applies as a whole, unless a writer lied about what only the document knows:
 * - a parent that is no type: Yjs puts a gc struct in the item's place, which is harmless;
 * - neighbours that stand in another order, or in different lists: replicas may order elements
 *   differently;
 * - content that does not suit its place: null in XML cannot be printed, and a map value of
 *   several clocks, hidden behind a left neighbour, can make garbage collection throw;
 * - types nested thousands deep, over many updates: reading and deleting them overflows the stack.
 * So whoever applies updates still has to expect a throw; one document is one trust domain.
 *
 * Layout: a number of client sections (number of structs, client, first clock, the structs), then
 * the delete set: a number of clients (client, number of ranges, each a clock and a length).
 */
import { type ClockRange, type DeleteRanges, normalRanges } from './delete-ranges.ts'
import { positive, skipContent } from './update-content.ts'
import { UpdateCursor } from './update-cursor.ts'
import {
  type Block,
  blockBytes,
  flagOrigin,
  flagParentKey,
  flagRightOrigin,
  kindGc,
  kindMask,
  kindSkip,
  type UpdateLayout,
} from './update-layout.ts'

export type { ClockRange, DeleteRanges } from './delete-ranges.ts'

export interface UpdateLimits {
  /** Client ids are below this. Yjs draws them from 32 bits. */
  readonly clientMax: number
  /** Clocks are at most this, so that no update can use up a client's clocks. */
  readonly clockMax: number
  /** How deep plain values and JSON may nest: Yjs reads and writes them recursively. */
  readonly nestingMax: number
}

/** A client that writes a thousand times a second stays below 2^40 for 30 years. */
export const updateLimits: UpdateLimits = {
  clientMax: 2 ** 32,
  clockMax: 2 ** 40,
  nestingMax: 256,
}

export interface UpdateStructure extends UpdateLayout {
  /** Per client the runs of clocks that the update holds, ascending and apart: between two runs
   * the update skips clocks. */
  readonly structs: ReadonlyMap<number, readonly ClockRange[]>
  readonly deletes: DeleteRanges
  /** Per client what its structs need of other clients before they can be integrated, in the
   * order of the structs: flat triples of the struct's clock, the other client, and the clock
   * of that client that must be there. */
  readonly needs: ReadonlyMap<number, readonly number[]>
  /** Per client its items of more than one clock: flat pairs of clock and length, ascending. */
  readonly longItems: ReadonlyMap<number, readonly number[]>
}

/**
 * Reads the structure of an update.
 *
 * @throws UPDATE_INVALID for bytes that are no update, or one that would harm a Yjs document
 */
export function readUpdateStructure(
  update: Uint8Array,
  limits: UpdateLimits = updateLimits,
): UpdateStructure {
  return new StructureReader(update, limits).read()
}

/**
 * The writer with the highest clientID of those whose content an update holds, which Yjs writes first; -1
 * if it only deletes.
 *
 * @throws UPDATE_INVALID
 */
export function writerOf(update: Uint8Array): number {
  const cursor = new UpdateCursor(update)
  if (cursor.uint() === 0) return -1
  cursor.uint() // the number of its structs
  return cursor.uint()
}

/** The update without its structs: what it deletes, byte for byte. */
export function deletesOnly(update: Uint8Array, structure: UpdateStructure): Uint8Array {
  const deleteSet = update.subarray(structure.deleteSetOffset, structure.endOffset)
  const bytes = new Uint8Array(1 + deleteSet.length)
  bytes.set(deleteSet, 1)
  return bytes
}

/** What an update deletes. @throws UPDATE_INVALID */
export function readDeletes(
  update: Uint8Array,
  { deleteSetOffset }: Pick<UpdateLayout, 'deleteSetOffset'>,
): DeleteRanges {
  return new StructureReader(update, updateLimits).readDeletes(deleteSetOffset)
}

// Most updates have none of these, and a map for each is what reading them would cost most.
const noDeletes: DeleteRanges = new Map()
const noNumbers: ReadonlyMap<number, readonly number[]> = new Map()

class StructureReader {
  readonly #cursor: UpdateCursor
  readonly #limits: UpdateLimits
  readonly #structs = new Map<number, ClockRange[]>()
  readonly #blocks: Block[] = []
  #needs: Map<number, number[]> | undefined
  #longItems: Map<number, number[]> | undefined

  // The section being read: its client, the clock of its next struct, and what goes into the
  // maps above.
  #client = 0
  #clock = 0
  #sectionNeeds: number[] | undefined
  #sectionLongItems: number[] | undefined

  // The block being read.
  #blockClock = 0
  #blockFrom = 0
  #blockCount = 0

  // The id that was read last as a neighbour or parent.
  #neededClient = 0
  #neededClock = 0

  constructor(update: Uint8Array, limits: UpdateLimits) {
    this.#cursor = new UpdateCursor(update)
    this.#limits = limits
  }

  read(): UpdateStructure {
    // Number of structs, client, clock and one struct of two bytes.
    for (let left = this.#cursor.count('clients', 5); left > 0; left--) this.#section()
    const deleteSetOffset = this.#cursor.offset
    const deletes = this.#deleteSet()
    return {
      structs: this.#structs,
      blocks: this.#blocks,
      deletes,
      needs: this.#needs ?? noNumbers,
      longItems: this.#longItems ?? noNumbers,
      deleteSetOffset,
      endOffset: this.#cursor.offset,
    }
  }

  readDeletes(offset: number): DeleteRanges {
    this.#cursor.offset = offset
    return this.#deleteSet()
  }

  #section(): void {
    const count = positive(this.#cursor, this.#cursor.count('structs', 2), 'a client section')
    this.#client = this.#readClient()
    this.#clock = this.#cursor.uint()
    this.#sectionNeeds = undefined
    this.#sectionLongItems = undefined
    if (this.#structs.has(this.#client)) {
      throw this.#cursor.refusal(`client ${this.#client} has two sections`)
    }
    this.#structs.set(this.#client, this.#runs(count))
    if (this.#sectionNeeds !== undefined) {
      this.#needs ??= new Map()
      this.#needs.set(this.#client, this.#sectionNeeds)
    }
    if (this.#sectionLongItems !== undefined) {
      this.#longItems ??= new Map()
      this.#longItems.set(this.#client, this.#sectionLongItems)
    }
  }

  #runs(count: number): ClockRange[] {
    const runs: ClockRange[] = []
    let start = this.#clock
    this.#beginBlock()
    for (let left = count; left > 0; left--) {
      const before = this.#cursor.offset
      if (before - this.#blockFrom >= blockBytes) this.#endBlock(before)
      const info = this.#cursor.byte()
      const length = this.#struct(info)
      if (info === kindSkip) {
        if (this.#clock > start) runs.push({ clock: start, length: this.#clock - start })
        start = this.#clock + length
        this.#endBlock(before)
      } else {
        this.#blockCount += 1
      }
      this.#clock += length
      if (info === kindSkip) this.#beginBlock()
      if (this.#clock > this.#limits.clockMax) {
        throw this.#cursor.refusal(`a clock is beyond ${this.#limits.clockMax}`)
      }
    }
    this.#endBlock(this.#cursor.offset)
    if (this.#clock > start) runs.push({ clock: start, length: this.#clock - start })
    if (runs.length === 0) throw this.#cursor.refusal('a client section only skips')
    return runs
  }

  #beginBlock(): void {
    this.#blockClock = this.#clock
    this.#blockFrom = this.#cursor.offset
    this.#blockCount = 0
  }

  /** Ends the block at an offset, and begins another there. */
  #endBlock(to: number): void {
    if (this.#blockCount > 0) {
      this.#blocks.push({
        client: this.#client,
        clock: this.#blockClock,
        end: this.#clock,
        count: this.#blockCount,
        from: this.#blockFrom,
        to,
      })
    }
    this.#beginBlock()
  }

  /** Passes over one struct; answers its length. */
  #struct(info: number): number {
    const kind = info & kindMask
    if (kind !== kindGc && kind !== kindSkip) return this.#item(info)
    // Some of Yjs's readers ignore flags on these, others do not.
    if (info !== kind) throw this.#cursor.refusal('a gc or skip struct has flags')
    return positive(this.#cursor, this.#cursor.uint(), 'a gc or skip struct')
  }

  #item(info: number): number {
    if (info & flagOrigin) this.#need('left neighbour')
    if (info & flagRightOrigin) {
      const leftClient = this.#neededClient
      const leftClock = this.#neededClock
      this.#need('right neighbour')
      const same = leftClient === this.#neededClient && leftClock === this.#neededClock
      if (info & flagOrigin && same) throw this.#cursor.refusal('both neighbours are the same')
    }
    if ((info & (flagOrigin | flagRightOrigin)) === 0) this.#parent(info)
    const length = skipContent(this.#cursor, info & kindMask, this.#limits.nestingMax)
    if (length > 1) {
      this.#sectionLongItems ??= []
      this.#sectionLongItems.push(this.#clock, length)
    }
    return length
  }

  /** An item without neighbours names its parent: a root type, or the item that holds it. */
  #parent(info: number): void {
    const named = this.#cursor.uint()
    if (named > 1) throw this.#cursor.refusal('a parent is neither a name nor an id')
    if (named === 1) this.#cursor.text()
    else this.#need('parent')
    if (info & flagParentKey) this.#cursor.text()
  }

  /** Reads the id of a struct that the current one needs, and keeps it if it is another client's. */
  #need(what: string): void {
    const client = this.#readClient()
    const clock = this.#cursor.uint()
    this.#neededClient = client
    this.#neededClock = clock
    if (client === this.#client) {
      // Yjs looks it up without asking whether it is there.
      if (clock >= this.#clock) {
        throw this.#cursor.refusal(`the ${what} of a struct is not older than the struct`)
      }
      return
    }
    if (clock >= this.#limits.clockMax) {
      throw this.#cursor.refusal(`a clock is beyond ${this.#limits.clockMax}`)
    }
    this.#sectionNeeds ??= []
    const needs = this.#sectionNeeds
    const last = needs.length - 3
    // Long runs often need the same of the same client: what an earlier struct needs is there.
    if (needs[last + 1] === client && (needs[last + 2] as number) >= clock) return
    needs.push(this.#clock, client, clock)
  }

  #deleteSet(): DeleteRanges {
    const count = this.#cursor.count('deleting clients', 2)
    if (count === 0) return noDeletes
    const deletes = new Map<number, ClockRange[]>()
    for (let left = count; left > 0; left--) {
      const client = this.#readClient()
      const ranges = deletes.get(client) ?? []
      for (let more = this.#cursor.count('deletions', 2); more > 0; more--) {
        ranges.push(this.#deletion())
      }
      if (ranges.length > 0) deletes.set(client, ranges)
    }
    for (const [client, ranges] of deletes) deletes.set(client, normalRanges(ranges))
    return deletes
  }

  #deletion(): ClockRange {
    const clock = this.#cursor.uint()
    const length = positive(this.#cursor, this.#cursor.uint(), 'a deletion')
    if (clock + length > this.#limits.clockMax) {
      throw this.#cursor.refusal(`a clock is beyond ${this.#limits.clockMax}`)
    }
    return { clock, length }
  }

  #readClient(): number {
    const client = this.#cursor.uint()
    if (client >= this.#limits.clientMax) {
      throw this.#cursor.refusal(`client ${client} is beyond the largest client id`)
    }
    return client
  }
}
