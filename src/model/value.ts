/**
 * Values as they are stored: plain data, with the few JavaScript types beyond JSON that agents
 * use, in a form that Yjs keeps exactly (its `ContentAny`).
 *
 * What Yjs keeps as it is (null, booleans, numbers, strings, 64-bit integers, bytes, undefined,
 * arrays, plain objects) is stored as it is. The rest is an object with the key `$`, which names
 * the type, and `of`: dates, maps, sets, larger integers, strings with lone surrogates (UTF-8
 * cannot carry them), and objects with a key that could not be stored plainly (`$` itself,
 * `__proto__`, which the decoder of Yjs would take for the prototype, or a lone surrogate).
 *
 * What is handed out is frozen to the bottom. A Map, a Set, a Date and bytes cannot be frozen, so
 * a value that holds one is copied for every reader.
 */
import { StatemeshError } from '../base/error.ts'

/**
 * The nesting of a stored value, counted as it is encoded (a map takes three levels). Encoding
 * recurses, in Yjs too, and plain data is rarely deeper than ten.
 */
export const valueDepthMax = 64

/**
 * The bytes of one value, estimated from below as it is encoded. A write carries the whole value
 * to every replica, so what is larger belongs into several keys or a file.
 */
export const valueBytesMax: number = 1024 * 1024

const tagKey = '$'
const wordMin = -(2n ** 63n)
const wordMax = 2n ** 63n - 1n

/** A value that was decoded, and frozen as far as it can be. */
export interface StoredValue {
  readonly value: unknown
  /** Whether it holds a Map, Set, Date or bytes, and so has to be copied for every reader. */
  readonly mutable: boolean
}

/**
 * The storable form of a value, sharing nothing with it.
 *
 * @throws VALUE_INVALID for undefined itself, functions, symbols, class instances, arrays with
 * holes, symbol keys, cycles, and what is too deep or too large; the message names the place
 */
export function encodeValue(value: unknown): unknown {
  if (value === undefined) throw refusal('undefined is no value; delete the key instead')
  return new Encoder().encode(value, 0)
}

class Encoder {
  #bytesLeft: number
  readonly #depthMax: number
  /** Where we are, for messages. */
  readonly #path: (string | number)[] = []

  constructor(bytesMax = valueBytesMax, depthMax = valueDepthMax) {
    this.#bytesLeft = bytesMax
    this.#depthMax = depthMax
  }

  encode(value: unknown, depth: number): unknown {
    switch (typeof value) {
      case 'string':
        return this.#string(value)
      case 'number':
        this.#spend(2)
        return value
      case 'boolean':
      case 'undefined':
        this.#spend(1)
        return value
      case 'bigint':
        return this.#integer(value)
      case 'object':
        this.#spend(1)
        return value === null ? null : this.#object(value, depth + 1)
      default:
        throw this.#refusal(`a ${typeof value} cannot be stored`)
    }
  }

  #string(text: string): unknown {
    const bytes = utf8Length(text)
    if (bytes >= 0) {
      this.#spend(bytes + 1)
      return text
    }
    this.#spend(text.length * 2)
    const units = new Uint8Array(text.length * 2)
    for (let index = 0; index < text.length; index++) {
      const unit = text.charCodeAt(index)
      units[index * 2] = unit & 0xff
      units[index * 2 + 1] = unit >> 8
    }
    return { [tagKey]: 'utf16', of: units }
  }

  #integer(integer: bigint): unknown {
    if (integer >= wordMin && integer <= wordMax) {
      this.#spend(9)
      return integer
    }
    const text = integer.toString(16)
    this.#spend(text.length)
    return { [tagKey]: 'integer', of: text }
  }

  #object(value: object, depth: number): unknown {
    this.#checkDepth(depth)
    if (Array.isArray(value)) return this.#array(value, depth)
    if (value instanceof Uint8Array) {
      this.#spend(value.length)
      return new Uint8Array(value)
    }
    const prototype: unknown = Object.getPrototypeOf(value)
    if (prototype === Date.prototype) {
      this.#spend(9)
      return { [tagKey]: 'date', of: (value as Date).getTime() }
    }
    if (prototype === Map.prototype) {
      const pairs = [...(value as Map<unknown, unknown>)]
      return { [tagKey]: 'map', of: this.#array(pairs, depth + 1) }
    }
    if (prototype === Set.prototype) {
      const members = [...(value as Set<unknown>)]
      return { [tagKey]: 'set', of: this.#array(members, depth + 1) }
    }
    // A prototype without one of its own: Object.prototype of any realm, or none.
    if (prototype !== null && Object.getPrototypeOf(prototype) !== null) {
      throw this.#refusal('an instance of a class cannot be stored')
    }
    return this.#plain(value as Record<string, unknown>, depth)
  }

  #array(list: unknown[], depth: number): unknown[] {
    this.#spend(list.length)
    // Integer keys come first and in order, so these two say: no holes, and nothing beside.
    const keys = Object.keys(list)
    if (keys.length !== list.length || (keys.length > 0 && keys.at(-1) !== `${keys.length - 1}`)) {
      throw this.#refusal('an array with holes or with named properties cannot be stored')
    }
    return list.map((element, index) => this.#within(index, element, depth))
  }

  #plain(object: Record<string, unknown>, depth: number): unknown {
    if (Object.getOwnPropertySymbols(object).length > 0) {
      throw this.#refusal('an object with symbol keys cannot be stored')
    }
    const keys = Object.keys(object)
    if (!keys.every(isPlainKey)) {
      const pairs = keys.map(key => [this.#string(key), this.#within(key, object[key], depth + 2)])
      return { [tagKey]: 'object', of: pairs }
    }
    const encoded: Record<string, unknown> = {}
    for (const key of keys) {
      this.#spend(key.length + 1)
      encoded[key] = this.#within(key, object[key], depth)
    }
    return encoded
  }

  #within(key: string | number, value: unknown, depth: number): unknown {
    this.#path.push(key)
    const encoded = this.encode(value, depth)
    this.#path.pop()
    return encoded
  }

  #checkDepth(depth: number): void {
    if (depth > this.#depthMax) {
      throw this.#refusal(`nested deeper than ${valueDepthMax} levels, or in a cycle`)
    }
  }

  #spend(bytes: number): void {
    this.#bytesLeft -= bytes
    if (this.#bytesLeft < 0) throw this.#refusal(`a value has at most ${valueBytesMax} bytes`)
  }

  #refusal(why: string): StatemeshError {
    const place = this.#path.slice(0, 8).join('.')
    return refusal(place === '' ? why : `${place}: ${why}`)
  }
}

function isPlainKey(key: string): boolean {
  return key !== tagKey && key !== '__proto__' && utf8Length(key) >= 0
}

/**
 * Reads a stored value back. What comes from elsewhere is not trusted: anything that
 * `encodeValue` would not write is refused. Takes `encoded` over: a part that is plain is frozen
 * and returned as it is, without a copy.
 *
 * @throws VALUE_INVALID
 */
export function decodeValue(encoded: unknown): StoredValue {
  if (encoded === undefined) throw refusal('undefined is no value')
  const decoder = new Decoder()
  return { value: decoder.decode(encoded, 0), mutable: decoder.mutable }
}

class Decoder {
  mutable = false

  decode(encoded: unknown, depth: number): unknown {
    if (typeof encoded !== 'object' || encoded === null) return this.#primitive(encoded)
    if (depth > valueDepthMax) throw refusal('nested too deep')
    if (Array.isArray(encoded)) return this.#array(encoded, depth + 1)
    if (encoded instanceof Uint8Array) {
      this.mutable = true
      return new Uint8Array(encoded)
    }
    if (Object.getPrototypeOf(encoded) !== Object.prototype) throw refusal('not plain data')
    if (Object.hasOwn(encoded, tagKey)) return this.#tagged(encoded, depth + 1)
    return this.#plain(encoded as Record<string, unknown>, depth + 1)
  }

  #primitive(encoded: unknown): unknown {
    if (typeof encoded === 'function' || typeof encoded === 'symbol') {
      throw refusal('not plain data')
    }
    return encoded
  }

  #array(encoded: unknown[], depth: number): unknown[] {
    let copy: unknown[] | undefined
    for (let index = 0; index < encoded.length; index++) {
      const decoded = this.decode(encoded[index], depth)
      if (decoded !== encoded[index] && !Number.isNaN(decoded)) copy ??= [...encoded]
      if (copy !== undefined) copy[index] = decoded
    }
    return Object.freeze(copy ?? encoded) as unknown[]
  }

  #plain(encoded: Record<string, unknown>, depth: number): object {
    let copy: Record<string, unknown> | undefined
    for (const key in encoded) {
      // Yjs never decodes to such a key, and to assign it would set the prototype of the copy.
      if (key === '__proto__') throw refusal('not plain data')
      const decoded = this.decode(encoded[key], depth)
      if (decoded !== encoded[key] && !Number.isNaN(decoded)) copy ??= { ...encoded }
      if (copy !== undefined) copy[key] = decoded
    }
    return Object.freeze(copy ?? encoded)
  }

  #tagged(encoded: object, depth: number): unknown {
    const { [tagKey]: tag, of } = encoded as Record<string, unknown>
    if (tag === 'utf16' && of instanceof Uint8Array && of.length % 2 === 0) return readUnits(of)
    if (tag === 'integer' && typeof of === 'string') return readInteger(of)
    if (tag === 'date' && typeof of === 'number') {
      this.mutable = true
      return new Date(of)
    }
    if (!Array.isArray(of)) throw refusal('a tagged value of no known kind')
    if (tag === 'object') return Object.freeze(Object.fromEntries(this.#namedPairs(of, depth + 1)))
    if (tag === 'map') {
      this.mutable = true
      return new Map(this.#pairs(of, depth + 1))
    }
    if (tag === 'set') {
      this.mutable = true
      return new Set(this.#array(of, depth + 1))
    }
    throw refusal('a tagged value of no known kind')
  }

  #pairs(pairs: unknown[], depth: number): [unknown, unknown][] {
    return pairs.map(pair => {
      if (!Array.isArray(pair) || pair.length !== 2) throw refusal('not a pair')
      return [this.decode(pair[0], depth + 1), this.decode(pair[1], depth + 1)]
    })
  }

  #namedPairs(pairs: unknown[], depth: number): [string, unknown][] {
    return this.#pairs(pairs, depth).map(([key, value]) => {
      if (typeof key !== 'string') throw refusal('a key that is not a string')
      return [key, value]
    })
  }
}

function readUnits(units: Uint8Array): string {
  const parts: string[] = []
  for (let index = 0; index < units.length; index += 2) {
    parts.push(String.fromCharCode((units[index] as number) | ((units[index + 1] as number) << 8)))
  }
  return parts.join('')
}

function readInteger(digits: string): bigint {
  if (!/^-?[0-9a-f]+$/.test(digits)) throw refusal('a malformed integer')
  return digits.startsWith('-') ? -BigInt(`0x${digits.slice(1)}`) : BigInt(`0x${digits}`)
}

/** The value for one reader: as it is when frozen through, else a copy that the reader may own. */
export function handOut(stored: StoredValue): unknown {
  return stored.mutable ? freezeValue(stored.value).value : stored.value
}

/** A frozen copy of what was made from stored values; it may be larger than one that is written. */
export function freezeValue(value: unknown): StoredValue {
  const decoder = new Decoder()
  const copy = new Encoder(Infinity, Infinity).encode(value, 0)
  // The nesting was bounded when the parts were written.
  return { value: decoder.decode(copy, 0), mutable: decoder.mutable }
}

/**
 * A text that is the same for equal values, whatever the order of their keys, members and map
 * entries; for comparing.
 *
 * @throws VALUE_INVALID for what cannot be stored
 */
export function canonicalText(value: unknown): string {
  return canonical(new Encoder().encode(value, 0))
}

function canonical(encoded: unknown): string {
  if (typeof encoded === 'string') return JSON.stringify(encoded)
  if (typeof encoded === 'bigint') return `${encoded}n`
  if (typeof encoded !== 'object' || encoded === null) {
    return Object.is(encoded, -0) ? '-0' : String(encoded)
  }
  if (encoded instanceof Uint8Array) return `bytes(${encoded.join()})`
  if (Array.isArray(encoded)) return `[${encoded.map(canonical).join()}]`
  const { [tagKey]: tag, of } = encoded as Record<string, unknown>
  if (typeof tag === 'string' && Array.isArray(of)) {
    return `${tag}(${of.map(canonical).sort().join()})`
  }
  const fields = Object.entries(encoded).map(
    ([key, value]) => `${JSON.stringify(key)}:${canonical(value)}`,
  )
  return `{${fields.sort().join()}}`
}

/** The length of a text in UTF-8, or -1 if it holds a lone surrogate, which UTF-8 cannot carry. */
export function utf8Length(text: string): number {
  let bytes = text.length
  for (let index = 0; index < text.length; index++) {
    const unit = text.charCodeAt(index)
    if (unit < 0x80) continue
    bytes += unit < 0x800 ? 1 : 2
    if (unit < 0xd800 || unit > 0xdfff) continue
    const next = text.charCodeAt(index + 1)
    if (unit > 0xdbff || !(next >= 0xdc00 && next <= 0xdfff)) return -1
    // A pair makes four bytes: three are counted, and its second unit is one in text.length.
    index += 1
  }
  return bytes
}

function refusal(why: string): StatemeshError {
  return new StatemeshError('VALUE_INVALID', why)
}
