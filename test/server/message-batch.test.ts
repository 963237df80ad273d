import { once } from 'node:events'
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { describe, expect, onTestFinished, test } from 'vitest'
import { WebSocket, WebSocketServer } from 'ws'
import { batchLink } from '../../server/batch-link.ts'
import { type BatchLink, MessageBatch, sendBatch } from '../../server/message-batch.ts'
import { createMemoryNetwork } from '../../src/transport/memory-transport.ts'
import { waitUntil } from '../support/wait-until.ts'

const filled = (length: number, value: number) => new Uint8Array(length).fill(value)

/** Lengths at both sides of where a frame's header grows. */
const messages = [0, 1, 125, 126, 65_535, 65_536].map((length, index) => filled(length, index))

/** A batch link, and what the client at its other end has received. */
async function linked(): Promise<{ link: BatchLink; received: Uint8Array[]; client: WebSocket }> {
  const server = createServer()
  const sockets = new WebSocketServer({ noServer: true, perMessageDeflate: false })
  const accepted = new Promise<BatchLink>(resolve => {
    server.on('upgrade', (request, socket, head) =>
      sockets.handleUpgrade(request, socket, head, webSocket =>
        resolve(batchLink(webSocket, socket)),
      ),
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
    const batch = new MessageBatch([Uint8Array.of(7, 8), filled(126, 1)])
    expect([...batch.frames.subarray(0, 9)]).toEqual([0x82, 2, 7, 8, 0x82, 126, 0, 126, 1])
    expect(batch.frames).toHaveLength(4 + 4 + 126)
    expect(batch.frames).toBe(batch.frames)
  })

  test('arrives in order with what is sent before and after', async () => {
    const { link, received } = await linked()
    link.send(Uint8Array.of(1))
    sendBatch(link, new MessageBatch(messages))
    link.send(Uint8Array.of(2))
    await waitUntil(() => received.length === messages.length + 2)
    expect(received).toEqual([Uint8Array.of(1), ...messages, Uint8Array.of(2)])
  })

  test('counts as buffered, and is not sent on a link that closes', async () => {
    const { link, received, client } = await linked()
    sendBatch(link, new MessageBatch([filled(1000, 1)]))
    expect(link.bufferedBytes).toBeGreaterThanOrEqual(1000)
    link.close(1012, 'the relay restarts')
    sendBatch(link, new MessageBatch([filled(1, 2)]))
    await once(client, 'close')
    expect(received).toHaveLength(1)
  })

  test('goes over any other link message by message', async () => {
    const network = createMemoryNetwork()
    const received: Uint8Array[] = []
    network.listen('memory:batch', link => sendBatch(link, new MessageBatch(messages)))
    const link = await network.dial('memory:batch', {
      messageBytesMax: 2 ** 20,
      timeoutMilliseconds: 1000,
    })
    link.start({ message: message => received.push(message), close: () => undefined })
    await waitUntil(() => received.length === messages.length)
    expect(received).toEqual(messages)
  })
})
