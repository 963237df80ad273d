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
  readonly #end: number
  #position: number

  /** @param end where the bytes to be read end, from `start` */
  constructor(bytes: Uint8Array, start = 0, end: number = bytes.length) {
    this.#bytes = bytes
    this.#position = start
    this.#end = end
  }

  get atEnd(): boolean {
    return this.#position === this.#end
  }

  byte(): number {
    if (this.#position === this.#end) throw frameInvalid('a field runs past the end')
    const byte = this.#bytes[this.#position] as number
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
    return this.#take(this.#length())
  }

  /** A length and that many bytes, to be read by themselves. */
  part(): Reader {
    const length = this.#length()
    this.#position += length
    return new Reader(this.#bytes, this.#position - length, this.#position)
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
    return this.#take(this.#end - this.#position)
  }

  #length(): number {
    const length = this.varUint()
    if (length > this.#end - this.#position) throw frameInvalid('a field runs past the end')
    return length
  }

  #take(length: number): Uint8Array {
    const start = this.#position
    this.#position += length
    return this.#bytes.subarray(start, this.#position)
  }
}
