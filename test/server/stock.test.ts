import { once } from 'node:events'
import { describe, expect, onTestFinished, test } from 'vitest'
import { WebSocket } from 'ws'
import * as Y from 'yjs'
import { createMemoryStorage } from '../../src/storage/memory-storage.ts'
import { gatedStorage } from '../support/gated-storage.ts'
import { waitUntil } from '../support/wait-until.ts'
import { frameClient } from './frame-client.ts'
import { runningRelay } from './running-relay.ts'
import { stockClient, synced } from './stock-clients.ts'
import { textOf, writer } from './writer.ts'

const text = ({ doc }: { doc: Y.Doc }) => doc.getText('text').toString()

/** A socket, and the messages that came on it. */
async function rawSocket(url: string) {
  const socket = new WebSocket(url)
  const messages: number[][] = []
  socket.on('message', (data: Buffer) => messages.push([...data]))
  onTestFinished(() => socket.terminate())
  await once(socket, 'open')
  return { socket, messages }
}

describe('two y-websocket clients', () => {
  test('share text and maps, in both directions', async () => {
    const { url } = await runningRelay()
    const [a, b] = [stockClient(url, 'my-doc'), stockClient(url, 'my-doc')]
    await Promise.all([synced(a), synced(b)])
    a.doc.getText('text').insert(0, 'hello')
    await waitUntil(() => text(b) === 'hello')
    b.doc.getText('text').insert(5, ' world')
    b.doc.getMap('map').set('key', { nested: [1, 2, 3] })
    await waitUntil(() => a.doc.getMap('map').has('key'))
    a.doc.getText('text').delete(0, 1)
    await waitUntil(() => text(b) === 'ello world')
    expect(Y.encodeStateAsUpdate(a.doc)).toEqual(Y.encodeStateAsUpdate(b.doc))
  })

  test('bring what they wrote offline, and a third gets it all', async () => {
    const { url } = await runningRelay()
    const [a, b] = [stockClient(url, 'my-doc'), stockClient(url, 'my-doc')]
    a.doc.getText('text').insert(0, 'a')
    b.doc.getText('text').insert(0, 'b')
    await waitUntil(() => text(a).length === 2 && text(a) === text(b))
    const c = stockClient(url, 'my-doc')
    await synced(c)
    expect(text(c)).toBe(text(a))
  })

  test('that both bring a part of the same text end with all of it, once', async () => {
    const { url } = await runningRelay()
    const [a, b] = [stockClient(url, 'my-doc'), stockClient(url, 'my-doc')]
    const { doc, append } = writer(1)
    append('abc')
    Y.applyUpdate(a.doc, Y.encodeStateAsUpdate(doc))
    append('def')
    Y.applyUpdate(b.doc, Y.encodeStateAsUpdate(doc))
    await waitUntil(() => text(a) === 'abcdef' && text(b) === 'abcdef')
  })

  test('see each other come, change and go', async () => {
    const { url } = await runningRelay()
    const [a, b] = [stockClient(url, 'my-doc'), stockClient(url, 'my-doc')]
    await Promise.all([synced(a), synced(b)])
    a.provider.awareness.setLocalState({ name: 'a' })
    b.provider.awareness.setLocalState({ name: 'b' })
    const seenBy = (client: typeof a, id: number) => client.provider.awareness.getStates().get(id)
    await waitUntil(() => seenBy(b, a.doc.clientID)?.name === 'a')
    await waitUntil(() => seenBy(a, b.doc.clientID)?.name === 'b')
    const c = stockClient(url, 'my-doc')
    await waitUntil(() => seenBy(c, a.doc.clientID)?.name === 'a')
    a.provider.awareness.setLocalStateField('cursor', 3)
    await waitUntil(() => seenBy(c, a.doc.clientID)?.cursor === 3)
    // As if its process had died: it does not take its state back itself.
    ;(a.provider.ws as unknown as WebSocket).terminate()
    a.provider.shouldConnect = false
    await waitUntil(() => seenBy(b, a.doc.clientID) === undefined)
  })

  test('may use names of ours and names with spaces; others are closed for good', async () => {
    const { url, relay } = await runningRelay()
    const [a, b] = [stockClient(url, 'room:r%201/users'), stockClient(url, 'my%20doc')]
    await Promise.all([synced(a), synced(b)])
    expect(relay.health().rooms).toBe(2)
    const bad = stockClient(url, 'my%00doc')
    const closed = await new Promise<{ code: number }>(resolve =>
      bad.provider.on('closed' as never, resolve as never),
    )
    expect(closed.code).toBe(4404)
  })
})

describe('a stock client and a statemesh link', () => {
  test('share a document', async () => {
    const { url } = await runningRelay()
    const stock = stockClient(url, 'room:r1/notes')
    await synced(stock)
    const client = await frameClient(url)
    const { relayChannel } = await client.open('room:r1/notes')
    const { append } = writer(1)
    const update = append('from the link')
    client.send({ type: 'state', channel: 1, seq: 1, last: true, update })
    await waitUntil(() => text(stock) === 'from the link')
    stock.doc.getText('text').insert(0, 'and back ')
    // The first is passed over: it was our own.
    expect(await client.next('skip')).toEqual({ type: 'skip', channel: relayChannel, seq: 1 })
    const back = await client.next('update')
    expect(back.seq).toBe(2)
    expect(textOf(update, back.update)).toBe('and back from the link')
  })
})

describe('a stock socket', () => {
  test('that is silent is kept alive with messages about nobody', async () => {
    const { url } = await runningRelay({ limits: { keepAliveMilliseconds: 40 } })
    const { messages } = await rawSocket(`${url}/my-doc`)
    await waitUntil(() => messages.length >= 4)
    expect(messages.slice(1, 4)).toEqual([
      [1, 1, 0],
      [1, 1, 0],
      [1, 1, 0],
    ])
  })

  test('that sends an invalid update is told why and closed for good', async () => {
    const { url } = await runningRelay()
    const { socket, messages } = await rawSocket(`${url}/my-doc`)
    socket.send(Uint8Array.of(0, 2, 3, 9, 9, 9))
    const [code] = await once(socket, 'close')
    expect(code).toBe(4400)
    const last = messages.at(-1) ?? []
    expect(last.slice(0, 2)).toEqual([2, 0])
    expect(String.fromCharCode(...last)).toContain('UPDATE_INVALID')
  })

  test('that sends an unknown type is not minded', async () => {
    const { url } = await runningRelay()
    const { socket, messages } = await rawSocket(`${url}/my-doc`)
    socket.send(Uint8Array.of(101, 1, 2, 3))
    socket.send(Uint8Array.of(0, 0, 1, 0))
    await waitUntil(() => messages.length === 2)
    expect(messages[1]).toEqual([0, 1, 2, 0, 0])
  })

  test('whose update could not be stored is closed, and its next sync brings it', async () => {
    const storage = gatedStorage(createMemoryStorage())
    const { url } = await runningRelay({ storage })
    const client = stockClient(url, 'my-doc')
    await synced(client)
    storage.refuse()
    client.doc.getText('text').insert(0, 'kept')
    await new Promise(resolve => client.provider.once('connection-close', resolve))
    storage.accept()
    const stored = async () => (await storage.load('my-doc')).updates.map(({ update }) => update)
    await waitUntil(async () => textOf(...(await stored())) === 'kept')
  })
})
