/** Ranges of seeds add up and leave out as sets do. */
import * as fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { addRange, type SeedRange, withoutRanges } from '../../../simulations/driver/seed-ranges.ts'

const range = fc
  .tuple(fc.nat(60), fc.nat(20))
  .map(([from, length]): SeedRange => [from, from + length])

function seedsOf(ranges: readonly SeedRange[]): Set<number> {
  return new Set(
    ranges.flatMap(([from, end]) => Array.from({ length: end - from }, (_, at) => from + at)),
  )
}

const sorted = (seeds: Iterable<number>) => [...seeds].sort((a, b) => a - b)

describe('ranges of seeds', () => {
  it('hold what was added', () => {
    fc.assert(
      fc.property(fc.array(range, { maxLength: 12 }), ranges => {
        const joined = ranges.reduce<SeedRange[]>(addRange, [])
        expect(sorted(seedsOf(joined))).toEqual(sorted(seedsOf(ranges)))
      }),
    )
  })

  it('leave out what others hold, and nothing else', () => {
    fc.assert(
      fc.property(range, fc.array(range, { maxLength: 12 }), (wanted, done) => {
        const doneSeeds = seedsOf(done)
        const left = [...seedsOf([wanted])].filter(seed => !doneSeeds.has(seed))
        const found = withoutRanges(wanted, done).flatMap(part => sorted(seedsOf([part])))
        expect(found).toEqual(left)
      }),
    )
  })
})
