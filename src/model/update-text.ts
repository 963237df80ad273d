/**
 * The length of a string, found from its UTF-8 bytes without decoding them. Yjs counts clocks in
 * UTF-16 units, and reads with a strict decoder, so what that would refuse has no length here.
 */

/**
 * The UTF-16 units of the UTF-8 text in `bytes[start, end)`; -1 if it is malformed (cut off,
 * overlong, a surrogate half, or beyond U+10FFFF). A byte order mark counts as one unit.
 */
export function utf16Length(bytes: Uint8Array, start: number, end: number): number {
  let at = start
  while (at < end && (bytes[at] as number) < 0x80) at += 1
  let units = at - start
  while (at < end) {
    const lead = bytes[at] as number
    if (lead < 0x80) {
      at += 1
      units += 1
      continue
    }
    const length = sequenceLength(lead)
    if (length === 0 || at + length > end) return -1
    if (!validSecond(lead, bytes[at + 1] as number)) return -1
    if (length > 2 && !isContinuation(bytes[at + 2] as number)) return -1
    if (length > 3 && !isContinuation(bytes[at + 3] as number)) return -1
    at += length
    units += length === 4 ? 2 : 1
  }
  return units
}

function sequenceLength(lead: number): number {
  if (lead < 0xc2) return 0
  if (lead < 0xe0) return 2
  if (lead < 0xf0) return 3
  return lead < 0xf5 ? 4 : 0
}

/** The second byte is where overlong forms, surrogate halves and too large code points show. */
function validSecond(lead: number, second: number): boolean {
  if (lead === 0xe0) return second >= 0xa0 && second < 0xc0
  if (lead === 0xed) return second >= 0x80 && second < 0xa0
  if (lead === 0xf0) return second >= 0x90 && second < 0xc0
  if (lead === 0xf4) return second >= 0x80 && second < 0x90
  return isContinuation(second)
}

function isContinuation(byte: number): boolean {
  return (byte & 0xc0) === 0x80
}
