/** A world repeats itself from its seed, and lets promises settle between events. */
import { describe, expect, it } from 'vitest'
import { Clock, worldEpoch } from '../../../simulations/world/clock.ts'
import { SimulatedProcess } from '../../../simulations/world/process.ts'
import { World } from '../../../simulations/world/world.ts'

describe('a world', () => {
  it('lets events happen by their time, and at one time in the order they were asked for', async () => {
    const world = new World({ seed: 1 })
    const seen: string[] = []
    for (const [at, name] of [
      [5, 'd'],
      [1, 'a'],
      [3, 'b'],
      [3, 'c'],
    ] as const) {
      world.after(at, name, () => seen.push(`${name}@${world.now}`))
    }
    world.after(2, 'cancelled', () => seen.push('never'))()
    await world.run(() => false)
    expect(seen).toEqual(['a@1', 'b@3', 'c@3', 'd@5'])
    expect(world.pending).toBe(0)
  })

  it('lets every promise reaction run before the next event, however long the chain', async () => {
    const world = new World({ seed: 1 })
    let done = 0
    world.after(1, 'chain', () => {
      void (async () => {
        for (let n = 0; n < 500; n++) await undefined
        done += 1
      })()
    })
    let doneBefore = 0
    world.after(1, 'next', () => {
      doneBefore = done
    })
    await world.run(() => false)
    expect(doneBefore).toBe(1)
  })

  it('says when a promise can never settle', async () => {
    const world = new World({ seed: 1 })
    await expect(world.settle(new Promise(() => {}))).rejects.toThrow('nothing more happens')
  })

  it('ends with what it was told has failed', async () => {
    const world = new World({ seed: 1 })
    world.after(1, 'wrong', () => world.fail(new Error('found')))
    world.after(2, 'later', () => {})
    await expect(world.run(() => false)).rejects.toThrow('found')
  })
})

describe('a process in a world', () => {
  it('has timers by its own clock, and none once it is dead', async () => {
    const world = new World({ seed: 1 })
    const clock = new Clock(world, { skew: 1000, rate: 2 })
    const process = new SimulatedProcess(world, 'fast', clock)
    let firedAt = 0
    process.time.after(100, () => {
      firedAt = world.now
    })
    process.time.after(300, () => {
      firedAt = -1
    })
    world.after(120, 'death', () => process.kill())
    await world.run(() => false)
    expect(firedAt).toBe(50)
    expect(process.timers).toBe(0)
    expect(process.time.now()).toBe(worldEpoch + 1000 + 240)
    clock.jump(-500)
    expect(process.time.now()).toBe(worldEpoch + 500 + 240)
    expect(process.time.monotonic()).toBe(240)
  })
})
