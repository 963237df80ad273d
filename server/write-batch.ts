/**
 * The updates that a room took in during one turn. They are stored as one, joined by their bytes:
 * for a hundred updates that is one entry of the log, one promise and one checksum. To readers they
 * go one by one, as they came.
 */
import type { DeleteRanges } from '../src/model/delete-ranges.ts'
import { joinUpdates, type LaidOutUpdate } from '../src/model/update-splice.ts'
import type { UpdateStructure } from '../src/model/update-structure.ts'
import type { RoomUpdate } from './broadcast.ts'
import { pooledCopy } from './pooled-copy.ts'

/** A damaged entry costs all that is in it, and a group of the storage has room for several. */
const batchBytesMax = 64 * 1024

export class WriteBatch {
  /** The room's epoch in which they were accepted. */
  readonly epoch: number
  readonly updates: RoomUpdate[] = []
  readonly #pieces: LaidOutUpdate[] = []
  readonly #deletes: DeleteRanges[] = []
  #bytes = 0

  constructor(epoch: number) {
    this.epoch = epoch
  }

  /** Whether an update of so many bytes has its place here. */
  fits(bytes: number): boolean {
    return this.updates.length === 0 || this.#bytes + bytes <= batchBytesMax
  }

  /** Adds an update, whose bytes must not change any more. */
  add(writer: object, update: Uint8Array, structure: UpdateStructure): void {
    const { endOffset, deletes } = structure
    const bytes = endOffset === update.length ? update : update.subarray(0, endOffset)
    this.updates.push({ writer, update: bytes })
    this.#pieces.push({ update: bytes, layout: structure })
    if (deletes.size > 0) this.#deletes.push(deletes)
    this.#bytes += endOffset
  }

  /** What they delete. */
  get deletes(): readonly DeleteRanges[] {
    return this.#deletes
  }

  /** All of them as one, copied: a view would keep whole messages in memory. */
  joined(): LaidOutUpdate {
    const [first] = this.#pieces
    if (first === undefined || this.#pieces.length > 1) return joinUpdates(this.#pieces)
    const { blocks, deleteSetOffset, endOffset } = first.layout
    const update = pooledCopy(first.update, endOffset)
    // Copied: an array that has grown has room for more.
    return { update, layout: { blocks: blocks.slice(), deleteSetOffset, endOffset } }
  }
}
