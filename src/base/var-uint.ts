/** lib0's variable-length unsigned integers, written without an encoder: seven bits a byte. */

/** How many bytes a safe integer takes. */
export function varUintBytes(value: number): number {
  let bytes = 1
  for (let rest = value; rest >= 0x80; rest = Math.floor(rest / 0x80)) bytes += 1
  return bytes
}

/** Writes a safe integer; answers the offset behind it. */
export function writeVarUint(target: Uint8Array, offset: number, value: number): number {
  let at = offset
  let rest = value
  for (; rest >= 0x80; rest = Math.floor(rest / 0x80)) {
    target[at] = (rest % 0x80) | 0x80
    at += 1
  }
  target[at] = rest
  return at + 1
}
