/**
 * The committed state of a document as chunks of bytes, and what of it a reader lacks. A reader that
 * has nothing gets the bytes as they are; one that is behind gets the chunks that its state vector
 * does not cover, the one that it covers in part cut to measure. Everything is cut and joined by
 * bytes, and readers who come together get the same ones.
 *
 * - R1. Chunks stay in the order of their commits, so that sending a part of them leaves no gap.
 * - R2. No clock is in two chunks.
 * - R3. Deletions do not show in a state vector: those of covered chunks are sent all the same.
 */
import type { StateVector } from '../src/model/update-check.ts'
import { hasDeletes } from '../src/model/update-layout.ts'
import {
  cutUpdate,
  joinedDeletes,
  joinUpdates,
  type LaidOutUpdate,
  updateBytes,
} from '../src/model/update-splice.ts'

/**
 * Chunks are joined up to here. Each is a message of its own to every joiner: at a quarter of this a
 * join of 10 MB costs a tenth more. Joining copies every byte again each time a chunk doubles.
 */
const chunkBytesMax = 2 * 1024 * 1024

/** What came is joined when there is so much of it, so that it does not lie about in small pieces. */
const looseMax = 64

/** What a loose update takes beyond its bytes. */
const looseOverheadBytes = 300

export class RoomContent {
  readonly #chunks: LaidOutUpdate[] = []
  /** What came since they were joined. */
  #loose: LaidOutUpdate[] = []
  #bytes = 0
  #addedBytes = 0
  #deletesOf: WeakMap<LaidOutUpdate, LaidOutUpdate> | undefined

  constructor(updates: readonly LaidOutUpdate[]) {
    for (const update of updates) this.add(update)
    this.#addedBytes = 0
  }

  /** Of all updates. */
  get bytes(): number {
    return this.#bytes
  }

  /** The memory that updates take which came since a reader last asked. */
  get addedBytes(): number {
    return this.#addedBytes + this.#loose.length * looseOverheadBytes
  }

  /** Takes in an update, which must not change any more. */
  add(update: LaidOutUpdate): void {
    this.#bytes += update.layout.endOffset
    this.#addedBytes += update.layout.endOffset
    this.#loose.push(update)
    if (this.#loose.length >= looseMax) this.#join()
  }

  /** What a reader at `stateVector` lacks, in the order in which it must be sent. */
  lacking(stateVector: StateVector): Uint8Array[] {
    this.#addedBytes = 0
    this.#join()
    const updates: Uint8Array[] = []
    const covered: LaidOutUpdate[] = []
    for (const chunk of this.#chunks) {
      const known = coverage(chunk, stateVector)
      if (known === 'none') updates.push(updateBytes(chunk))
      else if (known === 'some') updates.push(cutUpdate(chunk, stateVector).update)
      else if (hasDeletes(chunk.update, chunk.layout)) covered.push(this.#deletes(chunk))
    }
    if (covered.length > 0) updates.push(joinedDeletes(covered).update)
    return updates
  }

  #deletes(chunk: LaidOutUpdate): LaidOutUpdate {
    this.#deletesOf ??= new WeakMap()
    let deletes = this.#deletesOf.get(chunk)
    if (deletes === undefined) {
      deletes = joinedDeletes([chunk])
      this.#deletesOf.set(chunk, deletes)
    }
    return deletes
  }

  #join(): void {
    const loose = this.#loose
    this.#loose = []
    let run: LaidOutUpdate[] = []
    let bytes = 0
    for (const update of loose) {
      const { endOffset } = update.layout
      if (run.length > 0 && bytes + endOffset > chunkBytesMax) {
        this.#push(run)
        run = []
        bytes = 0
      }
      run.push(update)
      bytes += endOffset
    }
    if (run.length > 0) this.#push(run)
  }

  /** Each chunk is joined with the one before it when it has grown as large, so every byte seldom. */
  #push(run: readonly LaidOutUpdate[]): void {
    let last = joined(run)
    for (let before = this.#chunks.at(-1); before !== undefined; before = this.#chunks.at(-1)) {
      const { endOffset } = before.layout
      const bytes = endOffset + last.layout.endOffset
      if (endOffset > 2 * last.layout.endOffset || bytes > chunkBytesMax) break
      this.#chunks.pop()
      last = joined([before, last])
    }
    this.#chunks.push(last)
  }
}

function joined(updates: readonly LaidOutUpdate[]): LaidOutUpdate {
  return updates.length === 1 ? (updates[0] as LaidOutUpdate) : joinUpdates(updates)
}

/** How much of a chunk's structs a reader at `stateVector` has; of none it has all. */
function coverage({ layout }: LaidOutUpdate, stateVector: StateVector): 'all' | 'some' | 'none' {
  let all = true
  let some = false
  for (const { client, clock, end } of layout.blocks) {
    const known = stateVector.get(client) ?? 0
    if (known < end) all = false
    if (known > clock) some = true
  }
  if (all) return 'all'
  return some ? 'some' : 'none'
}
