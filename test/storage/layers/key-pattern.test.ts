/** Patterns of keys, compared with regular expressions. */
import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { checkLayerKey, KeyPattern } from '../../../src/storage/layers/key-pattern.ts'

describe('a pattern', () => {
  it('matches as the regular expression does that says the same', () => {
    const unit = fc.constantFrom('a', 'b', '*', '?', '\\', '😀')
    const text = fc.string({ unit, maxLength: 8 })
    const patternText = fc.string({ unit, minLength: 1, maxLength: 8 })
    fc.assert(
      fc.property(patternText, text, (pattern, key) => {
        const source = pattern.replace(/\\.|\\$|[*?]|./gsu, part =>
          part === '*' ? '.*' : part === '?' ? '.' : `\\u{${codeOf(part)}}`,
        )
        const expected = new RegExp(`^${source}$`, 'su').test(key)
        expect(KeyPattern.parse(pattern).matches(key)).toBe(expected)
      }),
      { numRuns: 2000 },
    )
  })

  it('of a key matches that key alone', () => {
    fc.assert(
      fc.property(fc.string({ maxLength: 20 }), fc.string({ maxLength: 20 }), (key, other) => {
        expect(KeyPattern.of(key).matches(key)).toBe(true)
        expect(KeyPattern.of(key).matches(other)).toBe(key === other)
      }),
    )
  })

  it('takes no time that grows beyond its length and that of the key', () => {
    const hostile = KeyPattern.parse('*a'.repeat(500))
    const start = process.cpuUsage()
    expect(hostile.matches(`${'a'.repeat(400)}${'b'.repeat(600)}`)).toBe(false)
    expect(process.cpuUsage(start).user).toBeLessThan(1_000_000)
  })
})

describe('a key', () => {
  it.each(['', 'x'.repeat(1025), '\ud800'])('that cannot be stored is refused', key => {
    expect(() => checkLayerKey(key)).toThrow(expect.objectContaining({ code: 'KEY_INVALID' }))
  })
})

function codeOf(part: string): string {
  const character = part.length > 1 && part.startsWith('\\') ? part.slice(1) : part
  return (character.codePointAt(0) as number).toString(16)
}
