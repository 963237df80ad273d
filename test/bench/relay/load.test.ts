/** What the load of the relay's benchmarks rests on: if this is wrong, so are the figures. */
import { once } from 'node:events'
import type { AddressInfo } from 'node:net'
import { expect, onTestFinished, test } from 'vitest'
import { WebSocketServer } from 'ws'
import * as Y from 'yjs'
import { runningRelay } from '../../server/running-relay.ts'
import { waitUntil } from '../../support/wait-until.ts'
import { AckedWriter } from './acked-writer.ts'
import { connectClient } from './bench-client.ts'
import { plain, stock } from './dialect.ts'
import {
  mapName,
  NumberScanner,
  numberedKey,
  numberedUpdate,
  numberedValue,
} from './numbered-updates.ts'
import { quantile } from './quantile.ts'
import { MessageSplitter } from './raw-socket.ts'

test('numbered updates are what Yjs writes', () => {
  const written: Uint8Array[] = []
  const doc = new Y.Doc()
  doc.clientID = 300
  doc.on('update', update => written.push(update))
  for (let number = 1; number <= 200; number++) {
    doc.getMap(mapName).set(numberedKey(number), numberedValue(number))
  }
  expect(written).toEqual(written.map((_, index) => numberedUpdate(300, index + 1)))
})

test('a scanner finds the highest number, wherever the bytes are cut', () => {
  const bytes = Buffer.concat([1, 2, 3].map(number => numberedUpdate(1, number)))
  for (let cut = 0; cut <= bytes.length; cut++) {
    const scanner = new NumberScanner()
    scanner.scan(bytes.subarray(0, cut))
    const before = scanner.highest
    scanner.scan(bytes.subarray(cut))
    expect(before).toBeLessThanOrEqual(3)
    expect(scanner.highest).toBe(3)
  }
})

test('messages of any length arrive both ways', async () => {
  const lengths = [0, 1, 125, 126, 65_535, 65_536]
  const server = new WebSocketServer({ port: 0, host: '127.0.0.1' })
  onTestFinished(() => server.close())
  server.on('connection', webSocket => webSocket.on('message', data => webSocket.send(data)))
  await once(server, 'listening')
  const url = `ws://127.0.0.1:${(server.address() as AddressInfo).port}`
  const client = await connectClient({ url, dialect: plain, document: 'any' })
  onTestFinished(() => client.end())
  const splitter = new MessageSplitter()
  const received: Buffer[] = []
  client.onBytes(bytes => received.push(...splitter.push(bytes)))
  client.send(lengths.map((length, index) => new Uint8Array(length).fill(index)))
  await waitUntil(() => received.length === lengths.length)
  expect(received.map(({ length }) => length)).toEqual(lengths)
  expect(received.every((message, index) => message.every(byte => byte === index))).toBe(true)
})

test('a writer knows what is durable, and others read it', async () => {
  const { url } = await runningRelay()
  const reader = await connectClient({ url, dialect: stock, document: 'room:r1/notes' })
  onTestFinished(() => reader.end())
  const scanner = new NumberScanner()
  reader.onBytes(bytes => scanner.scan(bytes))
  const writer = await AckedWriter.connect({ url, document: 'room:r1/notes', clientID: 1 })
  onTestFinished(() => writer.end())
  writer.send(50)
  writer.sendSingly(50)
  await waitUntil(() => writer.acked === 100 && scanner.highest === 100)
})

test('a quantile is the value below which that share lies', () => {
  const samples = Array.from({ length: 100 }, (_, index) => 100 - index)
  expect(quantile(samples, 0.5)).toBe(51)
  expect(quantile(samples, 0.99)).toBe(100)
})
