import { describe, expect, test } from 'vitest'
import * as Y from 'yjs'
import { StatemeshError } from '../../src/base/error.ts'
import { sleep, systemTime } from '../../src/base/time.ts'
import { createMemoryStorage } from '../../src/storage/memory-storage.ts'
import type { Storage } from '../../src/storage/storage.ts'
import { waitUntil } from '../support/wait-until.ts'
import { frameClient } from './frame-client.ts'
import { runningRelay } from './running-relay.ts'
import { stockClient, synced } from './stock-clients.ts'
import { writer } from './writer.ts'

const document = 'room:r1/users'

/** A storage with a text in it, whose loads wait for `release`. */
async function slowStorage(load?: (storage: Storage) => ReturnType<Storage['load']>) {
  const storage = createMemoryStorage()
  await storage.append(document, writer(1).append('stored'))
  let release = () => {}
  const released = new Promise<void>(resolve => {
    release = resolve
  })
  const slow: Storage = Object.create(storage, {})
  for (const name of ['append', 'records', 'writeRecord', 'close'] as const) {
    Object.assign(slow, { [name]: storage[name].bind(storage) })
  }
  let loads = 0
  slow.load = async () => {
    loads += 1
    await released
    return load ? load(storage) : storage.load(document)
  }
  return { storage: slow, release, loads: () => loads }
}

describe('joining', () => {
  test('while the document is loaded waits, and never shows an empty one', async () => {
    const { storage, release, loads } = await slowStorage()
    const { url } = await runningRelay({ storage })
    const stock = stockClient(url, document)
    const clients = [await frameClient(url), await frameClient(url)]
    const opened = clients.map(client => client.open(document))
    await waitUntil(() => loads() === 1)
    // Not even a pong, which would say that the client has been sent everything.
    for (const client of clients) client.send({ type: 'ping', nonce: 1 })
    await sleep(systemTime, 50)
    expect(clients.flatMap(client => client.frames.map(({ type }) => type))).toEqual([
      'hello',
      'hello',
    ])
    expect(stock.provider.synced).toBe(false)
    release()
    for (const { doc } of await Promise.all(opened)) {
      expect(doc.getText('text').toString()).toBe('stored')
    }
    await synced(stock)
    expect(stock.doc.getText('text').toString()).toBe('stored')
    expect(loads()).toBe(1)
  })

  test('a document that cannot be loaded is refused, and works when the disk does', async () => {
    let failing = true
    const { storage, release } = await slowStorage(memory => {
      if (failing) throw new StatemeshError('STORAGE_UNAVAILABLE', 'no disk')
      return memory.load(document)
    })
    release()
    const { url } = await runningRelay({ storage })
    const client = await frameClient(url)
    client.send({
      type: 'open',
      channel: 1,
      document,
      generation: 'test',
      stateVector: Uint8Array.of(0),
    })
    expect(await client.next('nack')).toMatchObject({
      channel: 1,
      code: 'STORAGE_UNAVAILABLE',
      retryable: true,
    })
    failing = false
    const { doc } = await client.open(document, 2)
    expect(doc.getText('text').toString()).toBe('stored')
  })

  test('with a state vector brings only what it lacks, and every deletion', async () => {
    const { url } = await runningRelay()
    const client = await frameClient(url)
    await client.open(document)
    const { doc, append, deleteFirst } = writer(1)
    client.send(
      { type: 'state', channel: 1, seq: 1, last: true, update: append('x'.repeat(1000)) },
      { type: 'update', channel: 1, seq: 2, update: append('yz') },
    )
    const behind = new Y.Doc()
    Y.applyUpdate(behind, Y.encodeStateAsUpdate(doc))
    client.send({ type: 'update', channel: 1, seq: 3, update: deleteFirst(1000) })
    await client.next('ack', frame => frame.level === 'durable' && frame.seq === 3)
    const joiner = await frameClient(url)
    const stateVector = Y.encodeStateVector(behind)
    const opened = await joiner.open(document, 1, stateVector)
    const states = joiner.all('state')
    expect(states.reduce((sum, { update }) => sum + update.length, 0)).toBeLessThan(20)
    for (const { update } of states) Y.applyUpdate(behind, update)
    expect(behind.getText('text').toString()).toBe('yz')
    expect(opened.opened.stateVector).toEqual(Y.encodeStateVector(doc))
  })

  test('again on the same link restarts both streams', async () => {
    const { url } = await runningRelay()
    const client = await frameClient(url)
    const first = await client.open(document)
    const { doc, append } = writer(1)
    client.send({ type: 'state', channel: 1, seq: 1, last: true, update: append('a') })
    await client.next('ack', frame => frame.level === 'durable')
    const second = await client.open(document, 2)
    expect(second.relayChannel).toBe(first.relayChannel)
    expect(second.doc.getText('text').toString()).toBe('a')
    // What is under way on the old number is ignored.
    client.send(
      { type: 'update', channel: 1, seq: 2, update: append('b') },
      { type: 'state', channel: 2, seq: 1, last: true, update: Y.encodeStateAsUpdate(doc) },
    )
    // The relay has `a` already, so it asks for the rest without it.
    const resync = await client.next('resync')
    const update = Y.encodeStateAsUpdate(doc, resync.stateVector)
    client.send({ type: 'state', channel: 2, seq: 2, last: true, update })
    await client.next('ack', frame => frame.channel === 2 && frame.seq === 2)
    expect(client.all('nack')).toEqual([])
  })

  test('after a close gets a number that the link has not seen', async () => {
    const { url } = await runningRelay()
    const [client, other] = [await frameClient(url), await frameClient(url)]
    const { relayChannel: shared } = await other.open(document)
    const first = await client.open(document)
    expect(first.relayChannel).toBe(shared)
    client.send({ type: 'close', channel: 1 })
    const second = await client.open(document, 2)
    expect(second.relayChannel).not.toBe(shared)
    const update = writer(1).append('a')
    other.send({ type: 'state', channel: 1, seq: 1, last: true, update })
    const received = await client.next('update')
    expect(received).toEqual({ type: 'update', channel: second.relayChannel, seq: 1, update })
  })
})

describe('an idle room', () => {
  test('leaves memory, and comes back with everything', async () => {
    const { url, relay } = await runningRelay({ limits: { roomIdleMilliseconds: 40 } })
    const client = await frameClient(url)
    await client.open(document)
    client.send({ type: 'state', channel: 1, seq: 1, last: true, update: writer(1).append('a') })
    await client.next('ack', frame => frame.level === 'durable')
    expect(relay.health().rooms).toBe(1)
    client.send({ type: 'close', channel: 1 })
    await waitUntil(() => relay.health().rooms === 0)
    const { doc } = await client.open(document, 2)
    expect(doc.getText('text').toString()).toBe('a')
  })

  test('stays while somebody is in it', async () => {
    const { url, relay } = await runningRelay({ limits: { roomIdleMilliseconds: 20 } })
    const client = await frameClient(url)
    await client.open(document)
    await new Promise(resolve => setTimeout(resolve, 100))
    expect(relay.health().rooms).toBe(1)
  })

  test('that holds more than its share is read again when somebody joins', async () => {
    const { url } = await runningRelay({ limits: { roomBytesMax: 2000 } })
    const client = await frameClient(url)
    await client.open(document)
    const { doc, append } = writer(1)
    client.send({ type: 'state', channel: 1, seq: 1, last: true, update: append('a') })
    for (let seq = 2; seq <= 300; seq++) {
      client.send({ type: 'update', channel: 1, seq, update: append(`${seq} `) })
    }
    await client.next('ack', frame => frame.level === 'durable' && frame.seq === 300)
    const joiner = await frameClient(url)
    const joined = await joiner.open(document)
    expect(Y.encodeStateAsUpdate(joined.doc)).toEqual(Y.encodeStateAsUpdate(doc))
  })
})
