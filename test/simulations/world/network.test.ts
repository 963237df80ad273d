/** The simulated network keeps the contract of every transport, and fails as networks do. */
import { describe, expect, it } from 'vitest'
import { Clock } from '../../../simulations/world/clock.ts'
import { Network } from '../../../simulations/world/network.ts'
import { SimulatedProcess } from '../../../simulations/world/process.ts'
import { World } from '../../../simulations/world/world.ts'
import type { Link } from '../../../src/transport/transport.ts'
import { describeTransport, dialOptions, Recorder } from '../../contracts/transport.ts'
import { runFreely } from './run-freely.ts'

const conditions = { latency: [1, 2], jitter: 1, bytesPerMillisecond: 10_000 } as const

function start() {
  const world = new World({ seed: 7 })
  const network = new Network(world, conditions)
  const process = (name: string) => new SimulatedProcess(world, name, new Clock(world))
  return { world, network, process }
}

describeTransport('the simulated network', async () => {
  const { world, network, process } = start()
  const stop = runFreely(world)
  let listeners = 0
  return {
    transport: network.transport(process('dialler')),
    async listen(onLink, options) {
      listeners += 1
      const address = `sim:relay-${listeners}`
      network.listen(address, { process: process(`relay-${listeners}`), onLink, ...options })
      return { address }
    },
    deadAddress: 'sim:nobody',
    close: async () => stop(),
  }
})

async function connected() {
  const { world, network, process } = start()
  const [a, b] = [process('a'), process('b')]
  let accepted: Link | undefined
  network.listen('sim:b', {
    process: b,
    messageBytesMax: 1000,
    onLink: link => {
      accepted = link
    },
  })
  const dialled = await world.settle(network.transport(a).dial('sim:b', dialOptions))
  const ends = { a: new Recorder(dialled), b: new Recorder(accepted) }
  return { world, network, a, b, dialled, accepted: accepted as unknown as Link, ends }
}

describe('a simulated network', () => {
  it('holds back what is sent where it is cut, and delivers it when it is mended', async () => {
    const { world, network, dialled, accepted, ends } = await connected()
    network.cut('a', 'b')
    dialled.send(Uint8Array.of(1))
    accepted.send(Uint8Array.of(2))
    await world.run(() => false, world.now + 1000)
    expect([ends.a.messages.length, ends.b.messages.length]).toEqual([1, 0])
    network.mend('a', 'b')
    await world.run(() => false, world.now + 1000)
    expect(ends.b.messages).toHaveLength(1)
  })

  it('takes messages for datagrams where it is garbled, and breaks the links when that ends', async () => {
    const { world, network, accepted, ends } = await connected()
    const end = network.garble('a', 0.5)
    for (let n = 0; n < 200; n++) {
      accepted.send(Uint8Array.of(n))
      await world.run(() => false, world.now + 10)
    }
    const numbers = ends.a.messages.map(([n]) => n as number)
    const { 'message lost': lost = 0, 'message doubled': doubled = 0 } = world.marks.toObject()
    expect(lost).toBeGreaterThan(10)
    expect(numbers.length).toBeGreaterThanOrEqual(200 - lost + doubled - 1) // one may be held
    expect(new Set(numbers).size).toBeLessThan(200)
    expect(numbers.some((n, index) => n < (numbers[index - 1] ?? 0))).toBe(true)
    end()
    await world.run(() => false, world.now + 1000)
    expect(ends.a.closes).toHaveLength(1)
  })

  it('gives up a dial across a cut', async () => {
    const { world, network, a } = await connected()
    network.cut('b', 'a')
    const dial = network.transport(a).dial('sim:b', dialOptions)
    await expect(world.settle(dial)).rejects.toMatchObject({ code: 'LINK_FAILED' })
    expect(world.now).toBeGreaterThan(dialOptions.timeoutMilliseconds)
  })

  it('tells the peer of a process that died, but not the dead', async () => {
    const { world, a, ends } = await connected()
    a.kill()
    await world.run(() => false, world.now + 1000)
    expect(ends.b.closes).toEqual([{ code: 1006, reason: '' }])
    expect(ends.a.closes).toEqual([])
  })

  it('breaks links for both ends', async () => {
    const { world, network, dialled, ends } = await connected()
    dialled.send(Uint8Array.of(1))
    expect(network.breakLinks('a')).toBe(1)
    await world.run(() => false, world.now + 1000)
    expect([ends.a.closes.length, ends.b.closes.length, ends.b.messages.length]).toEqual([1, 1, 0])
    expect(network.connections).toBe(0)
  })

  it('holds links up for a while', async () => {
    const { world, network, dialled, ends } = await connected()
    network.stall('b', 500)
    dialled.send(Uint8Array.of(1))
    await world.run(() => false, world.now + 400)
    expect(ends.b.messages).toHaveLength(0)
    await world.run(() => false, world.now + 200)
    expect(ends.b.messages).toHaveLength(1)
  })
})
