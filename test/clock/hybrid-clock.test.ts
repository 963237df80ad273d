import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import {
  HybridClock,
  type HybridTimestamp,
  parseTimestamp,
  timestampMilliseconds,
} from '../../src/clock/hybrid-clock.ts'
import { manualTime } from '../support/manual-time.ts'

const start = Date.UTC(2026, 0, 1)

function stampAt(milliseconds: number, counter = 0): HybridTimestamp {
  return (milliseconds * 1024 + counter) as HybridTimestamp
}

describe('a hybrid clock', () => {
  it('follows the wall clock', () => {
    const time = manualTime(start)
    const clock = new HybridClock({ time })
    expect(clock.next()).toBe(stampAt(start))
    time.advance(5)
    expect(clock.next()).toBe(stampAt(start + 5))
  })

  it('grows while the wall clock stands still or goes back', () => {
    const time = manualTime(start)
    const clock = new HybridClock({ time })
    const first = clock.next()
    time.setWallClock(start - 60_000)
    expect([clock.next(), clock.next()]).toEqual([first + 1, first + 2])
  })

  it('gives out integers also where the wall clock has fractions of a millisecond', () => {
    const clock = new HybridClock({ time: manualTime(start + 0.123456) })
    expect(Number.isSafeInteger(clock.next())).toBe(true)
  })

  it('is ahead of a stamp that it observed', () => {
    const clock = new HybridClock({ time: manualTime(start) })
    expect(clock.observe(stampAt(start + 59_999))).toBe(true)
    expect(clock.next()).toBe(stampAt(start + 59_999, 1))
  })

  it('follows a stamp up to the drift and not beyond', () => {
    const clock = new HybridClock({ time: manualTime(start), driftMillisecondsMax: 10 })
    expect(clock.observe(stampAt(start + 10, 1))).toBe(false)
    expect(clock.next()).toBe(stampAt(start))
    expect(clock.observe(stampAt(start + 10))).toBe(true)
    expect(clock.next()).toBe(stampAt(start + 10, 1))
  })
})

type Step = { do: 'next' } | { do: 'observe'; offset: number } | { do: 'wall'; offset: number }

describe('any run of a hybrid clock', () => {
  const drift = 1000
  const steps: fc.Arbitrary<Step[]> = fc.array(
    fc.oneof(
      fc.constant<Step>({ do: 'next' }),
      fc.record({
        do: fc.constant('observe' as const),
        offset: fc.integer({ min: -3000, max: 3000 }),
      }),
      fc.record({ do: fc.constant('wall' as const), offset: fc.integer({ min: -50, max: 50 }) }),
    ),
  )

  it('gives stamps that grow beyond all that were given or followed, and never run away', () => {
    fc.assert(
      fc.property(steps, run => {
        const time = manualTime(start)
        const clock = new HybridClock({ time, driftMillisecondsMax: drift })
        let highest = 0
        let wallMax = start
        let given = 0
        for (const step of run) {
          if (step.do === 'wall') {
            time.setWallClock(time.now() + step.offset)
            wallMax = Math.max(wallMax, time.now())
          } else if (step.do === 'observe') {
            const stamp = stampAt(time.now() + step.offset)
            const followed = clock.observe(stamp)
            // What is behind our own clock is no drift.
            expect(followed).toBe(step.offset <= drift || stamp <= highest)
            if (followed) highest = Math.max(highest, stamp)
          } else {
            const stamp = clock.next()
            given += 1
            expect(stamp).toBeGreaterThan(highest)
            expect(stamp).toBeGreaterThanOrEqual(stampAt(time.now()))
            expect(stamp).toBeLessThanOrEqual(stampAt(wallMax + drift, given))
            highest = stamp
          }
        }
      }),
    )
  })

  it('stamps an effect after its cause, however the two wall clocks differ', () => {
    const skew = fc.integer({ min: -400, max: 400 })
    fc.assert(
      fc.property(skew, skew, fc.nat(20), (skewA, skewB, hops) => {
        const a = new HybridClock({ time: manualTime(start + skewA), driftMillisecondsMax: drift })
        const b = new HybridClock({ time: manualTime(start + skewB), driftMillisecondsMax: drift })
        let last = a.next()
        for (let hop = 0; hop < hops; hop++) {
          const [from, to] = hop % 2 === 0 ? [a, b] : [b, a]
          const sent = from.next()
          expect(sent).toBeGreaterThan(last)
          expect(to.observe(sent)).toBe(true)
          last = to.next()
          expect(last).toBeGreaterThan(sent)
        }
      }),
    )
  })
})

describe('a stamp', () => {
  it('tells its milliseconds', () => {
    expect(timestampMilliseconds(stampAt(start, 1023))).toBe(start)
    expect(timestampMilliseconds(stampAt(start + 1))).toBe(start + 1)
  })

  it('is read from a safe integer that is not negative, and from nothing else', () => {
    expect([0, 1, Number.MAX_SAFE_INTEGER].map(parseTimestamp)).toEqual([
      0,
      1,
      Number.MAX_SAFE_INTEGER,
    ])
    const others = [-1, 0.5, Number.NaN, Number.POSITIVE_INFINITY, 2 ** 53, '1', 1n, null, {}, []]
    for (const value of [...others, undefined]) expect(parseTimestamp(value)).toBeUndefined()
  })
})
