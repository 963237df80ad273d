import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { LagTrail } from '../../../src/observe/health/lag-trail.ts'

describe('the lag of a document', () => {
  test('is that of the oldest update that is not known to be there', () => {
    const trail = new LagTrail()
    for (let version = 1; version <= 5; version++) trail.made(version, version * 10)
    expect(trail.oldestBehind(0, 5)).toBe(10)
    expect(trail.oldestBehind(3, 5)).toBe(40)
    expect(trail.oldestBehind(5, 5)).toBeUndefined()
    trail.made(6, 60)
    expect(trail.oldestBehind(5, 6)).toBe(60)
  })

  test('is never too small, and not much too large after a long backlog', () => {
    const acks = fc.array(fc.integer({ min: 0, max: 5000 }), { maxLength: 20 })
    fc.assert(
      fc.property(fc.integer({ min: 1, max: 5000 }), acks, (made, acked) => {
        const trail = new LagTrail()
        for (let version = 1; version <= made; version++) trail.made(version, version)
        for (const version of acked.filter(ack => ack < made).sort((a, b) => a - b)) {
          const oldest = trail.oldestBehind(version, made) as number
          expect(oldest).toBeLessThanOrEqual(version + 1)
          expect(oldest).toBeGreaterThan(version + 1 - made / 16)
        }
      }),
    )
  })
})
