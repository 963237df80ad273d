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

/** Whether a frame is admitted for the first time at a moment, tried at each before. */
function admittedAt(conduct: Conduct, frame: Frame, at: number): boolean {
  for (let now = 0; now < at; now++) if (conduct.admits(frame, now)) return false
  return conduct.admits(frame, at)
}

test('an update is admitted when the bytes of the one before are paid, and counts once', () => {
  const updates = { perSecond: 0.001, burst: 2 }
  const bytes = { perSecond: 1_000, burst: 1 }
  const conduct = new Conduct({ ...sizes, updates, bytes }, 0)
  expect(conduct.admits(update, 0)).toBe(true)
  expect(admittedAt(conduct, update, 100)).toBe(true)
})

test('an update that waits for its turn takes no bytes meanwhile', () => {
  const updates = { perSecond: 1, burst: 1 }
  const bytes = { perSecond: 0.001, burst: 200 }
  const conduct = new Conduct({ ...sizes, updates, bytes }, 0)
  expect(conduct.admits(update, 0)).toBe(true)
  expect(admittedAt(conduct, update, 1)).toBe(true)
})

test('to ask who is here counts as a join, to say so does not', () => {
  const joins = { perSecond: 0.001, burst: 1 }
  const conduct = new Conduct({ ...sizes, joins }, 0)
  const asks: Frame = { type: 'awareness', channel: 1, update: Uint8Array.of(0) }
  const says: Frame = { type: 'awareness', channel: 1, update: Uint8Array.of(1, 7, 1, 2, 123, 125) }
  expect(conduct.admits(asks, 0)).toBe(true)
  expect(conduct.admits(asks, 0)).toBe(false)
  expect(conduct.admits(says, 0)).toBe(true)
})

test('the bytes of blobs count, whichever way they go', () => {
  const bytes = { perSecond: 1_000, burst: 1 }
  const blob = { request: 1, document: 'doc', hash: new Uint8Array(32), bytes: 500, index: 0 }
  const put: Frame = { type: 'blobPut', ...blob, piece: new Uint8Array(500) }
  const conduct = new Conduct({ ...sizes, bytes }, 0)
  expect(conduct.admits({ type: 'blobWant', ...blob }, 0)).toBe(true)
  expect(conduct.admits(put, 499)).toBe(false)
  expect(conduct.admits(put, 500)).toBe(true)
  expect(conduct.admits(update, 999)).toBe(false)
})
