/**
 * The contents of a keyed view as bytes that are the same wherever the contents are: the way to
 * compare what two replicas show without sending it.
 */
import * as encoding from 'lib0/encoding'
import { sha256 } from '../base/sha256.ts'
import { canonicalText } from '../model/value.ts'

/** Keys in the order of their UTF-16 units, each with a canonical text of its value. */
export function viewBytes(entries: Iterable<readonly [string, unknown]>): Uint8Array {
  const sorted = [...entries].sort(([a], [b]) => (a < b ? -1 : a > b ? 1 : 0))
  const encoder = encoding.createEncoder()
  encoding.writeVarUint(encoder, sorted.length)
  for (const [key, value] of sorted) {
    encoding.writeVarString(encoder, key)
    encoding.writeVarString(encoder, canonicalText(value))
  }
  return encoding.toUint8Array(encoder)
}

/** SHA-256 of `viewBytes`, in hexadecimal digits. */
export function viewDigest(entries: Iterable<readonly [string, unknown]>): string {
  return hexDigest(viewBytes(entries))
}

/** SHA-256 in hexadecimal digits. */
export function hexDigest(bytes: Uint8Array): string {
  let hex = ''
  for (const byte of sha256(bytes)) hex += byte.toString(16).padStart(2, '0')
  return hex
}
