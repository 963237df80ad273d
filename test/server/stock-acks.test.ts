import { once } from 'node:events'
import * as decoding from 'lib0/decoding'
import { describe, expect, onTestFinished, test } from 'vitest'
import { WebSocket } from 'ws'
import * as Y from 'yjs'
import {
  decodeYWebsocketMessage,
  encodeYWebsocketMessage,
  type YWebsocketMessage,
} from '../../src/protocol/y-websocket.ts'
import { createMemoryStorage } from '../../src/storage/memory-storage.ts'
import { gatedStorage } from '../support/gated-storage.ts'
import { waitUntil } from '../support/wait-until.ts'
import { runningRelay } from './running-relay.ts'
import { stockClient, synced } from './stock-clients.ts'
import { writer } from './writer.ts'

async function socketOn(url: string) {
  const socket = new WebSocket(`${url}/my-doc`)
  onTestFinished(() => socket.terminate())
  const acks: number[] = []
  const asked: Uint8Array[] = []
  socket.on('message', (data: Buffer) => {
    const message = decodeYWebsocketMessage(new Uint8Array(data))
    if (message?.type === 'ack') acks.push(message.count)
    if (message?.type === 'sync-request') asked.push(message.stateVector)
  })
  await once(socket, 'open')
  const send = (message: YWebsocketMessage) => socket.send(encodeYWebsocketMessage(message))
  return { socket, acks, asked, send }
}

const gatedRelay = async () => {
  const storage = gatedStorage(createMemoryStorage())
  return { storage, ...(await runningRelay({ storage })) }
}

describe('a stock client that asks for acks', () => {
  test('gets them when what it sent is durable, cumulative', async () => {
    const { url, storage } = await gatedRelay()
    const { acks, asked, send } = await socketOn(url)
    await waitUntil(() => asked.length === 1)
    storage.hold()
    const { append } = writer(1)
    send({ type: 'ack-request' })
    for (const text of ['a', 'b', 'c']) send({ type: 'update', update: append(text) })
    // What comes after them on the socket has been handled.
    send({ type: 'sync-request', stateVector: Uint8Array.of(0) })
    await new Promise(resolve => setImmediate(resolve))
    expect(acks).toEqual([])
    storage.release()
    await waitUntil(() => acks.at(-1) === 3)
    send({ type: 'update', update: append('d') })
    await waitUntil(() => acks.at(-1) === 4)
  })

  test('gets none beyond an update that has a gap, until it has answered', async () => {
    const { url } = await gatedRelay()
    const { acks, asked, send } = await socketOn(url)
    await waitUntil(() => asked.length === 1)
    const lost = writer(1)
    const whole = writer(2)
    send({ type: 'sync-answer', update: Uint8Array.of(0, 0) })
    send({ type: 'ack-request' })
    lost.append('lost')
    send({ type: 'update', update: lost.append('more') })
    send({ type: 'update', update: whole.append('x') })
    await waitUntil(() => asked.length === 2)
    expect(acks).toEqual([])
    send({ type: 'sync-answer', update: Y.encodeStateAsUpdate(lost.doc, asked[1]) })
    await waitUntil(() => acks.length > 0)
    expect(acks).toEqual([3])
  })

  test('can be an unmodified provider with one handler more', async () => {
    const { url } = await gatedRelay()
    const { provider, doc } = stockClient(url, 'my-doc')
    let durable = 0
    provider.messageHandlers[100] = (_encoder, decoder) => {
      decoding.readVarUint(decoder)
      durable = decoding.readVarUint(decoder)
    }
    await synced({ provider, doc })
    provider.ws?.send(Uint8Array.of(100, 0))
    doc.getText('text').insert(0, 'a')
    doc.getText('text').insert(0, 'b')
    await waitUntil(() => durable === 2)
  })
})

test('a stock client that does not ask gets no acks', async () => {
  const { url } = await gatedRelay()
  const { acks, asked, send } = await socketOn(url)
  send({ type: 'update', update: writer(1).append('a') })
  send({ type: 'sync-request', stateVector: Uint8Array.of(0) })
  const watcher = stockClient(url, 'my-doc')
  await waitUntil(() => watcher.doc.getText('text').length === 1)
  expect(asked.length).toBeGreaterThan(0)
  expect(acks).toEqual([])
})
