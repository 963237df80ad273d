/**
 * Room for many small byte arrays in one buffer: an ArrayBuffer of its own for each costs more than
 * what is in it. A slab goes when nothing in it is used any more, so it is for things that go
 * together. The first slabs are small: V8 counts them in full until it collects, and a large one for
 * each of a hundred small writes a second makes it collect all of its heap every second.
 */

/** Each slab is twice as large as the one before it, up to a point. */
const firstSlabBytes = 512
const slabBytesMax = 64 * 1024
/** Larger arrays get a buffer of their own. */
const sharedBytesMax = 4 * 1024

export class ByteSlab {
  #buffer: Uint8Array = new Uint8Array(0)
  #used = 0
  #nextBytes = firstSlabBytes

  /** An array of zeros. */
  take(length: number): Uint8Array {
    if (length > sharedBytesMax) return new Uint8Array(length)
    if (this.#used + length > this.#buffer.length) {
      this.#buffer = new Uint8Array(Math.max(this.#nextBytes, length))
      this.#nextBytes = Math.min(2 * this.#nextBytes, slabBytesMax)
      this.#used = 0
    }
    const start = this.#used
    this.#used += length
    return this.#buffer.subarray(start, this.#used)
  }
}
