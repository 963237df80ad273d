/**
 * Cyclic redundancy checks of 32 bits, eight bytes a step where the runtime has no faster way. They find every flipped bit and every
 * burst of up to 32 bits, which is what storage does to bytes; they are no defence against a person.
 */
import { builtinModule } from '../base/platform.ts'

/**
 * The sum of `bytes`, or, given the sum of what comes before them, of both together: an integer in
 * [0, 2^32).
 */
export type Crc = (bytes: Uint8Array, before?: number) => number

const slices = 8

/** The Castagnoli polynomial. */
export const crc32c: Crc = createCrc(0x82f63b78)

/** That of zlib. Node has it natively: four times as fast from a few kB on. */
export const crc32: Crc = builtinModule<{ crc32?: Crc }>('zlib')?.crc32 ?? createCrc(0xedb88320)

/** @param polynomial its bits reversed */
export function createCrc(polynomial: number): Crc {
  const tables = createTables(polynomial)
  return (bytes, before = 0) => {
    let sum = ~before
    let at = 0
    for (const end = bytes.length - 7; at < end; at += 8) {
      const low =
        sum ^
        ((bytes[at] as number) |
          ((bytes[at + 1] as number) << 8) |
          ((bytes[at + 2] as number) << 16) |
          ((bytes[at + 3] as number) << 24))
      sum =
        (tables[1792 + (low & 0xff)] as number) ^
        (tables[1536 + ((low >>> 8) & 0xff)] as number) ^
        (tables[1280 + ((low >>> 16) & 0xff)] as number) ^
        (tables[1024 + (low >>> 24)] as number) ^
        (tables[768 + (bytes[at + 4] as number)] as number) ^
        (tables[512 + (bytes[at + 5] as number)] as number) ^
        (tables[256 + (bytes[at + 6] as number)] as number) ^
        (tables[bytes[at + 7] as number] as number)
    }
    for (; at < bytes.length; at++) {
      sum = (sum >>> 8) ^ (tables[(sum ^ (bytes[at] as number)) & 0xff] as number)
    }
    return ~sum >>> 0
  }
}

/** At `256 k + byte`: what `byte` does to the sum when k more bytes follow it. */
function createTables(polynomial: number): Int32Array {
  const made = new Int32Array(slices * 256)
  for (let byte = 0; byte < 256; byte++) {
    let sum = byte
    for (let bit = 0; bit < 8; bit++) sum = sum & 1 ? (sum >>> 1) ^ polynomial : sum >>> 1
    made[byte] = sum
  }
  for (let index = 256; index < made.length; index++) {
    const before = made[index - 256] as number
    made[index] = (before >>> 8) ^ (made[before & 0xff] as number)
  }
  return made
}
