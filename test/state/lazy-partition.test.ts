/** Partitions that are in memory only while they are used, and loaders that fill them. */
import { describe, expect, it, onTestFinished } from 'vitest'
import {
  definePartition,
  lazyPartition,
  openLevelStorage,
  openReplica,
  type Replica,
  room,
} from '../../src/index.ts'
import { manualTime } from '../support/manual-time.ts'
import { temporaryDirectory } from '../support/temporary-directory.ts'

const Transactions = definePartition<{ amount: number }>({
  name: 'transactions',
  policy: 'last-write-wins',
})

async function open(time = manualTime()): Promise<Replica> {
  const storage = await openLevelStorage({ location: await temporaryDirectory() })
  const replica = await openReplica({ actor: 'ann', storage, time, idleMilliseconds: 100 })
  onTestFinished(() => replica.close())
  return replica
}

describe('a lazy partition', () => {
  it('is opened at its first use, and leaves memory when it has rested', async () => {
    const time = manualTime()
    const replica = await open(time)
    const lazy = lazyPartition(replica, room('r1'), Transactions, { time, idleMilliseconds: 1000 })
    expect([lazy.isOpen, replica.status.loaded]).toEqual([false, 0])
    await lazy.use(transactions => transactions.set('t1', { amount: 5 }))
    await replica.flush({ level: 'local' })
    expect([lazy.isOpen, replica.status.loaded]).toEqual([true, 1])
    await time.advanceAsync(999)
    expect(await lazy.use(transactions => transactions.get('t1'))).toEqual({ amount: 5 })
    await time.advanceAsync(1000)
    expect(lazy.isOpen).toBe(false)
    await time.advanceAsync(1000)
    expect(replica.status.loaded).toBe(0)
    expect(await lazy.use(transactions => transactions.get('t1'))).toEqual({ amount: 5 })
  })

  it('is filled once by its loader, however many use it at first', async () => {
    const replica = await open()
    let loads = 0
    const lazy = lazyPartition(replica, room('r1'), Transactions, {
      async load(transactions) {
        loads += 1
        await Promise.resolve()
        transactions.transact(() => {
          for (let index = 0; index < 3; index++) transactions.set(`t${index}`, { amount: index })
        })
      },
    })
    const sizes = Array.from({ length: 20 }, () => lazy.use(({ size }) => size))
    expect(new Set(await Promise.all(sizes))).toEqual(new Set([3]))
    await lazy.close()
    expect(loads).toBe(1)
    const again = lazyPartition(replica, room('r1'), Transactions, {
      load: () => {
        throw new Error('it is filled already')
      },
    })
    expect(await again.use(({ size }) => size)).toBe(3)
    await again.close()
  })

  it('asks a loader that failed again, and tells who waited', async () => {
    const replica = await open()
    let attempts = 0
    const lazy = lazyPartition(replica, room('r1'), Transactions, {
      load(transactions) {
        attempts += 1
        if (attempts === 1) throw new Error('the source is away')
        transactions.set('t1', { amount: 1 })
      },
    })
    await expect(lazy.use(({ size }) => size)).rejects.toThrow('the source is away')
    expect(await lazy.use(({ size }) => size)).toBe(1)
    await lazy.close()
    await expect(lazy.use(({ size }) => size)).rejects.toMatchObject({ code: 'CLOSED' })
  })

  it('stays open while somebody uses it', async () => {
    const time = manualTime()
    const replica = await open(time)
    const lazy = lazyPartition(replica, room('r1'), Transactions, { time, idleMilliseconds: 10 })
    let finish: () => void = () => undefined
    const using = lazy.use(async transactions => {
      await new Promise<void>(resolve => (finish = resolve))
      transactions.set('late', { amount: 1 })
      return transactions.size
    })
    await lazy.use(() => undefined)
    await time.advanceAsync(1000)
    expect(lazy.isOpen).toBe(true)
    finish()
    expect(await using).toBe(1)
  })
})

describe('a replica with many documents on disk', () => {
  it('opens with none of them in memory, and holds only what is used', async () => {
    const location = await temporaryDirectory()
    const time = manualTime()
    const options = { actor: 'ann', storage: location, time, idleMilliseconds: 100 }
    const before = await openReplica(options)
    for (let index = 0; index < 200; index++) {
      const handle = await before.open(room(`r${index}`), Transactions)
      handle.set('t', { amount: index })
      handle.close()
    }
    await before.close()
    const replica = await openReplica(options)
    onTestFinished(() => replica.close())
    expect(replica.status.loaded).toBe(0)
    const lazies = Array.from({ length: 200 }, (_, index) =>
      lazyPartition(replica, room(`r${index}`), Transactions, { time, idleMilliseconds: 100 }),
    )
    for (const [index, lazy] of lazies.entries()) {
      expect(await lazy.use(handle => handle.get('t'))).toEqual({ amount: index })
      await time.advanceAsync(10)
      expect(replica.status.loaded).toBeLessThan(30)
    }
  })
})
