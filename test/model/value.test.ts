import { isDeepStrictEqual } from 'node:util'
import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import * as Y from 'yjs'
import { readUpdateStructure } from '../../src/model/update-structure.ts'
import {
  canonicalText,
  decodeValue,
  encodeValue,
  handOut,
  utf8Length,
  valueBytesMax,
  valueDepthMax,
} from '../../src/model/value.ts'

/** What another replica reads: through a Yjs update, which has to pass our own checks. */
function throughYjs(value: unknown): unknown {
  const [from, to] = [new Y.Doc(), new Y.Doc()]
  from.getMap('m').set('entry', { v: encodeValue(value) })
  const update = Y.encodeStateAsUpdate(from)
  readUpdateStructure(update)
  Y.applyUpdate(to, update)
  return decodeValue((to.getMap('m').get('entry') as { v: unknown }).v).value
}

function nested(levels: number): unknown {
  let value: unknown = 'leaf'
  for (let level = 0; level < levels; level++) value = [value]
  return value
}

const key = fc.oneof(
  fc.string({ unit: 'binary', maxLength: 4 }),
  fc.constantFrom('__proto__', 'constructor', '$', 'of', 'toString', '\ud800'),
)
const { value: anyValue } = fc.letrec<{ value: unknown }>(tie => ({
  value: fc.oneof(
    { maxDepth: 4, withCrossShrink: true },
    fc.oneof(
      fc.constantFrom(null, undefined, true, false, '', '$', '\udc00 alone', Number.NaN, -0),
      fc.double(),
      fc.integer(),
      fc.bigInt(),
      fc.string({ unit: 'binary' }),
      fc.date({ noInvalidDate: true }),
      fc.uint8Array({ maxLength: 8 }),
    ),
    fc.array(tie('value'), { maxLength: 4 }),
    fc.array(fc.tuple(key, tie('value')), { maxLength: 4 }).map(pairs => Object.fromEntries(pairs)),
    fc.array(fc.tuple(tie('value'), tie('value')), { maxLength: 3 }).map(pairs => new Map(pairs)),
    fc.array(tie('value'), { maxLength: 3 }).map(members => new Set(members)),
  ),
}))

describe('a stored value', () => {
  it('comes back exactly, through Yjs, whatever it holds', () => {
    fc.assert(
      fc.property(
        anyValue.filter(value => value !== undefined),
        value => {
          // Vitest takes an own key `constructor` for the type, and Node invalid dates for unequal.
          expect(isDeepStrictEqual(throughYjs(value), value)).toBe(true)
        },
      ),
      { numRuns: 2000 },
    )
  })

  it('keeps integers of any size', () => {
    for (const integer of [
      2n ** 63n - 1n,
      -(2n ** 63n),
      2n ** 63n,
      -(2n ** 63n) - 1n,
      10n ** 400n,
    ]) {
      expect(throughYjs([integer, -integer])).toStrictEqual([integer, -integer])
    }
  })

  it('keeps a date that is none', () => {
    expect((throughYjs(new Date(Number.NaN)) as Date).getTime()).toBeNaN()
  })

  it('takes __proto__, constructor and the tag of the codec for plain keys', () => {
    const value = JSON.parse('{"__proto__":{"admin":true},"constructor":1,"$":"date","of":5}')
    const back = throughYjs(value) as Record<string, unknown>
    expect(isDeepStrictEqual(back, value)).toBe(true)
    expect(Object.getPrototypeOf(back)).toBe(Object.prototype)
    expect(back.admin).toBeUndefined()
  })

  it('is independent of what was passed in', () => {
    const value = { list: [1], bytes: new Uint8Array([1]) }
    const encoded = encodeValue(value)
    value.list.push(2)
    value.bytes[0] = 9
    expect(decodeValue(encoded).value).toEqual({ list: [1], bytes: new Uint8Array([1]) })
  })

  it('is frozen to the bottom when plain, and then the same for every reader', () => {
    const stored = decodeValue(encodeValue({ a: [{ b: 1 }] }))
    const value = handOut(stored) as { a: { b: number }[] }
    expect(Object.isFrozen(value) && Object.isFrozen(value.a) && Object.isFrozen(value.a[0])).toBe(
      true,
    )
    expect(handOut(stored)).toBe(value)
  })

  it('is a copy for every reader when it holds what cannot be frozen', () => {
    const original = { at: new Date(5), tags: new Set(['x']), seen: new Map([['k', [1]]]) }
    const stored = decodeValue(encodeValue({ ...original, bytes: new Uint8Array([1]) }))
    const first = handOut(stored) as typeof original & { bytes: Uint8Array }
    first.at.setTime(0)
    first.tags.clear()
    first.seen.clear()
    first.bytes[0] = 0
    expect(handOut(stored)).toStrictEqual({ ...original, bytes: new Uint8Array([1]) })
  })
})

describe('encoding a value', () => {
  const cycle: unknown[] = []
  cycle.push({ cycle })
  const holes = [1]
  holes[2] = 3
  const bomb = Array.from({ length: 40 }).reduce<unknown>(inner => [inner, inner], 'x')
  const refused: [string, unknown][] = [
    ['undefined', undefined],
    ['a function', { f() {} }],
    ['a symbol', [Symbol('s')]],
    ['a symbol key', { [Symbol('s')]: 1 }],
    ['an instance of a class', new (class Point {})()],
    ['an error', new Error('e')],
    ['another typed array', new Float64Array(1)],
    ['an array with holes', holes],
    ['an array with a name', Object.assign([1], { name: 1 })],
    ['a match of a pattern', /a/.exec('a')],
    ['a cycle', cycle],
    ['too deep a value', nested(valueDepthMax + 1)],
    ['too long a text', 'x'.repeat(valueBytesMax)],
    ['too many bytes', new Uint8Array(valueBytesMax + 1)],
    ['too many elements', new Array(valueBytesMax).fill(null)],
    ['too much by sharing', bomb],
  ]
  it.each(refused)('refuses %s', (_, value) => {
    expect(() => encodeValue(value)).toThrow(expect.objectContaining({ code: 'VALUE_INVALID' }))
  })

  it('accepts the greatest depth', () => {
    expect(throughYjs(nested(valueDepthMax))).toStrictEqual(nested(valueDepthMax))
  })

  it('says where the trouble is', () => {
    expect(() => encodeValue({ list: [1, { f() {} }] })).toThrow('list.1.f: a function')
  })
})

describe('decoding what a stranger encoded', () => {
  const hostile: [string, unknown][] = [
    ['an unknown tag', { $: 'regexp', of: 'x' }],
    ['a tag that is no text', { $: 1 }],
    ['a map of no pairs', { $: 'map', of: [1] }],
    ['an object with a key that is no text', { $: 'object', of: [[1, 2]] }],
    ['an integer that is none', { $: 'integer', of: '0x1' }],
    ['half a unit', { $: 'utf16', of: new Uint8Array(3) }],
    ['a prototype', { a: Object.create({ inherited: 1 }) }],
    ['too deep a value', nested(1000)],
    ['undefined', undefined],
  ]
  it.each(hostile)('refuses %s', (_, encoded) => {
    expect(() => decodeValue(encoded)).toThrow(expect.objectContaining({ code: 'VALUE_INVALID' }))
  })
})

describe('the canonical text', () => {
  it('is the same for equal values in another order, and differs for others', () => {
    expect(canonicalText({ a: 1, b: new Set([1, 2]) })).toBe(
      canonicalText({ b: new Set([2, 1]), a: 1 }),
    )
    const texts = [1, 1n, '1', -0, 0, null, undefined, [1], { a: 1 }, new Set([1]), new Date(1)]
    expect(new Set(texts.map(canonicalText)).size).toBe(texts.length)
  })
})

describe('the UTF-8 length', () => {
  it('is what an encoder makes, or -1 where UTF-8 cannot carry the text', () => {
    fc.assert(
      fc.property(fc.array(fc.integer({ min: 0, max: 0xffff })), units => {
        const text = String.fromCharCode(...units)
        const lone = /\p{Cs}/u.test(text)
        expect(utf8Length(text)).toBe(lone ? -1 : new TextEncoder().encode(text).length)
      }),
    )
    expect(utf8Length('aé€😀')).toBe(10)
  })
})
