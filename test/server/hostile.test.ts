import { once } from 'node:events'
import { describe, expect, onTestFinished, test } from 'vitest'
import { WebSocket } from 'ws'
import { encodeFrame, subprotocol } from '../../src/protocol/frame.ts'
import { createMemoryStorage } from '../../src/storage/memory-storage.ts'
import { gatedStorage } from '../support/gated-storage.ts'
import { manualTime } from '../support/manual-time.ts'
import { emptyVector, type FrameClient, frameClient, hello } from './frame-client.ts'
import { runningRelay } from './running-relay.ts'
import { writer } from './writer.ts'

const bytes = (...values: number[]) => Uint8Array.from(values)

/** Messages that no peer may send once it has said hello. */
const malformed: Record<string, Uint8Array> = {
  'a frame without a tag': bytes(0),
  'a length beyond the end': bytes(9, 9),
  'a length without an end': bytes(0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff),
  'a field beyond its frame': bytes(2, 3, 0x80),
  'bytes behind the last field': bytes(4, 8, 1, 1, 1),
  'an ack of an unknown level': bytes(4, 5, 1, 7, 1),
  'a flag that is neither yes nor no': bytes(6, 2, 1, 1, 2, 0, 0),
  'a name that is not UTF-8': bytes(8, 1, 1, 2, 0xc3, 0x28, 0, 0, 0),
  'an open of channel 0': bytes(6, 1, 0, 1, 97, 0, 0),
  'an open without a state vector': bytes(5, 1, 1, 1, 97, 0),
  'a state vector that ends early': bytes(6, 1, 1, 1, 97, 0, 9),
  'a second hello': encodeFrame(hello),
}

const hostileNames: Record<string, string> = {
  empty: '',
  'with a control character': 'a\u0000b',
  'with an empty segment': 'a//b',
  'that climbs': '../../etc/passwd',
  'that is a dot': '.',
  'with a trailing slash': 'a/',
  'that is too long': 'x'.repeat(4097),
  'with a newline': 'a\nb',
}

const open = (channel: number, document: string) =>
  ({ type: 'open', channel, document, generation: 'test', stateVector: emptyVector }) as const

/** A client at work on another document, to see that it is left alone. */
async function bystander(url: string) {
  const client = await frameClient(url)
  await client.open('room:r1/bystander')
  const { append } = writer(9)
  let seq = 0
  return {
    async worksOn() {
      seq += 1
      const update = append('x')
      client.send(
        seq === 1
          ? { type: 'state', channel: 1, seq, last: true, update }
          : { type: 'update', channel: 1, seq, update },
      )
      await client.next('ack', frame => frame.level === 'durable' && frame.seq === seq)
    },
  }
}

async function unharmed(act: (url: string) => Promise<void>): Promise<void> {
  const { url } = await runningRelay()
  const other = await bystander(url)
  await other.worksOn()
  await act(url)
  await other.worksOn()
}

describe('a malformed message closes the link with 4400 and harms no other', () => {
  for (const [name, message] of Object.entries(malformed)) {
    test(name, () =>
      unharmed(async url => {
        const client = await frameClient(url)
        client.sendBytes(message)
        expect(await client.closed).toBe(4400)
      }),
    )
  }

  test('a first frame that is not a hello', () =>
    unharmed(async url => {
      const socket = new WebSocket(url, subprotocol)
      onTestFinished(() => socket.terminate())
      await once(socket, 'open')
      socket.send(encodeFrame({ type: 'ping', nonce: 1 }))
      expect((await once(socket, 'close'))[0]).toBe(4400)
    }))

  test('a text message', () =>
    unharmed(async url => {
      const client = await frameClient(url)
      client.webSocket.send('hello')
      expect(await client.closed).toBe(4400)
    }))
})

describe('a link is closed', () => {
  test('with 4406 if it speaks another version', async () => {
    const { url } = await runningRelay()
    const client = await frameClient(url, { ...hello, version: 2 })
    expect(await client.closed).toBe(4406)
  })

  test('with 1009 after a message that is too long', async () => {
    const { url } = await runningRelay({ limits: { messageBytesMax: 1000 } })
    const client = await frameClient(url)
    client.sendBytes(new Uint8Array(1001))
    expect(await client.closed).toBe(1009)
  })

  test('with 4508 when nothing has come for too long, but not while it answers', async () => {
    const limits = { deadMilliseconds: 120, pingMilliseconds: 40 }
    const time = manualTime()
    const { url } = await runningRelay({ time, limits })
    const [silent, lively] = [await frameClient(url), await frameClient(url)]
    for (let passed = 0; passed < 200; passed += 20) {
      time.advance(20)
      lively.send({ type: 'pong', nonce: 1 })
      await lively.settled()
    }
    expect(await silent.closed).toBe(4508)
    await lively.settled()
  })

  test('with 1013 when more is under way than its window allows', async () => {
    const limits = { windowBytes: 1000, messageBytesMax: 1000 }

    const storage = gatedStorage(createMemoryStorage())
    const { url } = await runningRelay({ storage, limits })
    const client = await frameClient(url)
    await client.open('doc')
    storage.hold()
    onTestFinished(() => storage.release())
    const { append } = writer(1)
    const text = 'x'.repeat(500)
    client.send({ type: 'state', channel: 1, seq: 1, last: true, update: append(text) })
    for (let seq = 2; seq <= 5; seq++) {
      client.send({ type: 'update', channel: 1, seq, update: append(text) })
    }
    expect(await client.closed).toBe(1013)
  })
})

describe('a document name that is not legal is nacked, and the link goes on', () => {
  for (const [name, document] of Object.entries(hostileNames)) {
    test(`one ${name}`, () =>
      unharmed(async url => {
        const client = await frameClient(url)
        client.send(open(7, document))
        expect(await client.next('nack')).toMatchObject({
          channel: 7,
          code: 'DOCUMENT_NAME_INVALID',
          retryable: false,
        })
        await client.open('legal', 8)
      }))
  }
})

describe('a channel', () => {
  test('that was never opened is nacked', () =>
    unharmed(async url => {
      const client = await frameClient(url)
      client.send({ type: 'update', channel: 5, seq: 3, update: emptyVector })
      expect(await client.next('nack')).toMatchObject({
        channel: 5,
        seq: 3,
        code: 'CHANNEL_UNKNOWN',
      })
    }))

  test('that has been closed is ignored', () =>
    unharmed(async url => {
      const client = await frameClient(url)
      await client.open('doc')
      client.send(
        { type: 'close', channel: 1 },
        { type: 'update', channel: 1, seq: 3, update: emptyVector },
      )
      await client.settled()
      expect(client.all('nack')).toEqual([])
    }))

  test('whose number is taken by another document ends the link', () =>
    unharmed(async url => {
      const client = await frameClient(url)
      await client.open('doc')
      client.send(open(1, 'other'))
      expect(await client.closed).toBe(4400)
    }))

  test('that brings an invalid update is nacked, and the others of the link go on', () =>
    unharmed(async url => {
      const client = await frameClient(url)
      await client.open('good', 1)
      await client.open('bad', 2)
      // An item with no content at all: Yjs would take it and never open the document again.
      const wedge = bytes(1, 1, 1, 0, 1, 1, 1, 97, 0, 0)
      client.send({ type: 'state', channel: 2, seq: 1, last: true, update: wedge })
      expect(await client.next('nack')).toMatchObject({
        channel: 2,
        seq: 1,
        code: 'UPDATE_INVALID',
        retryable: false,
      })
      await works(client, 'good')
    }))

  test('of a peer that accepts only small messages is nacked when it needs a large one', () =>
    unharmed(async url => {
      const client = await frameClient(url)
      await client.open('doc')
      const update = writer(1).append('x'.repeat(5000))
      client.send({ type: 'state', channel: 1, seq: 1, last: true, update })
      await client.next('ack', frame => frame.level === 'durable')
      const small = await frameClient(url, { ...hello, messageBytesMax: 1000 })
      small.send(open(1, 'doc'))
      expect(await small.next('nack')).toMatchObject({ channel: 1, code: 'FRAME_TOO_LARGE' })
    }))
})

async function works(client: FrameClient, document: string): Promise<void> {
  const update = writer(3).append(document)
  client.send({ type: 'state', channel: 1, seq: 1, last: true, update })
  await client.next('ack', frame => frame.channel === 1 && frame.level === 'durable')
}
