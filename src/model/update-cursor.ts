/**
 * Reads the bytes of an update from front to back and never past their end. It reads what lib0
 * writes; what lib0 would read but never writes (numbers beyond 53 bits, padded ones) is refused.
 */
import { StatemeshError } from '../base/error.ts'
import { utf16Length } from './update-text.ts'

/** Seven bits a byte: eight bytes hold every safe integer. */
const numberBytesMax = 8

export class UpdateCursor {
  readonly bytes: Uint8Array
  offset = 0
  /** Where the string that `text` last passed over starts; it ends at the offset then. */
  textStart = 0

  constructor(bytes: Uint8Array) {
    this.bytes = bytes
  }

  get remaining(): number {
    return this.bytes.length - this.offset
  }

  /** The error for the bytes just read; throw it. */
  refusal(why: string): StatemeshError {
    return new StatemeshError('UPDATE_INVALID', `at byte ${this.offset}: ${why}`)
  }

  /** @throws UPDATE_INVALID at the end */
  byte(): number {
    const byte = this.bytes[this.offset]
    if (byte === undefined) throw this.refusal('the update ends too early')
    this.offset += 1
    return byte
  }

  /** An unsigned integer of up to 53 bits. @throws UPDATE_INVALID */
  uint(): number {
    const first = this.byte()
    return first < 0x80 ? first : this.#moreBytes(first & 0x7f, 0x80)
  }

  /** Passes over a signed integer of up to 53 bits. @throws UPDATE_INVALID */
  skipInt(): void {
    const first = this.byte()
    if (first >= 0x80) this.#moreBytes(first & 0x3f, 0x40)
  }

  /**
   * A number of things that follow. The remaining bytes must be able to hold them, so that no
   * short update makes anyone allocate or loop for long.
   *
   * @throws UPDATE_INVALID
   */
  count(what: string, bytesEachMin: number): number {
    const count = this.uint()
    if (count * bytesEachMin > this.remaining) {
      throw this.refusal(`${count} ${what} do not fit the remaining ${this.remaining} bytes`)
    }
    return count
  }

  /** Passes over `length` bytes. @throws UPDATE_INVALID */
  skip(length: number): void {
    if (length > this.remaining) throw this.refusal('a value reaches past the end of the update')
    this.offset += length
  }

  /** Passes over a string; answers its length in UTF-16 units. @throws UPDATE_INVALID */
  text(): number {
    const bytes = this.uint()
    this.textStart = this.offset
    this.skip(bytes)
    const length = utf16Length(this.bytes, this.textStart, this.offset)
    if (length < 0) throw this.refusal('a string is not valid UTF-8')
    return length
  }

  #moreBytes(start: number, weight: number): number {
    let value = start
    let scale = weight
    for (let more = 1; more < numberBytesMax; more++) {
      const byte = this.byte()
      value += (byte & 0x7f) * scale
      if (byte < 0x80) {
        if (value > Number.MAX_SAFE_INTEGER) break
        return value
      }
      scale *= 0x80
    }
    throw this.refusal('a number has more than 53 bits')
  }
}
