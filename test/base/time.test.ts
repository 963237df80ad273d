import { describe, expect, it } from 'vitest'
import { atEndOfTurn, sleep, systemTime } from '../../src/base/time.ts'
import { manualTime } from '../support/manual-time.ts'

describe('the system time', () => {
  it('has a monotonic clock that never goes back', () => {
    const readings = Array.from({ length: 1000 }, () => systemTime.monotonic())
    expect(readings).toEqual(readings.toSorted((a, b) => a - b))
  })

  it('calls back once, and not at all after a cancel', async () => {
    const calls: string[] = []
    const cancel = systemTime.after(0, () => calls.push('cancelled'))
    cancel()
    cancel()
    await new Promise<void>(resolve => {
      const cancelLater = systemTime.after(1, () => {
        calls.push('fired')
        resolve()
      })
      expect(cancelLater).toBeTypeOf('function')
    })
    expect(calls).toEqual(['fired'])
  })

  it.each([2 ** 31, 2 ** 40, Number.POSITIVE_INFINITY])('waits for as long as %d ms', async ms => {
    let fired = false
    const cancel = systemTime.after(ms, () => {
      fired = true
    })
    await sleep(systemTime, 20) // what the platform cannot wait for is over after 1 ms
    cancel()
    expect(fired).toBe(false)
  })
})

describe('sleep', () => {
  it('lasts as long as the given source says', async () => {
    const time = manualTime()
    let awake = false
    const slept = sleep(time, 1000).then(() => {
      awake = true
    })
    await time.advanceAsync(999)
    expect(awake).toBe(false)
    time.advance(1)
    await slept
    expect(awake).toBe(true)
  })
})

describe('the end of a turn', () => {
  it('comes after all microtasks', async () => {
    const order: string[] = []
    await new Promise<void>(resolve => {
      atEndOfTurn(() => {
        order.push('end')
        resolve()
      })
      queueMicrotask(() => {
        order.push('microtask')
        queueMicrotask(() => order.push('microtask of a microtask'))
      })
    })
    expect(order).toEqual(['microtask', 'microtask of a microtask', 'end'])
  })
})
