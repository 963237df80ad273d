import { describe, expect, test } from 'vitest'
import * as Y from 'yjs'
import { createMemoryStorage } from '../../src/storage/memory-storage.ts'
import { gatedStorage } from '../support/gated-storage.ts'
import { waitUntil } from '../support/wait-until.ts'
import { emptyVector, frameClient } from './frame-client.ts'
import { runningRelay } from './running-relay.ts'
import { textOf, writer } from './writer.ts'

const document = 'room:r1/users'

async function gatedRelay() {
  const storage = gatedStorage(createMemoryStorage())
  return { storage, ...(await runningRelay({ storage })) }
}

describe('acks', () => {
  test('received comes at once, durable only when the storage says so, both cumulative', async () => {
    const { storage, url } = await gatedRelay()
    const client = await frameClient(url)
    await client.open(document)
    storage.hold()
    const { append } = writer(1)
    client.send({ type: 'state', channel: 1, seq: 1, last: true, update: append('a') })
    client.send(
      { type: 'update', channel: 1, seq: 2, update: append('b') },
      { type: 'update', channel: 1, seq: 3, update: append('c') },
    )
    await client.next('ack', frame => frame.seq === 3)
    await client.settled()
    expect(client.all('ack').every(frame => frame.level === 'received')).toBe(true)
    storage.release()
    const ack = await client.next('ack')
    expect(ack).toEqual({ type: 'ack', channel: 1, level: 'durable', seq: 3 })
    await client.settled()
    expect(client.all('ack').filter(frame => frame.level === 'durable')).toHaveLength(1)
  })

  test('an update that is known already is acked when the commits under way are done', async () => {
    const { storage, url } = await gatedRelay()
    const first = await frameClient(url)
    const second = await frameClient(url)
    await first.open(document)
    await second.open(document)
    storage.hold()
    const update = writer(1).append('a')
    first.send({ type: 'state', channel: 1, seq: 1, last: true, update })
    await first.next('ack', frame => frame.level === 'received')
    second.send({ type: 'state', channel: 1, seq: 1, last: true, update })
    await second.next('ack', frame => frame.level === 'received')
    await second.settled()
    expect(second.all('ack')).toHaveLength(1)
    storage.release()
    await second.next('ack', frame => frame.level === 'durable' && frame.seq === 1)
  })

  test('an update that is known and durable is acked at once, and stored once', async () => {
    const storage = createMemoryStorage()
    const { url } = await runningRelay({ storage })
    const client = await frameClient(url)
    await client.open(document)
    const update = writer(1).append('a')
    client.send({ type: 'state', channel: 1, seq: 1, last: true, update })
    await client.next('ack', frame => frame.level === 'durable')
    client.send({ type: 'update', channel: 1, seq: 2, update })
    await client.next('ack', frame => frame.level === 'durable' && frame.seq === 2)
    expect((await storage.load(document)).updates).toHaveLength(1)
  })

  test('others get an update only when it is durable, and joiners see nothing before', async () => {
    const { storage, url } = await gatedRelay()
    const client = await frameClient(url)
    const reader = await frameClient(url)
    await client.open(document)
    const { relayChannel } = await reader.open(document)
    storage.hold()
    const update = writer(1).append('a')
    client.send({ type: 'state', channel: 1, seq: 1, last: true, update })
    await client.next('ack')
    await reader.settled()
    expect(reader.all('update')).toEqual([])
    const joiner = await frameClient(url)
    const { opened, doc } = await joiner.open(document)
    expect(opened.stateVector).toEqual(emptyVector)
    expect(doc.getText('text').toString()).toBe('')
    storage.release()
    const received = await reader.next('update')
    expect(received).toEqual({ type: 'update', channel: relayChannel, seq: 1, update })
    expect((await joiner.next('update')).update).toEqual(update)
  })
})

describe('a gap', () => {
  test('is not stored: the relay asks for the state, and takes it', async () => {
    const storage = createMemoryStorage()
    const { url } = await runningRelay({ storage })
    const client = await frameClient(url)
    await client.open(document)
    const { doc, append } = writer(1)
    client.send({ type: 'state', channel: 1, seq: 1, last: true, update: append('a') })
    append('lost')
    client.send({ type: 'update', channel: 1, seq: 2, update: append('c') })
    const resync = await client.next('resync')
    expect(resync.channel).toBe(1)
    // What is under way when the peer asks is passed over.
    client.send({ type: 'update', channel: 1, seq: 3, update: append('d') })
    const update = Y.encodeStateAsUpdate(doc, resync.stateVector)
    client.send({ type: 'state', channel: 1, seq: 4, last: true, update })
    await client.next('ack', frame => frame.level === 'durable' && frame.seq === 4)
    const { updates } = await storage.load(document)
    expect(textOf(...updates.map(stored => stored.update))).toBe('alostcd')
  })

  test('in the numbers asks for the state too', async () => {
    const { url } = await runningRelay()
    const client = await frameClient(url)
    await client.open(document)
    const { append } = writer(1)
    client.send({ type: 'state', channel: 1, seq: 1, last: true, update: append('a') })
    client.send({ type: 'update', channel: 1, seq: 3, update: append('b') })
    await client.next('resync')
  })

  test('in every state that was asked for ends the channel', async () => {
    const { url } = await runningRelay()
    const client = await frameClient(url)
    await client.open(document)
    const { append } = writer(1)
    append('lost')
    client.send({ type: 'state', channel: 1, seq: 1, last: true, update: append('b') })
    for (let seq = 2; seq <= 4; seq++) {
      await client.next('resync')
      client.send({ type: 'state', channel: 1, seq, last: true, update: append('b') })
    }
    const nack = await client.next('nack')
    expect(nack).toMatchObject({ channel: 1, seq: 4, code: 'UPDATE_GAP' })
  })
})

describe('a failing disk', () => {
  test('nacks what was not stored, and the room works again when the disk does', async () => {
    const { storage, url, relay } = await gatedRelay()
    const client = await frameClient(url)
    await client.open(document)
    const { doc, append } = writer(1)
    client.send({ type: 'state', channel: 1, seq: 1, last: true, update: append('a') })
    await client.next('ack', frame => frame.level === 'durable')
    storage.refuse()
    client.send(
      { type: 'update', channel: 1, seq: 2, update: append('b') },
      { type: 'update', channel: 1, seq: 3, update: append('c') },
    )
    const nack = await client.next('nack')
    expect(nack).toMatchObject({ channel: 1, seq: 2, code: 'STORAGE_UNAVAILABLE', retryable: true })
    storage.accept()
    await waitUntil(() => relay.health().ready)
    const { opened } = await client.open(document, 2, Y.encodeStateVector(doc))
    const update = Y.encodeStateAsUpdate(doc, opened.stateVector)
    client.send({ type: 'state', channel: 2, seq: 1, last: true, update })
    await client.next('ack', frame => frame.channel === 2 && frame.level === 'durable')
    const { updates } = await storage.load(document)
    expect(textOf(...updates.map(stored => stored.update))).toBe('abc')
    expect(client.all('ack').filter(ack => ack.level === 'durable' && ack.seq > 1)).toEqual([])
  })

  test('refuses what was queued behind the failure, of every writer', async () => {
    const { storage, url } = await gatedRelay()
    const clients = [await frameClient(url), await frameClient(url)]
    for (const client of clients) await client.open(document)
    storage.hold()
    for (const [index, client] of clients.entries()) {
      const update = writer(index + 1).append('a')
      client.send({ type: 'state', channel: 1, seq: 1, last: true, update })
      await client.next('ack', frame => frame.level === 'received')
    }
    storage.refuse()
    storage.release()
    for (const client of clients) {
      const nack = await client.next('nack')
      expect(nack).toMatchObject({ seq: 1, code: 'STORAGE_UNAVAILABLE' })
    }
    storage.accept()
  })
})
