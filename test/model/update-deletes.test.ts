import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import {
  type ClockRange,
  DeleteRangeSet,
  type DeleteRanges,
  normalRanges,
} from '../../src/model/delete-ranges.ts'

const range = fc.record({ clock: fc.nat(200), length: fc.integer({ min: 1, max: 12 }) })
const rangesOf = (maxLength: number): fc.Arbitrary<DeleteRanges> =>
  fc
    .array(fc.tuple(fc.nat(2), fc.array(range, { minLength: 1, maxLength })), { maxLength: 3 })
    .map(entries => new Map(entries.map(([client, list]) => [client, normalRanges([...list])])))

/** The model: every deleted clock by its name. */
function clocks(deletes: DeleteRanges): Set<string> {
  const all = new Set<string>()
  for (const [client, ranges] of deletes) {
    for (const { clock, length } of ranges) {
      for (let at = clock; at < clock + length; at++) all.add(`${client}:${at}`)
    }
  }
  return all
}

describe('a set of deletions', () => {
  it('holds exactly what was added, in ranges that neither touch nor overlap', () => {
    const steps = fc.array(fc.oneof(rangesOf(4), rangesOf(60)), { maxLength: 12 })
    fc.assert(
      fc.property(steps, rangesOf(3), (added, asked) => {
        const set = new DeleteRangeSet()
        const model = new Set<string>()
        for (const deletes of added) {
          set.add(deletes)
          for (const clock of clocks(deletes)) model.add(clock)
          expect(set.contains(deletes)).toBe(true)
        }
        expect(clocks(set.toRanges())).toEqual(model)
        for (const ranges of set.toRanges().values()) {
          expect(normalRanges([...ranges])).toEqual(ranges)
        }
        expect(set.contains(asked)).toBe([...clocks(asked)].every(clock => model.has(clock)))
      }),
      { numRuns: 500 },
    )
  })

  it('counts its ranges', () => {
    const set = new DeleteRangeSet()
    set.add(
      new Map([
        [
          1,
          [
            { clock: 0, length: 1 },
            { clock: 5, length: 1 },
          ],
        ],
      ]),
    )
    expect(set.rangeCount).toBe(2)
    set.add(new Map([[1, [{ clock: 1, length: 4 }]]]))
    expect(set.rangeCount).toBe(1)
  })

  it('stays fast when a large document deletes every other character', () => {
    const ranges: ClockRange[] = []
    for (let clock = 0; clock < 200_000; clock += 2) ranges.push({ clock, length: 1 })
    const set = new DeleteRangeSet()
    set.add(new Map([[1, ranges]]))
    for (let clock = 1; clock < 2000; clock += 2) set.add(new Map([[1, [{ clock, length: 1 }]]]))
    expect(set.rangeCount).toBe(100_000 - 1000)
  })
})

describe('normal ranges', () => {
  it('are the same clocks, sorted and joined', () => {
    fc.assert(
      fc.property(fc.array(range), list => {
        const before = clocks(new Map([[1, list]]))
        const normal = normalRanges([...list])
        expect(clocks(new Map([[1, normal]]))).toEqual(before)
        for (const [at, { clock }] of normal.entries()) {
          const previous = normal[at - 1]
          if (previous) expect(clock).toBeGreaterThan(previous.clock + previous.length)
        }
      }),
    )
  })
})
