import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { UpdateCursor } from '../../src/model/update-cursor.ts'
import { skipJson } from '../../src/model/update-json.ts'

const encoder = new TextEncoder()

function isJson(text: string): boolean {
  const bytes = encoder.encode(text)
  const cursor = new UpdateCursor(
    new Uint8Array([bytes.length | 0x80, bytes.length >> 7, ...bytes]),
  )
  try {
    skipJson(cursor, 64)
    return true
  } catch {
    return false
  }
}

function parses(text: string): boolean {
  try {
    JSON.parse(text)
    return true
  } catch {
    return false
  }
}

describe('the JSON check', () => {
  it('passes every text that JSON.stringify writes', () => {
    fc.assert(
      fc.property(fc.json({ maxDepth: 8 }), text => {
        expect(isJson(text)).toBe(true)
      }),
    )
  })

  it('agrees with JSON.parse on damaged texts', () => {
    const damage = fc.constantFrom(
      ...'{}[]",:\\ \t\n0123456789.eE+-truefalsn/bu',
      '\0',
      'é',
      '\u2028',
      '',
    )
    fc.assert(
      fc.property(
        fc.json({ maxDepth: 3 }),
        fc.array(fc.tuple(fc.nat(), damage)),
        (text, damages) => {
          let damaged = text
          for (const [at, by] of damages) {
            const cut = at % (damaged.length + 1)
            damaged = damaged.slice(0, cut) + by + damaged.slice(cut + (at % 2))
          }
          expect(isJson(damaged)).toBe(parses(damaged))
        },
      ),
      { numRuns: 2000 },
    )
  })

  it.each([
    ...['0', '-0', '01', '-', '1.', '.5', '1e', '1e+', '1E-5', '+1', 'NaN', 'Infinity', '1e999'],
    ...['"', '"\\', '"\\u12"', '"\\u12G4"', '"\\ud800"', '"\\x"', '"\u007f"', '"\n"', "'a'"],
    ...['', ' ', '[', '[,]', '[1,]', '{', '{"a"}', '{"a":}', '{"a":1,}', '{a:1}', ' [ 1 , { } ] '],
    ...['nul', 'nulll', 'true ', 'tru', 'falsE', '\ufeff1', '\u00a01', '[]]', '{}{}', '1 2'],
  ])('agrees with JSON.parse on %j', text => {
    expect(isJson(text)).toBe(parses(text))
  })
})
