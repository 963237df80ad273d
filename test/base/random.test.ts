import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import {
  type RandomSource,
  randomFraction,
  randomId,
  seededRandom,
  systemRandom,
} from '../../src/base/random.ts'

const draw = (random: RandomSource, count: number) =>
  Array.from({ length: count }, () => random.uint32())

describe('a seeded source', () => {
  it('repeats itself from its seed, on every machine and in every version', () => {
    expect(draw(seededRandom(1), 3)).toEqual(draw(seededRandom(1), 3))
    expect(draw(seededRandom(1), 4)).toEqual(goldenFromSeed1)
  })

  it('goes its own way for every seed', () => {
    const firsts = new Set(Array.from({ length: 1000 }, (_, seed) => seededRandom(seed).uint32()))
    expect(firsts.size).toBe(1000)
  })

  it('fills its range evenly', () => {
    const buckets = new Array<number>(16).fill(0)
    for (const value of draw(seededRandom(42), 16_000)) {
      const bucket = value >>> 28
      buckets[bucket] = (buckets[bucket] as number) + 1
    }
    // A fair bucket stays within six standard deviations (30.6) of 1000.
    for (const count of buckets) expect(Math.abs(count - 1000)).toBeLessThan(184)
  })
})

const goldenFromSeed1 = [1580013426, 350525680, 3524174333, 3011703609]

describe('the system source', () => {
  it('gives unsigned 32-bit integers that do not repeat from block to block', () => {
    const values = draw(systemRandom, 1024)
    expect(values.every(value => Number.isInteger(value) && value >= 0 && value < 2 ** 32)).toBe(
      true,
    )
    expect(values.slice(0, 256)).not.toEqual(values.slice(256, 512))
  })
})

describe('what is made of a source', () => {
  const constant = (value: number): RandomSource => ({ uint32: () => value })

  it('is a fraction below 1', () => {
    expect(randomFraction(constant(0))).toBe(0)
    expect(randomFraction(constant(2 ** 31))).toBe(0.5)
    expect(randomFraction(constant(2 ** 32 - 1))).toBeLessThan(1)
  })

  it('is an id of 32 hexadecimal digits', () => {
    expect(randomId(constant(0))).toBe('0'.repeat(32))
    expect(randomId(constant(2 ** 32 - 1))).toBe('f'.repeat(32))
    fc.assert(
      fc.property(fc.nat(), seed => {
        expect(randomId(seededRandom(seed))).toMatch(/^[0-9a-f]{32}$/)
      }),
    )
  })
})
