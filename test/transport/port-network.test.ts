import { MessageChannel } from 'node:worker_threads'
import { describe, expect, it } from 'vitest'
import { createPortNetwork } from '../../src/transport/port-network.ts'
import {
  describeTransport,
  dialOptions,
  openPair,
  Recorder,
  type TransportEnvironment,
} from '../contracts/transport.ts'

async function portEnvironment(): Promise<TransportEnvironment & { breakPort(): void }> {
  const channels = [new MessageChannel()]
  const first = channels[0] as MessageChannel
  const transport = createPortNetwork(first.port1)
  const there = createPortNetwork(first.port2)
  let stop = async () => {}
  return {
    transport: {
      // Nobody listens at this one.
      dial: (address, options) => {
        if (address !== 'port:nobody') return transport.dial(address, options)
        const silent = new MessageChannel()
        channels.push(silent)
        createPortNetwork(silent.port2)
        return createPortNetwork(silent.port1).dial(address, options)
      },
    },
    async listen(onLink, options) {
      await stop()
      const { address, close } = await there.listen(onLink, options)
      stop = close
      return { address }
    },
    deadAddress: 'port:nobody',
    breakPort: () => first.port2.close(),
    async close() {
      for (const { port1 } of channels) port1.close()
    },
  }
}

describeTransport('a message port', portEnvironment)

describe('a message port', () => {
  it('breaks its links when it closes', async () => {
    const environment = await portEnvironment()
    const { dialled, accepted } = await openPair(environment)
    const ends = [new Recorder(dialled), new Recorder(accepted)]
    environment.breakPort()
    await Promise.all(ends.map(end => end.closed))
    expect(ends.map(({ closes }) => closes[0]?.code)).toEqual([1006, 1006])
    await expect(environment.transport.dial('port:x', dialOptions)).rejects.toMatchObject({
      code: 'LINK_FAILED',
    })
  })

  it('leaves messages alone that others send over it', async () => {
    const { port1, port2 } = new MessageChannel()
    createPortNetwork(port1)
    port2.postMessage('hello')
    port2.postMessage({ kind: 'dial' })
    port2.postMessage(null)
    const environment = await portEnvironment()
    await openPair(environment)
    await environment.close()
    port1.close()
  })
})
