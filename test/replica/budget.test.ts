/** Budgets on whole replicas: rights that travel through the relay, leases, and unclean stops. */
import { describe, expect, it } from 'vitest'
import { agent, createMemoryStorage, definePartition } from '../../src/index.ts'
import { type ManualTime, manualTime } from '../support/manual-time.ts'
import { unclosedStorage } from '../support/unclosed-storage.ts'
import { startFleet } from './fleet.ts'

const Spend = definePartition({ name: 'spend', policy: 'budget' })
const Leased = definePartition({
  name: 'leased',
  policy: 'budget',
  budget: { leaseMilliseconds: 60_000, skewMilliseconds: 100 },
})
const team = agent('team')
const seconds = { timeoutMilliseconds: 30_000 }

/** Lets a millisecond pass in each turn until a promise is settled, however slow the machine is. */
async function during<T>(time: ManualTime, promise: Promise<T>): Promise<T> {
  let isSettled = false
  const settled = () => {
    isSettled = true
  }
  promise.then(settled, settled)
  while (!isSettled) await time.advanceAsync(1)
  return promise
}

describe('a budget shared by replicas', () => {
  it('gets rights from another replica when a debit lacks them', async () => {
    const fleet = await startFleet()
    const [a, b] = [await fleet.open('a'), await fleet.open('b')]
    const [ofA, ofB] = [await a.open(team, Spend), await b.open(team, Spend)]
    await ofA.mint('tokens', 100)
    await a.flush(seconds)
    await b.synced(seconds)
    expect(ofB.available('tokens')).toBe(0)
    await ofB.debit('tokens', 40, seconds)
    await b.flush(seconds)
    await a.synced(seconds)
    expect(ofA.balance('tokens')).toBe(60)
    await expect(ofB.debit('tokens', 61, seconds)).rejects.toMatchObject({
      code: 'BUDGET_INSUFFICIENT',
    })
  })

  it('is not overspent by replicas that are cut off', async () => {
    const fleet = await startFleet()
    const time = manualTime()
    const pass = <T>(promise: Promise<T>) => during(time, promise)
    const [a, b] = [await fleet.open('a', { time }), await fleet.open('b', { time })]
    const [ofA, ofB] = [await a.open(team, Spend), await b.open(team, Spend)]
    await pass(ofA.mint('tokens', 10))
    await pass(a.flush(seconds))
    await pass(b.synced(seconds))
    await pass(ofA.grant('tokens', ofB.writer, 4))
    await pass(a.flush(seconds))
    await pass(b.synced(seconds))
    a.disconnect()
    b.disconnect()
    const spent = { a: 0, b: 0 }
    for (let round = 0; round < 10; round++) {
      for (const [name, budget] of [
        ['a', ofA],
        ['b', ofB],
      ] as const) {
        await pass(budget.debit('tokens', 1, { timeoutMilliseconds: 200 })).then(
          () => {
            spent[name] += 1
          },
          error => expect(error.code).toMatch(/^BUDGET_/),
        )
      }
    }
    expect(spent).toEqual({ a: 6, b: 4 })
  })

  it('gives rights for a time, and takes back what a lost replica did not spend', async () => {
    const fleet = await startFleet()
    const time = manualTime()
    const pass = <T>(promise: Promise<T>) => during(time, promise)
    const [a, b] = [await fleet.open('a', { time }), await fleet.open('b', { time })]
    const [ofA, ofB] = [await a.open(team, Leased), await b.open(team, Leased)]
    await pass(ofA.mint('tokens', 100))
    await pass(a.flush(seconds))
    await pass(b.synced(seconds))
    await pass(ofA.grant('tokens', ofB.writer, 50, { expiresInMilliseconds: 1_000 }))
    await pass(a.flush(seconds))
    await pass(b.synced(seconds))
    await pass(ofB.debit('tokens', 20, seconds))
    b.disconnect()
    expect(ofA.available('tokens')).toBe(50)
    const takenBack = new Promise<void>(resolve => {
      const stop = ofA.subscribe(() => {
        if (ofA.available('tokens') < 80) return
        stop()
        resolve()
      })
    })
    await pass(takenBack)
    await pass(ofA.debit('tokens', 80))
    const late = pass(ofB.debit('tokens', 1, { timeoutMilliseconds: 200 }))
    await expect(late).rejects.toMatchObject({
      code: expect.stringMatching(/^BUDGET_/),
    })
  })

  it('leaves the rights of a crashed process to the next one on its disk', async () => {
    const fleet = await startFleet()
    const disk = createMemoryStorage()
    const a = await fleet.open('a', { storage: unclosedStorage(disk) })
    const before = await a.open(team, Spend)
    await before.mint('tokens', 10)
    a.disconnect()
    // No close: the process is gone, and its disk is opened by the next.
    const again = await fleet.open('a', { storage: unclosedStorage(disk) })
    const after = await again.open(team, Spend)
    expect(after.writer).not.toBe(before.writer)
    await again.synced(seconds)
    await after.debit('tokens', 10, seconds)
    await expect(after.debit('tokens', 1, seconds)).rejects.toMatchObject({
      code: 'BUDGET_INSUFFICIENT',
    })
  })
})
