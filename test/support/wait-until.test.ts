/** Polling helper: waits, and gives up with a reason. */
import { expect, test } from 'vitest'
import { waitUntil } from './wait-until.ts'

test('waits until the predicate holds', async () => {
  let looks = 0
  await waitUntil(async () => ++looks === 3, { interval: 1 })
  expect(looks).toBe(3)
})

test('gives up with the predicate in the message', async () => {
  const never = waitUntil(() => 1 > 2, { timeout: 5, interval: 1 })
  await expect(never).rejects.toThrow('not true after 5 ms: () => 1 > 2')
})
