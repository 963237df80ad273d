/**
 * Reads the fields of a message that came from outside. Every read is checked against the end of
 * the bytes, and every number is a safe integer; lib0's own readers check neither in all cases.
 */
import { StatemeshError } from '../base/error.ts'

// A leading byte order mark is part of the text: without `ignoreBOM` two names would read as one.
const utf8 = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true })

// A safe integer takes at most eight bytes of seven bits; this is what the eighth counts.
const lastFactor = 128 ** 7

/** A malformed message, to be thrown. */
export function frameInvalid(why: string, cause?: unknown): StatemeshError {
  return new StatemeshError('FRAME_INVALID', `malformed message: ${why}`, { cause })
}

/** A position in a message. All methods throw FRAME_INVALID when the bytes do not hold the field. */
export class Reader {
  readonly #bytes: Uint8Array
  #position = 0

  constructor(bytes: Uint8Array) {
    this.#bytes = bytes
  }

  get atEnd(): boolean {
    return this.#position === this.#bytes.length
  }

  byte(): number {
    const byte = this.#bytes[this.#position]
    if (byte === undefined) throw frameInvalid('a field runs past the end')
    this.#position += 1
    return byte
  }

  varUint(): number {
    let value = 0
    let factor = 1
    for (;;) {
      const byte = this.byte()
      value += (byte & 0x7f) * factor
      if (value > Number.MAX_SAFE_INTEGER) throw frameInvalid('a number is too large')
      if (byte < 0x80) return value
      factor *= 128
      if (factor > lastFactor) throw frameInvalid('a number is too long')
    }
  }

  /** A byte that says yes (1) or no (0). */
  flag(): boolean {
    const byte = this.byte()
    if (byte > 1) throw frameInvalid('a flag is neither 0 nor 1')
    return byte === 1
  }

  /** A length and that many bytes, as a view into the message. */
  varBytes(): Uint8Array {
    const length = this.varUint()
    if (length > this.#bytes.length - this.#position) {
      throw frameInvalid('a field runs past the end')
    }
    return this.#take(length)
  }

  /** A length and that many bytes of UTF-8. */
  string(): string {
    const bytes = this.varBytes()
    try {
      return utf8.decode(bytes)
    } catch (cause) {
      throw frameInvalid('a string is not UTF-8', cause)
    }
  }

  /** All that is left, as a view into the message. */
  rest(): Uint8Array {
    return this.#take(this.#bytes.length - this.#position)
  }

  #take(length: number): Uint8Array {
    const start = this.#position
    this.#position += length
    return this.#bytes.subarray(start, this.#position)
  }
}
