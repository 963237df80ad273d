/**
 * Updates as they came, packed: their bytes in one buffer and their spans in flat arrays. A hundred
 * thousand of them as objects are what a relay under load would spend a third of its time on, in
 * the garbage collector.
 */
import type { UpdateStructure } from '../src/model/update-structure.ts'
import { type Chunk, type Span, structureSpans } from './chunk.ts'

/** Enough for the few updates of a quiet room. */
const bytesMin = 256
/** A pack is given back as a whole, when all its updates have been merged into others. */
const bytesMax = 64 * 1024
const updatesMax = 1_000

/** What an update takes in the arrays, about. */
const overheadBytes = 48

export class PackedUpdates {
  #bytes = new Uint8Array(bytesMin)
  #used = 0
  /** Per update: where it ends in the bytes, where its spans end, and whether it deletes. */
  readonly #ends: number[] = []
  readonly #spanEnds: number[] = []
  readonly #deletes: boolean[] = []
  /** Flat triples: client, start, end. */
  readonly #spans: number[] = []

  /** Whether an update of this many bytes has its place here. */
  fits(updateBytes: number): boolean {
    if (this.#ends.length === 0) return true
    return this.#used + updateBytes <= bytesMax && this.#ends.length < updatesMax
  }

  /** Adds a copy of an update; answers the memory it takes, in bytes. */
  add(update: Uint8Array, structure: UpdateStructure): number {
    this.#reserve(update.length)
    this.#bytes.set(update, this.#used)
    this.#used += update.length
    for (const { client, start, end } of structureSpans(structure)) {
      this.#spans.push(client, start, end)
    }
    this.#ends.push(this.#used)
    this.#spanEnds.push(this.#spans.length)
    this.#deletes.push(structure.deletes.size > 0)
    return update.length + overheadBytes
  }

  /** The updates as chunks, which are views of the bytes here; nothing may be added after it. */
  chunks(): Chunk[] {
    return this.#ends.map((end, index) => ({
      update: this.#bytes.subarray(this.#ends[index - 1] ?? 0, end),
      level: 0,
      spans: this.#spansOf(index),
      deletes: this.#deletes[index] as boolean,
    }))
  }

  #spansOf(index: number): Span[] {
    const spans: Span[] = []
    const end = this.#spanEnds[index] as number
    for (let at = this.#spanEnds[index - 1] ?? 0; at < end; at += 3) {
      const [client, start, spanEnd] = this.#spans.slice(at, at + 3) as [number, number, number]
      spans.push({ client, start, end: spanEnd })
    }
    return spans
  }

  #reserve(bytes: number): void {
    const needed = this.#used + bytes
    if (needed <= this.#bytes.length) return
    const larger = new Uint8Array(Math.max(needed, Math.min(2 * this.#bytes.length, bytesMax)))
    larger.set(this.#bytes.subarray(0, this.#used))
    this.#bytes = larger
  }
}
