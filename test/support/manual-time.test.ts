/** The time source that unit tests trust. */
import { expect, test } from 'vitest'
import { sleep } from '../../src/base/time.ts'
import { manualTime } from './manual-time.ts'

test('timers fire in the order in which they are due, each at its time', () => {
  const time = manualTime(1_000)
  const fired: [string, number][] = []
  time.after(20, () => fired.push(['late', time.now()]))
  time.after(10, () => {
    fired.push(['early', time.now()])
    time.after(5, () => fired.push(['set by early', time.now()]))
  })
  time.after(20, () => fired.push(['late, set second', time.now()]))
  time.after(31, () => fired.push(['too late', time.now()]))
  time.advance(30)
  expect(fired).toEqual([
    ['early', 1_010],
    ['set by early', 1_015],
    ['late', 1_020],
    ['late, set second', 1_020],
  ])
  expect([time.now(), time.monotonic(), time.pending]).toEqual([1_030, 30, 1])
})

test('a cancelled timer does not fire', () => {
  const time = manualTime()
  const cancel = time.after(10, () => expect.unreachable())
  cancel()
  cancel()
  time.advance(10)
  expect(time.pending).toBe(0)
})

test('asynchronous work between timers is done in its own time', async () => {
  const time = manualTime(0)
  const woken: number[] = []
  const nap = async () => {
    for (let round = 0; round < 3; round++) {
      await sleep(time, 10)
      woken.push(time.now())
    }
  }
  const done = nap()
  await time.advanceAsync(30)
  await done
  expect(woken).toEqual([10, 20, 30])
})

test('the wall clock jumps without moving timers or the monotonic clock', () => {
  const time = manualTime(5_000)
  let fired = false
  time.after(10, () => {
    fired = true
  })
  time.advance(5)
  time.setWallClock(0)
  expect([time.now(), time.monotonic(), fired]).toEqual([0, 5, false])
  time.advance(5)
  expect([time.now(), fired]).toEqual([5, true])
})
