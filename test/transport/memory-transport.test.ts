import { describe, expect, it } from 'vitest'
import { createMemoryNetwork } from '../../src/transport/memory-transport.ts'
import type { Link } from '../../src/transport/transport.ts'
import {
  describeTransport,
  dialOptions,
  openPair,
  Recorder,
  type TransportEnvironment,
} from '../contracts/transport.ts'

async function memoryEnvironment(): Promise<TransportEnvironment> {
  const transport = createMemoryNetwork()
  let listeners = 0
  return {
    transport,
    async listen(onLink, options) {
      listeners += 1
      const address = `memory:relay-${listeners}`
      transport.listen(address, onLink, options)
      return { address }
    },
    deadAddress: 'memory:nobody',
    async close() {},
  }
}

describeTransport('the memory network', memoryEnvironment)

describe('the memory network', () => {
  const ignore = (_: Link) => {}

  it('delivers copies, so that a sender may reuse its buffer', async () => {
    const { dialled, accepted } = await openPair(await memoryEnvironment())
    const receiver = new Recorder(accepted)
    const buffer = Buffer.from([1, 2, 3])
    dialled.send(buffer)
    buffer.fill(0)
    await receiver.received(1)
    expect([...(receiver.messages[0] as Uint8Array)]).toEqual([1, 2, 3])
  })

  it('never delivers within send', async () => {
    const { dialled, accepted } = await openPair(await memoryEnvironment())
    const receiver = new Recorder(accepted)
    await Promise.resolve()
    dialled.send(Uint8Array.of(1))
    expect(receiver.messages).toEqual([])
  })

  it('delivers 100,000 messages of one turn quickly and in order', async () => {
    const { dialled, accepted } = await openPair(await memoryEnvironment())
    const receiver = new Recorder(accepted)
    for (let index = 0; index < 100_000; index++) dialled.send(Uint8Array.of(index & 255))
    await receiver.received(100_000)
    expect(receiver.messages.every(([byte], index) => byte === (index & 255))).toBe(true)
  })

  it('refuses a second listener at an address, until the first has left', async () => {
    const network = createMemoryNetwork()
    const leave = network.listen('memory:a', ignore)
    expect(() => network.listen('memory:a', ignore)).toThrow(
      expect.objectContaining({ code: 'PORT_UNAVAILABLE' }),
    )
    leave()
    const leaveAgain = network.listen('memory:a', ignore)
    leave()
    await expect(network.dial('memory:a', dialOptions)).resolves.toBeDefined()
    leaveAgain()
    await expect(network.dial('memory:a', dialOptions)).rejects.toMatchObject({
      code: 'LINK_FAILED',
    })
  })
})
