/**
 * The committed state of a document as chunks of bytes, and what of it a reader lacks. A reader that
 * has nothing gets the bytes as they are stored; one that is a little behind gets the chunks that
 * its state vector does not cover. Small chunks are merged when a reader comes, for all that come
 * after it, so that readers who come together share the work.
 *
 * - R1. Chunks stay in the order of their commits, so that sending a part of them leaves no gap.
 * - R2. Deletions do not show in a state vector: those of covered chunks are sent all the same.
 */
import type { StateVector } from '../src/model/update-check.ts'
import type { UpdateStructure } from '../src/model/update-structure.ts'
import {
  type Chunk,
  chunkDeletes,
  coverage,
  cutUpdate,
  mergeChunks,
  mergedChunks,
  mergeInLevels,
} from './chunk.ts'
import { PackedUpdates } from './packed-updates.ts'

/** Merging costs more than it saves where the bytes outweigh the frames around them. */
const mergeableBytesMax = 256 * 1024

/**
 * The last chunks of each level stay as they are: a reader that is a little behind gets those, where
 * it would need a part of a merged one, which takes long to cut.
 */
const looseChunks = 20

export class RoomContent {
  #chunks: Chunk[]
  /** Whether every run of chunks that can be merged has been. */
  #merged = false
  #looseBytes = 0
  /** What came since. */
  #packed: PackedUpdates[] = []
  readonly #deletesOf = new WeakMap<Chunk, Uint8Array>()

  constructor(chunks: Chunk[]) {
    this.#chunks = chunks
  }

  /** The memory that chunks take which came since a reader last asked. */
  get looseBytes(): number {
    return this.#looseBytes
  }

  /** Takes in a copy of an update. */
  add(update: Uint8Array, structure: UpdateStructure): void {
    let last = this.#packed.at(-1)
    if (last === undefined || !last.fits(update.length)) {
      last = new PackedUpdates()
      this.#packed.push(last)
    }
    this.#looseBytes += last.add(update, structure)
  }

  /** What a reader at `stateVector` lacks, in the order in which it must be sent. */
  lacking(stateVector: StateVector): Uint8Array[] {
    this.#merge()
    const updates: Uint8Array[] = []
    const deletes: Uint8Array[] = []
    for (const chunk of this.#chunks) {
      const known = coverage(chunk, stateVector)
      if (known === 'none') updates.push(chunk.update)
      else if (known === 'some') updates.push(cutUpdate(chunk.update, stateVector))
      else if (chunk.deletes) deletes.push(this.#deletes(chunk))
    }
    if (deletes.length > 0) updates.push(mergeInLevels(deletes))
    return updates
  }

  #deletes(chunk: Chunk): Uint8Array {
    let deletes = this.#deletesOf.get(chunk)
    if (deletes === undefined) {
      deletes = chunkDeletes(chunk)
      this.#deletesOf.set(chunk, deletes)
    }
    return deletes
  }

  #merge(): void {
    if (this.#packed.length > 0) {
      for (const packed of this.#packed) this.#chunks.push(...packed.chunks())
      this.#packed = []
      this.#looseBytes = 0
      this.#merged = false
    }
    if (this.#merged) return
    this.#merged = true
    for (let level = 0, before = -1; before !== this.#chunks.length; level++) {
      before = this.#chunks.length
      this.#chunks = mergeRuns(this.#chunks, level)
    }
  }
}

/**
 * Every run of `mergedChunks` small chunks of a level becomes one of the next, as long as enough of
 * them are left behind it.
 */
function mergeRuns(chunks: readonly Chunk[], level: number): Chunk[] {
  const mergeable = (chunk: Chunk) =>
    chunk.level === level && chunk.update.length <= mergeableBytesMax
  let left = chunks.filter(mergeable).length
  const result: Chunk[] = []
  let run: Chunk[] = []
  for (const chunk of chunks) {
    if (mergeable(chunk)) {
      left -= 1
      run.push(chunk)
      if (run.length === mergedChunks && left >= looseChunks) {
        result.push(mergeChunks(run))
        run = []
      }
    } else {
      result.push(...run, chunk)
      run = []
    }
  }
  result.push(...run)
  return result
}
