/**
 * Copies of small byte arrays. They share buffers: one for each costs more than the bytes, and most of the
 * time of a relay under load was collecting them. Node has a pool of its own, at the price of three views
 * for a copy.
 */

const poolBytes = 8192
/** What is longer would leave too much of a pool unused. */
const pooledBytesMax = poolBytes / 8

let pool = new ArrayBuffer(poolBytes)
let used = 0

/** A copy of the first `length` bytes. */
export function pooledCopy(bytes: Uint8Array, length: number): Uint8Array {
  const copy = length > pooledBytesMax ? new Uint8Array(length) : pooled(length)
  copy.set(length === bytes.length ? bytes : bytes.subarray(0, length))
  return copy
}

function pooled(length: number): Uint8Array {
  if (used + length > poolBytes) {
    pool = new ArrayBuffer(poolBytes)
    used = 0
  }
  const bytes = new Uint8Array(pool, used, length)
  used += length
  return bytes
}
