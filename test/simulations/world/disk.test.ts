/** The simulated disk keeps the contract of every storage, and loses what it may when it crashes. */
import { describe, expect, it } from 'vitest'
import { Clock } from '../../../simulations/world/clock.ts'
import { Disk } from '../../../simulations/world/disk.ts'
import { SimulatedProcess } from '../../../simulations/world/process.ts'
import { World } from '../../../simulations/world/world.ts'
import { describeStorage } from '../../contracts/storage.ts'
import { testSeed } from '../../support/seed.ts'
import { runFreely } from './run-freely.ts'

describeStorage('the simulated disk', async () => {
  const world = new World({ seed: 1 })
  const disk = new Disk(world, 'disk', { fsync: [1, 2] })
  const stop = runFreely(world)
  return {
    open: async () => disk.storage(new SimulatedProcess(world, 'owner', new Clock(world))),
    dispose: async () => stop(),
  }
})

function start(seed: number) {
  const world = new World({ seed })
  const disk = new Disk(world, 'disk', { fsync: [1, 2] })
  const process = new SimulatedProcess(world, 'owner', new Clock(world))
  return { world, disk, process, storage: disk.storage(process) }
}

describe('a simulated disk', () => {
  it('keeps after a crash what was acknowledged, and of the rest a prefix', async () => {
    const { world, disk, process, storage } = start(testSeed())
    let acked = 0
    for (let n = 0; n < 50; n++) {
      world.after(n / 3, 'append', () => {
        if (process.alive) void storage.append('doc', Uint8Array.of(n)).then(() => (acked += 1))
      })
    }
    world.after(world.dice.between(0, 20), 'crash', () => process.kill())
    await world.run(() => false)
    const kept = disk.log('doc').map(({ update }) => update[0])
    expect(kept).toEqual(Array.from({ length: kept.length }, (_, n) => n))
    expect(kept.length).toBeGreaterThanOrEqual(acked)
  })

  it('fails every write while it is full, and none afterwards', async () => {
    const { world, disk, storage } = start(1)
    disk.setFull(true)
    const refused = storage.append('doc', Uint8Array.of(1))
    await expect(world.settle(refused)).rejects.toMatchObject({ code: 'STORAGE_UNAVAILABLE' })
    disk.setFull(false)
    await world.settle(storage.append('doc', Uint8Array.of(2)))
    expect(disk.log('doc')).toHaveLength(1)
  })

  it('reports a flipped bit once', async () => {
    const { world, disk, storage } = start(1)
    await world.settle(storage.append('doc', Uint8Array.of(1)))
    expect(disk.flipBit()).toBe(true)
    expect((await storage.load('doc')).damaged).toHaveLength(1)
    expect(await storage.load('doc')).toEqual({ updates: [], damaged: [] })
  })

  it('goes back to its backup', async () => {
    const { world, disk, storage } = start(1)
    expect(disk.restore()).toBe(false)
    await world.settle(storage.append('doc', Uint8Array.of(1)))
    disk.backUp()
    await world.settle(storage.append('doc', Uint8Array.of(2)))
    expect(disk.restore()).toBe(true)
    expect(disk.log('doc')).toHaveLength(1)
  })
})
