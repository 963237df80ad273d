import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { Alarm } from '../../../src/observe/health/alarm.ts'
import { checkThresholds } from '../../../src/observe/health/thresholds.ts'

/** Reads one value a second. */
function changes(alarm: Alarm, values: readonly number[]): (string | undefined)[] {
  return values.map((value, second) => alarm.read(value, second * 1000, second * 1000))
}

describe('an alarm', () => {
  test('is raised at its level, escalates, eases, and ends well below it', () => {
    const alarm = new Alarm({ warning: 100, critical: 200 })
    expect(changes(alarm, [99, 100, 99, 80, 250, 190, 159, 79, 79])).toEqual([
      undefined,
      'raised',
      undefined,
      undefined,
      'escalated',
      undefined,
      'eased',
      'cleared',
      undefined,
    ])
  })

  test('waits until the figure has stayed beyond its level', () => {
    const alarm = new Alarm({ warning: 10, forMilliseconds: 3000 })
    expect(changes(alarm, [10, 10, 9, 10, 10, 10, 10]).indexOf('raised')).toBe(6)
  })

  test('has only the levels that it was given', () => {
    const alarm = new Alarm({ critical: 1 })
    expect(changes(alarm, [0, 1, 0])).toEqual([undefined, 'raised', 'cleared'])
  })

  test('tells once of a figure that swings about its level', () => {
    fc.assert(
      fc.property(fc.array(fc.integer({ min: 81, max: 130 }), { minLength: 2 }), values => {
        const alarm = new Alarm({ warning: 100 })
        const told = changes(alarm, values).filter(change => change !== undefined)
        expect(told).toEqual(values.some(value => value >= 100) ? ['raised'] : [])
      }),
    )
  })

  test('says raised and cleared in turn, whatever comes', () => {
    fc.assert(
      fc.property(fc.array(fc.integer({ min: 0, max: 300 })), values => {
        const alarm = new Alarm({ warning: 100, critical: 200, forMilliseconds: 2000 })
        let isRaised = false
        for (const change of changes(alarm, values)) {
          if (change === 'raised') expect(isRaised).toBe(false)
          else if (change !== undefined) expect(isRaised).toBe(true)
          if (change !== undefined) isRaised = change !== 'cleared'
        }
        expect(alarm.state.kind === 'raised').toBe(isRaised)
      }),
    )
  })
})

test.each([
  [{ conflicts: { warning: 0 } }],
  [{ conflicts: { warning: 5, critical: 4 } }],
  [{ conflicts: { warning: Number.NaN } }],
  [{ usedBytes: { warning: 5, clearRatio: 0 } }],
])('thresholds that make no sense are refused: %j', thresholds => {
  expect(() => checkThresholds(thresholds)).toThrow(
    expect.objectContaining({ code: 'OPTION_INVALID' }),
  )
})
