import { expect, test } from 'vitest'
import type { Frame } from '../../src/protocol/frame.ts'
import { Conduct, type ConductSizes } from '../../src/sync/conduct.ts'

const ample = { perSecond: 1e9, burst: 1e9 }
const sizes: ConductSizes = {
  offencesMax: 1,
  updates: ample,
  bytes: ample,
  joins: ample,
  writers: ample,
}

const update: Frame = { type: 'update', channel: 1, seq: 1, update: new Uint8Array(100) }

test('an update that waits for its bytes counts once, however often it is tried', () => {
  const updates = { perSecond: 0.001, burst: 2 }
  const bytes = { perSecond: 1_000, burst: 100 }
  const conduct = new Conduct({ ...sizes, updates, bytes }, 0)
  expect(conduct.admits(update, 0)).toBe(true)
  for (let now = 1; now < 100; now++) expect(conduct.admits(update, now)).toBe(false)
  expect(conduct.admits(update, 100)).toBe(true)
})

test('an update that waits for its turn takes no bytes meanwhile', () => {
  const updates = { perSecond: 1, burst: 1 }
  const bytes = { perSecond: 0.001, burst: 200 }
  const conduct = new Conduct({ ...sizes, updates, bytes }, 0)
  expect(conduct.admits(update, 0)).toBe(true)
  for (let now = 1; now < 1_000; now++) expect(conduct.admits(update, now)).toBe(false)
  expect(conduct.admits(update, 1_000)).toBe(true)
})
