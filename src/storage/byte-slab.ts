/**
 * Room for many small byte arrays in one buffer: an ArrayBuffer of its own for each costs more than
 * what is in it. A slab goes when nothing in it is used any more, so it is for things that go
 * together.
 */

const slabBytes = 64 * 1024
/** Larger arrays get a buffer of their own. */
const sharedBytesMax = 4 * 1024

export class ByteSlab {
  #buffer: Uint8Array = new Uint8Array(0)
  #used = 0

  /** An array of zeros. */
  take(length: number): Uint8Array {
    if (length > sharedBytesMax) return new Uint8Array(length)
    if (this.#used + length > this.#buffer.length) {
      this.#buffer = new Uint8Array(slabBytes)
      this.#used = 0
    }
    const start = this.#used
    this.#used += length
    return this.#buffer.subarray(start, this.#used)
  }
}
