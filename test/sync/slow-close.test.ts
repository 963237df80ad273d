/** The other end of a link may answer its close late; the replica has long gone on by then. */
import { describe, expect, it } from 'vitest'
import { createRelay } from '../../server/relay.ts'
import {
  createMemoryNetwork,
  createMemoryStorage,
  definePartition,
  type Link,
  type MemoryNetwork,
  openReplica,
  room,
  type Transport,
} from '../../src/index.ts'
import { subprotocol } from '../../src/protocol/frame.ts'

const Users = definePartition({ name: 'users', policy: 'last-write-wins' })
const address = 'memory:relay'
const seconds = { timeoutMilliseconds: 30_000 }

/** A transport whose links tell of their end only when `release` is called. */
function withLateClose(network: MemoryNetwork) {
  const held: Array<() => void> = []
  let dials = 0
  const transport: Transport = {
    async dial(to, options) {
      dials += 1
      const link = await network.dial(to, options)
      const late: Link = {
        get bufferedBytes() {
          return link.bufferedBytes
        },
        start: ({ message, close }) =>
          link.start({ message, close: (...end) => held.push(() => close(...end)) }),
        send: message => link.send(message),
        pause: () => link.pause(),
        resume: () => link.resume(),
        close: (code, reason) => link.close(code, reason),
      }
      return late
    },
  }
  return {
    transport,
    dials: () => dials,
    release: () => {
      for (const tell of held.splice(0)) tell()
    },
  }
}

describe('a link that is slow to close', () => {
  it('neither answers for the next one nor ends it', async () => {
    const network = createMemoryNetwork()
    const relay = await createRelay({ storage: createMemoryStorage() })
    network.listen(address, link => relay.accept(link, { path: '/', subprotocol }))
    const { transport, dials, release } = withLateClose(network)
    const replica = await openReplica({
      actor: 'a1',
      storage: createMemoryStorage(),
      relay: address,
      transport,
    })
    const users = await replica.open(room('r1'), Users)
    await replica.synced(seconds)

    replica.disconnect()
    replica.connect()
    users.set('alice', { name: 'Alice' })
    await replica.synced(seconds)
    expect(replica.status.link).toBe('online')
    release()
    expect(replica.status.link).toBe('online')
    await replica.flush(seconds)
    expect(dials()).toBe(2)

    const closing = relay.close()
    await replica.close()
    release()
    await closing
  })
})
