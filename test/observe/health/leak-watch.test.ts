import { describe, expect, test } from 'vitest'
import { systemMemory } from '../../../src/base/memory.ts'
import { seededRandom } from '../../../src/index.ts'
import { LeakWatch } from '../../../src/observe/health/leak-watch.ts'
import { trendOf } from '../../../src/observe/health/trend.ts'

const megabyte = 2 ** 20
const minute = 60_000

interface Course {
  readonly minutes: number
  /** What stays, at a minute. */
  floor(minute: number): number
  state?(minute: number): number
  seed?: number
}

/** Twelve readings a minute of a heap that is collected now and then. */
function watch({ minutes, floor, state = () => 0, seed = 1 }: Course): LeakWatch {
  const random = seededRandom(seed)
  const leak = new LeakWatch()
  for (let reading = 0; reading < minutes * 12; reading++) {
    const at = reading / 12
    const garbage = (random.uint32() / 2 ** 32) * 40 * megabyte
    leak.add(at * minute, floor(at) + garbage, state(at))
  }
  return leak
}

describe('a leak', () => {
  test('is seen in a saw of garbage that is larger than the leak of many minutes', () => {
    const grown = watch({ minutes: 31, floor: at => (100 + 2 * at) * megabyte }).bytesPerMinute
    expect((grown as number) / megabyte).toBeGreaterThan(1.5)
    expect((grown as number) / megabyte).toBeLessThan(2.5)
  })

  test('is not claimed early, nor of memory that stays, falls, or has grown once', () => {
    expect(watch({ minutes: 9, floor: at => at * 50 * megabyte }).bytesPerMinute).toBeUndefined()
    expect(watch({ minutes: 40, floor: () => 100 * megabyte }).bytesPerMinute).toBe(0)
    expect(watch({ minutes: 40, floor: at => (300 - at) * megabyte }).bytesPerMinute).toBe(0)
    const once = (at: number) => (at < 2 ? 50 : 400) * megabyte
    expect(watch({ minutes: 40, floor: once }).bytesPerMinute).toBe(0)
  })

  test('is not what the loaded state explains', () => {
    const state = (at: number) => at * megabyte
    const floor = (at: number) => 100 * megabyte + 12 * state(at)
    expect(watch({ minutes: 40, floor, state }).bytesPerMinute).toBe(0)
  })

  test('is hardly ever claimed of noise', () => {
    const seeds = Array.from({ length: 200 }, (_, index) => index + 1)
    const alarms = seeds.filter(seed => {
      const steady = { minutes: 31, floor: () => 100 * megabyte, seed }
      return watch(steady).bytesPerMinute !== 0
    })
    expect(alarms.length).toBeLessThanOrEqual(2)
  })

  test('is seen in the memory of this very process', () => {
    const kept: Uint8Array[] = []
    const leak = new LeakWatch()
    for (let at = 0; at <= 20; at++) {
      kept.push(new Uint8Array(8 * megabyte).fill(at))
      const { usedBytes } = systemMemory() as { usedBytes: number }
      leak.add(at * minute, usedBytes, 0)
    }
    expect((leak.bytesPerMinute as number) / megabyte).toBeGreaterThan(4)
    expect(kept).toHaveLength(21)
  })
})

describe('a trend', () => {
  test('is the median slope, which single readings do not sway', () => {
    const line = Array.from({ length: 20 }, (_, at) => ({ at, value: 3 * at }))
    const struck = line.map(({ at, value }) => ({ at, value: at === 7 ? 1e9 : value }))
    expect(trendOf(line)).toMatchObject({ slope: 3 })
    expect(trendOf(struck).slope).toBeCloseTo(3)
    expect(trendOf(struck).score).toBeGreaterThan(3)
  })

  test('is none of one reading, or of equal ones', () => {
    expect(trendOf([{ at: 1, value: 1 }])).toEqual({ slope: 0, score: 0 })
    expect(trendOf([1, 2, 3].map(at => ({ at, value: 5 })))).toEqual({ slope: 0, score: 0 })
  })
})
