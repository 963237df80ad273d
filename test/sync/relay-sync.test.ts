/** A replica against a relay that the test plays frame by frame. */
import { describe, expect, it } from 'vitest'
import {
  createMemoryNetwork,
  createMemoryStorage,
  definePartition,
  openReplica,
  room,
  StatemeshError,
  type Storage,
} from '../../src/index.ts'
import { decodeMessage, encodeFrame, type Frame } from '../../src/protocol/frame.ts'
import { manualTime } from '../support/manual-time.ts'
import { unclosedStorage } from '../support/unclosed-storage.ts'

const Users = definePartition<string>({ name: 'users', policy: 'last-write-wins' })
const address = 'memory:relay'
const emptyVector = Uint8Array.of(0)
const refusal = { type: 'nack', seq: 0, message: 'a test' } as const

type Open = Extract<Frame, { type: 'open' }>

/** A network with a relay that says hello, and what the test says to everything else. */
function playedRelay(answer: (frame: Frame) => readonly Frame[]) {
  const network = createMemoryNetwork()
  const received: Frame[] = []
  let send = (_frame: Frame) => {}
  network.listen(address, link => {
    send = frame => link.send(encodeFrame(frame))
    link.start({
      message: message => {
        for (const frame of decodeMessage(message)) {
          received.push(frame)
          for (const reply of answer(frame)) send(reply)
        }
      },
      close: () => {},
    })
    send({
      type: 'hello',
      version: 1,
      node: 'n',
      messageBytesMax: 2 ** 20,
      windowBytes: 0,
      generation: 'g',
    })
  })
  return { network, received, send: (frame: Frame) => send(frame) }
}

/** Opens the document here too, and takes what is sent. */
function take(frame: Frame): Frame[] {
  if (frame.type === 'open') {
    return [{ ...frame, generation: 'g', stateVector: emptyVector }]
  }
  if (frame.type !== 'state' && frame.type !== 'update') return []
  return [{ type: 'ack', channel: frame.channel, level: 'durable', seq: frame.seq }]
}

/** A storage on which a replica wrote to so many rooms without ever meeting a relay. */
async function unsentStorage(rooms: number): Promise<Storage> {
  const storage = createMemoryStorage()
  const offline = await openReplica({ actor: 'a', storage: unclosedStorage(storage) })
  for (let id = 10; id < 10 + rooms; id++) {
    ;(await offline.open(room(`r${id}`), Users)).set('k', 'v')
  }
  await offline.close()
  return storage
}

describe('a replica', () => {
  it('opens a refused document again, although all that it wrote was acked before', async () => {
    const { network, received, send } = playedRelay(take)
    const time = manualTime()
    const options = { actor: 'a', storage: createMemoryStorage(), relay: address }
    const replica = await openReplica({ ...options, transport: network, time })
    ;(await replica.open(room('r1'), Users)).set('k', 'v')
    await time.advanceAsync(0)
    await replica.flush()
    const opens = () => received.filter((frame): frame is Open => frame.type === 'open')
    const channel = opens()[0]?.channel ?? 0
    await time.advanceAsync(950)
    send({ ...refusal, channel, code: 'STORAGE_UNAVAILABLE', retryable: true })
    await time.advanceAsync(1_000)
    expect(opens()).toHaveLength(2)
    await replica.close()
  })

  it('sends what is owed although many other documents are refused', async () => {
    const refused = new Set(Array.from({ length: 20 }, (_, id) => `room:r${id + 10}/users`))
    const { network } = playedRelay(frame => {
      if (frame.type !== 'open' || !refused.has(frame.document)) return take(frame)
      return [{ ...refusal, channel: frame.channel, code: 'ACCESS_DENIED', retryable: false }]
    })
    const time = manualTime()
    const options = { actor: 'a', storage: await unsentStorage(24), relay: address }
    const replica = await openReplica({ ...options, transport: network, time })
    await time.advanceAsync(3_000)
    expect(replica.status.unsynced).toBe(20)
    await replica.close()
  })

  it('tries to load what is owed again, and says why it cannot', async () => {
    const storage = await unsentStorage(2)
    const failing = new Map([
      ['room:r10/users', 'STORAGE_UNAVAILABLE'],
      ['room:r11/users', 'STORAGE_CORRUPT'],
    ] as const)
    const load: Storage['load'] = async document => {
      const code = failing.get(document as 'room:r10/users')
      if (code !== undefined) throw new StatemeshError(code, 'a test')
      return storage.load(document)
    }
    const time = manualTime()
    const replica = await openReplica({
      actor: 'a',
      storage: { ...unclosedStorage(storage), load },
      relay: address,
      transport: playedRelay(take).network,
      time,
    })
    await time.advanceAsync(100)
    await expect(replica.flush()).rejects.toMatchObject({ code: 'STORAGE_CORRUPT' })
    failing.delete('room:r10/users')
    await time.advanceAsync(20_000)
    expect(replica.status.unsynced).toBe(1)
    await replica.close()
  })
})
