/**
 * Encodes many small things. An encoder of lib0 begins with a buffer of its own, which costs more to
 * make and to collect than what most of them write; so there is one, which is used again and again.
 */
import * as encoding from 'lib0/encoding'

/** A buffer that has grown beyond this is not kept. */
const keptBytesMax = 4096

const scratch = encoding.createEncoder()
const first = scratch.cbuf
let isBusy = false

/** The bytes that `write` writes; it may encode other things meanwhile. */
export function encodeBytes(write: (encoder: encoding.Encoder) => void): Uint8Array {
  if (isBusy) return encoding.encode(write)
  isBusy = true
  try {
    write(scratch)
    return encoding.toUint8Array(scratch)
  } finally {
    scratch.cpos = 0
    scratch.bufs = []
    if (scratch.cbuf.length > keptBytesMax) scratch.cbuf = first
    isBusy = false
  }
}
