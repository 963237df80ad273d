import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { type Lag, LagTrail } from '../../../src/observe/health/lag-trail.ts'

describe('the lag of a document', () => {
  test('is that of the oldest update that is not known to be there', () => {
    const trail = new LagTrail()
    for (let version = 1; version <= 5; version++) trail.made(version, version * 10)
    expect(trail.behind(0)).toEqual({ since: 10, updates: 5 })
    expect(trail.behind(3)).toEqual({ since: 40, updates: 2 })
    expect(trail.behind(5)).toBeUndefined()
    trail.made(9, 90) // what lies between came from the relay
    expect(trail.behind(8)).toEqual({ since: 90, updates: 1 })
    expect(trail.behind(9)).toBeUndefined()
  })

  test('is never too small, and not much too large after a long backlog', () => {
    const acks = fc.array(fc.integer({ min: 0, max: 5000 }), { maxLength: 20 })
    fc.assert(
      fc.property(fc.integer({ min: 1, max: 5000 }), acks, (made, acked) => {
        const trail = new LagTrail()
        for (let version = 1; version <= made; version++) trail.made(version, version)
        for (const version of acked.filter(ack => ack < made).sort((a, b) => a - b)) {
          const { since, updates } = trail.behind(version) as Lag
          expect(since).toBeLessThanOrEqual(version + 1)
          expect(since).toBeGreaterThan(version + 1 - made / 16)
          expect(updates).toBe(made - since + 1)
        }
        expect(trail.behind(made)).toBeUndefined()
      }),
    )
  })
})
