/**
 * Copies of small byte arrays. They share the buffers that Node keeps for that: an ArrayBuffer for
 * each costs more than the bytes, and most of the time of a relay under load was collecting them.
 */

/** A copy of the first `length` bytes. */
export function pooledCopy(bytes: Uint8Array, length: number): Uint8Array {
  const { buffer, byteOffset } = Buffer.from(bytes.subarray(0, length))
  return new Uint8Array(buffer, byteOffset, length)
}
