/** Golden bytes, as they are written in tests: hexadecimal digits, with spaces between fields. */

export function fromHex(hex: string): Uint8Array {
  const digits = hex.replaceAll(' ', '')
  return Uint8Array.from(digits.match(/../g) ?? [], pair => Number.parseInt(pair, 16))
}

export function toHex(bytes: Uint8Array): string {
  return Array.from(bytes, byte => byte.toString(16).padStart(2, '0')).join('')
}

/** All beginnings of the bytes, from none to all but the last. */
export function truncations(bytes: Uint8Array): Uint8Array[] {
  return Array.from(bytes, (_, length) => bytes.slice(0, length))
}

/**
 * The bytes as a view into a larger array that goes on with bytes which would continue any field:
 * a reader that looks beyond its view reads them.
 */
export function withinLarger(bytes: Uint8Array): Uint8Array {
  const larger = new Uint8Array(bytes.length + 64).fill(1)
  larger.set(bytes, 16)
  return larger.subarray(16, 16 + bytes.length)
}
