import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { concatBytes, equalBytes } from '../../src/base/bytes.ts'

describe('equalBytes', () => {
  it('agrees with a comparison of the elements', () => {
    const few = fc.uint8Array({ maxLength: 4, max: 1 })
    fc.assert(
      fc.property(few, few, (a, b) => equalBytes(a, b) === ([...a].join() === [...b].join())),
    )
  })

  it('sees only what a view shows', () => {
    const bytes = Uint8Array.of(1, 2, 3, 2)
    expect(equalBytes(bytes.subarray(1, 2), bytes.subarray(3))).toBe(true)
    expect(equalBytes(bytes.subarray(0, 1), bytes.subarray(1, 2))).toBe(false)
  })
})

describe('concatBytes', () => {
  it('holds the bytes of all parts in their order', () => {
    fc.assert(
      fc.property(fc.array(fc.uint8Array()), parts => {
        expect([...concatBytes(parts)]).toEqual(parts.flatMap(part => [...part]))
      }),
    )
  })

  it('does not copy a single part', () => {
    const part = Uint8Array.of(1)
    expect(concatBytes([part])).toBe(part)
  })
})
