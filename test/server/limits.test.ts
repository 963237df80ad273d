import { once } from 'node:events'
import { describe, expect, onTestFinished, test } from 'vitest'
import { WebSocket } from 'ws'
import * as Y from 'yjs'
import { networkOf } from '../../server/address-counter.ts'
import { definePartition, openReplica, type Replica, room } from '../../src/index.ts'
import { encodeYWebsocketMessage } from '../../src/protocol/y-websocket.ts'
import { createMemoryStorage } from '../../src/storage/memory-storage.ts'
import { manualTime } from '../support/manual-time.ts'
import { waitUntil } from '../support/wait-until.ts'
import { emptyVector, frameClient, openFrame, stateFrame, updateFrame } from './frame-client.ts'
import { runningRelay, standingStill } from './running-relay.ts'
import { stockClient, synced } from './stock-clients.ts'
import { writer } from './writer.ts'

const Notes = definePartition<string>({ name: 'notes', policy: 'last-write-wins' })

const isDurable = ({ level }: { level: string }) => level === 'durable'

/** An update by a client that has not written before. */
function firstUpdate(client: number, text = 'x'): Uint8Array {
  return writer(client).append(text)
}

test('too many documents on a link are nacked as LIMIT_REACHED, until one is closed', async () => {
  const { url } = await runningRelay({ limits: { channelsMax: 2 } })
  const client = await frameClient(url)
  await client.open('a', 1)
  await client.open('b', 2)
  client.send(openFrame('c', 3))
  expect(await client.next('nack')).toMatchObject({
    channel: 3,
    code: 'LIMIT_REACHED',
    retryable: true,
  })
  client.send({ type: 'close', channel: 1 })
  await client.open('c', 4)
})

test('a replica with too many documents has the others in step when some leave memory', async () => {
  const { url } = await runningRelay({ limits: { channelsMax: 2 } })
  const [a, b] = await Promise.all(
    ['a', 'b'].map(actor =>
      openReplica({ actor, storage: createMemoryStorage(), relay: url, idleMilliseconds: 20 }),
    ),
  )
  const refused: string[] = []
  a?.on('rejected', ({ document, error }) => refused.push(`${document} ${error.code}`))
  const open = (replica: Replica | undefined, id: string) =>
    (replica as Replica).open(room(id), Notes)
  const first = await open(a, 'r1')
  await open(a, 'r2')
  const third = await open(a, 'r3')
  third.set('k', 'v')
  await waitUntil(() => refused.length > 0)
  expect(refused).toEqual(['room:r3/notes LIMIT_REACHED'])
  first.close()
  await a?.flush()
  const there = await open(b, 'r3')
  await b?.synced()
  expect(there.get('k')).toBe('v')
  await Promise.all([a?.close(), b?.close()])
})

describe('too many connections from one address', () => {
  test('are closed with 1013, until one has ended', async () => {
    const { url, relay } = await runningRelay({ limits: { connectionsPerAddressMax: 2 } })
    const first = await frameClient(url)
    await frameClient(url)
    const socket = new WebSocket(`${url}/doc`)
    onTestFinished(() => socket.terminate())
    expect((await once(socket, 'close'))[0]).toBe(1013)
    first.webSocket.close()
    await waitUntil(() => relay.health().connections === 1)
    await frameClient(url)
  })

  test('are counted by what a proxy says, where it is asked for', async () => {
    const limits = { connectionsPerAddressMax: 1 }
    const { url, events } = await runningRelay({ limits }, { addressHeader: 'X-Forwarded-For' })
    const from = async (forwarded: string) => {
      const socket = new WebSocket(`${url}/doc`, { headers: { 'x-forwarded-for': forwarded } })
      onTestFinished(() => socket.terminate())
      // A denial comes before the close, and a step of the sync protocol is what is served first.
      const [first] = (await once(socket, 'message')) as [Buffer]
      return first[0] === 0
    }
    expect(await from('10.0.0.1')).toBe(true)
    expect(await from('10.0.0.2')).toBe(true)
    // What the client itself put there comes before what the proxy adds.
    expect(await from('10.9.9.9, 10.0.0.1')).toBe(false)
    expect(
      events.filter(({ event }) => event === 'connected').map(({ address }) => address),
    ).toEqual(['10.0.0.1', '10.0.0.2'])
  })

  test('are counted by network', () => {
    expect(networkOf('10.0.0.1')).toBe('10.0.0.1')
    expect(networkOf('::ffff:10.0.0.1')).toBe('10.0.0.1')
    expect(networkOf('2001:db8:0:7:1:2:3:4')).toBe('2001:db8:0:7::/64')
    expect(networkOf('2001:DB8::7:0:0:0:1')).toBe('2001:db8:0:7::/64')
    expect(networkOf('2001:0db8:0000:0007::1')).toBe('2001:db8:0:7::/64')
    expect(networkOf('fe80::1%eth0')).toBe('fe80:0:0:0::/64')
    expect(networkOf('::1')).toBe('0:0:0:0::/64')
  })
})

describe('new clients in documents', () => {
  test('are nacked when one connection brings too many', async () => {
    const time = manualTime()
    const limits = { ...standingStill, newWritersMax: 3, newWritersPerSecondMax: 1 }
    const { url } = await runningRelay({ time, limits })
    const client = await frameClient(url)
    await client.open('doc')
    client.send(stateFrame(firstUpdate(1)))
    for (let seq = 2; seq <= 4; seq++) client.send(updateFrame(seq, firstUpdate(seq)))
    expect(await client.next('nack')).toMatchObject({ seq: 4, code: 'RATE_LIMITED' })
    time.advance(1000)
    await client.open('doc')
    client.send(stateFrame(firstUpdate(4)))
    await client.next('ack', isDurable)
  })

  test('count once where they write in many documents, as a replica does', async () => {
    const limits = { ...standingStill, newWritersMax: 2, newWritersPerSecondMax: 1 }
    const { url } = await runningRelay({ time: manualTime(), limits })
    const client = await frameClient(url)
    for (let channel = 1; channel <= 20; channel++) {
      await client.open(`doc${channel}`, channel)
      client.send(stateFrame(firstUpdate(1), channel))
      await client.next('ack', ack => ack.channel === channel && isDurable(ack))
    }
    expect(client.all('nack')).toEqual([])
  })

  test('are refused for good when the document has as many as it may', async () => {
    const { url } = await runningRelay({ limits: { documentWritersMax: 2 } })
    const client = await frameClient(url)
    await client.open('doc')
    const known = writer(1)
    client.send(stateFrame(known.append('a')))
    client.send(updateFrame(2, firstUpdate(2)))
    client.send(updateFrame(3, known.append('b')))
    client.send(updateFrame(4, firstUpdate(3)))
    expect(await client.next('nack')).toMatchObject({
      seq: 4,
      code: 'WRITERS_EXCEEDED',
      retryable: false,
    })
    const { doc } = await (await frameClient(url)).open('doc')
    expect(doc.getText('text').length).toBe(3)
  })
})

describe('a document that is too large', () => {
  test('is not written any more, and can be read', async () => {
    const { url } = await runningRelay({ limits: { documentBytesMax: 1000 } })
    const { append, doc: ours } = writer(1)
    const first = append('x'.repeat(950))
    const client = await frameClient(url)
    await client.open('doc')
    client.send(stateFrame(first))
    await client.next('ack', isDurable)
    client.send(updateFrame(2, append('y'.repeat(100))))
    // The relay looks at what is stored before it says so for good.
    expect(await client.next('nack')).toMatchObject({ code: 'DOCUMENT_TOO_LARGE', retryable: true })
    const { doc } = await client.open('doc')
    expect(doc.getText('text').length).toBe(950)
    client.send(stateFrame(Y.encodeStateAsUpdate(ours, Y.encodeStateVector(doc))))
    expect(await client.next('nack', ({ retryable }) => !retryable)).toMatchObject({
      code: 'DOCUMENT_TOO_LARGE',
    })
  })

  test('is written on when a compaction has made room', async () => {
    const storage = createMemoryStorage()
    const { url } = await runningRelay({ storage, limits: { documentBytesMax: 2000 } })
    const doc = new Y.Doc()
    let change: Uint8Array = emptyVector
    doc.on('update', bytes => {
      change = bytes
    })
    const client = await frameClient(url)
    await client.open('doc')
    let seq = 0
    const set = (text: string) => {
      doc.getMap('map').set('key', text)
      seq += 1
      if (seq === 1) client.send(stateFrame(change))
      else client.send(updateFrame(seq, change))
    }
    for (let count = 0; count < 6; count++) set('x'.repeat(300))
    await client.next('ack', ack => isDurable(ack) && ack.seq === 6)
    const { updates } = await storage.load('doc')
    await storage.replace('doc', updates.at(-1)?.clock ?? 0, Y.encodeStateAsUpdate(doc))
    set('y'.repeat(300))
    expect(await client.next('nack')).toMatchObject({ code: 'DOCUMENT_TOO_LARGE', retryable: true })
    const opened = await client.open('doc')
    const missing = Y.encodeStateAsUpdate(doc, Y.encodeStateVector(opened.doc))
    client.send(stateFrame(missing))
    await client.next('ack', isDurable)
  })
})

describe('awareness', () => {
  const speaks = (client: number, clock: number, state: string) =>
    encodeYWebsocketMessage({
      type: 'awareness',
      payload: Uint8Array.of(1, client, clock, state.length, ...new TextEncoder().encode(state)),
    })

  async function speaker(url: string) {
    const socket = new WebSocket(`${url}/doc`)
    onTestFinished(() => socket.terminate())
    await once(socket, 'open')
    return socket
  }

  const statesSeenBy = ({ provider, doc }: ReturnType<typeof stockClient>) =>
    new Map([...provider.awareness.getStates()].filter(([client]) => client !== doc.clientID))

  test('of a client is left alone by others, who cannot remove it either', async () => {
    const { url } = await runningRelay()
    const watcher = stockClient(url, 'doc')
    const [owner, thief] = [await speaker(url), await speaker(url)]
    owner.send(speaks(5, 1, '{"a":1}'))
    await waitUntil(() => statesSeenBy(watcher).has(5))
    thief.send(speaks(5, 9, '{"a":2}'))
    thief.send(speaks(5, 9, 'null'))
    thief.send(speaks(6, 1, '{"a":3}'))
    await waitUntil(() => statesSeenBy(watcher).has(6))
    expect(statesSeenBy(watcher).get(5)).toEqual({ a: 1 })
    owner.terminate()
    await waitUntil(() => !statesSeenBy(watcher).has(5))
    // An echo of what the owner last said does not bring it back.
    thief.send(speaks(5, 1, '{"a":1}'))
    thief.send(speaks(7, 1, '{}'))
    await waitUntil(() => statesSeenBy(watcher).has(7))
    expect(statesSeenBy(watcher).has(5)).toBe(false)
  })

  test('of more clients than one socket may speak for is not passed on', async () => {
    const { url } = await runningRelay({ limits: { awarenessOwnedMax: 2 } })
    const watcher = stockClient(url, 'doc')
    await synced(watcher)
    const [greedy, other] = [await speaker(url), await speaker(url)]
    for (let client = 1; client <= 4; client++) greedy.send(speaks(client, 1, '{}'))
    await waitUntil(() => statesSeenBy(watcher).has(2))
    other.send(speaks(9, 1, '{}'))
    await waitUntil(() => statesSeenBy(watcher).has(9))
    expect([...statesSeenBy(watcher).keys()]).toEqual([1, 2, 9])
  })

  test('that is too long closes the socket', async () => {
    const { url } = await runningRelay({ limits: { awarenessStateLengthMax: 20 } })
    const socket = await speaker(url)
    socket.send(speaks(1, 1, JSON.stringify({ name: 'x'.repeat(20) })))
    expect((await once(socket, 'close'))[0]).toBe(4400)
  })

  test('that is not said again is taken back', async () => {
    const time = manualTime()
    const { url } = await runningRelay({ time })
    const watcher = stockClient(url, 'doc')
    const socket = await speaker(url)
    socket.send(speaks(5, 1, '{}'))
    await waitUntil(() => statesSeenBy(watcher).has(5))
    await waitUntil(() => {
      time.advance(1_000)
      return !statesSeenBy(watcher).has(5)
    })
    expect(socket.readyState).toBe(WebSocket.OPEN)
  })
})
