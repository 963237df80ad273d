import { once } from 'node:events'
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { describe, expect, onTestFinished, test } from 'vitest'
import { WebSocket, WebSocketServer } from 'ws'
import {
  type BatchLink,
  encodeBatch,
  type MessageBatch,
  sendBatch,
} from '../../server/message-batch.ts'
import { acceptUpgrade } from '../../server/websocket-link.ts'
import { createMemoryNetwork } from '../../src/transport/memory-transport.ts'
import { waitUntil } from '../support/wait-until.ts'

const filled = (length: number, value: number) => new Uint8Array(length).fill(value)

function batchOf(items: readonly Uint8Array[], messageBytesMax: number = 0): MessageBatch {
  const item = (index: number) => items[index] as Uint8Array
  const write = (index: number, target: Uint8Array, offset: number) => {
    target.set(item(index), offset)
    return offset + item(index).length
  }
  const { length: count } = items
  return encodeBatch({ count, bytes: index => item(index).length, write }, messageBytesMax)
}

/** Lengths at both sides of where a frame's header grows. */
const messages = [0, 1, 125, 126, 65_535, 65_536].map((length, index) => filled(length, index))

/** A batch link, and what the client at its other end has received. */
async function linked(): Promise<{ link: BatchLink; received: Uint8Array[]; client: WebSocket }> {
  const server = createServer()
  const sockets = new WebSocketServer({ noServer: true, perMessageDeflate: false })
  const accepted = new Promise<BatchLink>(resolve => {
    server.on('upgrade', (request, socket, head) =>
      acceptUpgrade(sockets, { request, socket, head }, resolve),
    )
  })
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  const client = new WebSocket(`ws://127.0.0.1:${(server.address() as AddressInfo).port}`)
  onTestFinished(() => {
    client.terminate()
    server.close()
  })
  const received: Uint8Array[] = []
  client.on('message', (data: Buffer) => received.push(new Uint8Array(data)))
  const link = await accepted
  link.start({ message: () => undefined, close: () => undefined })
  return { link, received, client }
}

describe('a batch', () => {
  test('is framed as RFC 6455 says, once', () => {
    const batch = batchOf([Uint8Array.of(7, 8), filled(126, 1)])
    expect([...batch.frames.subarray(0, 9)]).toEqual([0x82, 2, 7, 8, 0x82, 126, 0, 126, 1])
    expect(batch.frames).toHaveLength(4 + 4 + 126)
  })

  test('joins items up to a length, and leaves a longer one whole', () => {
    const batch = batchOf(
      [1, 2, 3, 9, 1].map((length, index) => filled(length, index)),
      5,
    )
    expect(batch.messages.map(({ length }) => length)).toEqual([3, 3, 9, 1])
    expect(batch.messages[0]).toEqual(Uint8Array.of(0, 1, 1))
    expect(batchOf([]).frames).toHaveLength(0)
  })

  test('arrives in order with what is sent before and after', async () => {
    const { link, received } = await linked()
    link.send(Uint8Array.of(1))
    sendBatch(link, batchOf(messages))
    link.send(Uint8Array.of(2))
    await waitUntil(() => received.length === messages.length + 2)
    expect(received).toEqual([Uint8Array.of(1), ...messages, Uint8Array.of(2)])
  })

  test('may be a message in pieces', async () => {
    const { link, received } = await linked()
    for (const length of [1, 200, 70_000]) {
      link.sendPieces([Uint8Array.of(7, 8), filled(length, 1)])
      link.send(Uint8Array.of(9))
    }
    await waitUntil(() => received.length === 6)
    expect(received.map(({ length }) => length)).toEqual([3, 1, 202, 1, 70_002, 1])
    expect(received[2]?.subarray(0, 3)).toEqual(Uint8Array.of(7, 8, 1))
  })

  test('counts as buffered, and is not sent on a link that closes', async () => {
    const { link, received, client } = await linked()
    sendBatch(link, batchOf([filled(1000, 1)]))
    expect(link.bufferedBytes).toBeGreaterThanOrEqual(1000)
    link.close(1012, 'the relay restarts')
    sendBatch(link, batchOf([filled(1, 2)]))
    await once(client, 'close')
    expect(received).toHaveLength(1)
  })

  test('goes over any other link message by message', async () => {
    const network = createMemoryNetwork()
    const received: Uint8Array[] = []
    network.listen('memory:batch', link => sendBatch(link, batchOf(messages)))
    const link = await network.dial('memory:batch', {
      messageBytesMax: 2 ** 20,
      timeoutMilliseconds: 1000,
    })
    link.start({ message: message => received.push(message), close: () => undefined })
    await waitUntil(() => received.length === messages.length)
    expect(received).toEqual(messages)
  })
})
