/**
 * Checks the JSON texts inside an update without building their values. Yjs parses them as it
 * reads, so one that does not parse would throw with half of the update applied.
 */
import type { UpdateCursor } from './update-cursor.ts'

/**
 * Passes over a string that must be a JSON text.
 *
 * @throws UPDATE_INVALID if it is not, or if it nests deeper than `nestingMax`
 */
export function skipJson(cursor: UpdateCursor, nestingMax: number): void {
  cursor.text()
  const text = new JsonText(cursor.bytes, cursor.textStart, cursor.offset)
  if (!text.isValue(nestingMax)) {
    throw cursor.refusal('a JSON text is malformed or too deeply nested')
  }
}

/** As `skipJson`, for the elements of a JSON content, which may be `undefined` too. */
export function skipJsonOrUndefined(cursor: UpdateCursor, nestingMax: number): void {
  const start = cursor.offset
  cursor.text()
  if (isWord(cursor.bytes, cursor.textStart, cursor.offset, 'undefined')) return
  cursor.offset = start
  skipJson(cursor, nestingMax)
}

function isWord(bytes: Uint8Array, start: number, end: number, word: string): boolean {
  if (end - start !== word.length) return false
  for (let at = 0; at < word.length; at++) {
    if (bytes[start + at] !== word.charCodeAt(at)) return false
  }
  return true
}

const quote = 0x22
const comma = 0x2c
const minus = 0x2d
const point = 0x2e
const colon = 0x3a
const backslash = 0x5c

/** A recursive descent whose depth the nesting limit bounds. Every method answers whether its
 * construct was there, and if so leaves `#at` behind it. */
class JsonText {
  readonly #bytes: Uint8Array
  readonly #end: number
  #at: number

  constructor(bytes: Uint8Array, start: number, end: number) {
    this.#bytes = bytes
    this.#at = start
    this.#end = end
  }

  /** Whether the whole text is one value. */
  isValue(nestingMax: number): boolean {
    return this.#value(nestingMax) && this.#at === this.#end
  }

  /** The next byte; -1 at the end. */
  #peek(): number {
    return this.#at < this.#end ? (this.#bytes[this.#at] as number) : -1
  }

  #take(byte: number): boolean {
    if (this.#peek() !== byte) return false
    this.#at += 1
    return true
  }

  #space(): void {
    for (;;) {
      const byte = this.#peek()
      if (byte !== 0x20 && byte !== 0x0a && byte !== 0x0d && byte !== 0x09) return
      this.#at += 1
    }
  }

  #value(nestingLeft: number): boolean {
    this.#space()
    const found = this.#bareValue(nestingLeft)
    this.#space()
    return found
  }

  #bareValue(nestingLeft: number): boolean {
    switch (this.#peek()) {
      case 0x7b: // {
        return nestingLeft > 0 && this.#list(0x7d, () => this.#member(nestingLeft - 1))
      case 0x5b: // [
        return nestingLeft > 0 && this.#list(0x5d, () => this.#value(nestingLeft - 1))
      case quote:
        return this.#string()
      case 0x74:
        return this.#word('true')
      case 0x66:
        return this.#word('false')
      case 0x6e:
        return this.#word('null')
      default:
        return this.#number()
    }
  }

  #list(close: number, element: () => boolean): boolean {
    this.#at += 1
    this.#space()
    if (this.#take(close)) return true
    do {
      if (!element()) return false
    } while (this.#take(comma))
    return this.#take(close)
  }

  #member(nestingLeft: number): boolean {
    this.#space()
    if (!this.#string()) return false
    this.#space()
    return this.#take(colon) && this.#value(nestingLeft)
  }

  #word(word: string): boolean {
    if (!isWord(this.#bytes, this.#at, Math.min(this.#end, this.#at + word.length), word)) {
      return false
    }
    this.#at += word.length
    return true
  }

  #string(): boolean {
    if (!this.#take(quote)) return false
    const bytes = this.#bytes
    for (let at = this.#at; at < this.#end; at++) {
      const byte = bytes[at] as number
      if (byte !== quote && byte !== backslash && byte >= 0x20) continue
      this.#at = at + 1
      if (byte === quote) return true
      if (byte !== backslash || !this.#escape()) return false
      at = this.#at - 1
    }
    return false
  }

  #escape(): boolean {
    if (this.#take(0x75)) {
      for (let digit = 0; digit < 4; digit++) {
        if (!isHexDigit(this.#peek())) return false
        this.#at += 1
      }
      return true
    }
    const byte = this.#peek()
    this.#at += 1
    return byte >= 0 && '"\\/bfnrt'.includes(String.fromCharCode(byte))
  }

  #number(): boolean {
    this.#take(minus)
    if (!this.#take(0x30) && !this.#digits()) return false
    if (this.#take(point) && !this.#digits()) return false
    if (this.#take(0x65) || this.#take(0x45)) {
      if (!this.#take(minus)) this.#take(0x2b)
      return this.#digits()
    }
    return true
  }

  #digits(): boolean {
    const start = this.#at
    while (this.#peek() >= 0x30 && this.#peek() <= 0x39) this.#at += 1
    return this.#at > start
  }
}

function isHexDigit(byte: number): boolean {
  return (byte >= 0x30 && byte <= 0x39) || ((byte | 0x20) >= 0x61 && (byte | 0x20) <= 0x66)
}
