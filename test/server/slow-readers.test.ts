import { describe, expect, test } from 'vitest'
import * as Y from 'yjs'
import { createRelay, type Relay } from '../../server/relay.ts'
import { concatBytes } from '../../src/base/bytes.ts'
import { decodeMessage, encodeFrame, type Frame, subprotocol } from '../../src/protocol/frame.ts'
import { decodeYWebsocketMessage, encodeYWebsocketMessage } from '../../src/protocol/y-websocket.ts'
import { createMemoryStorage } from '../../src/storage/memory-storage.ts'
import type { Link, LinkHandlers } from '../../src/transport/transport.ts'
import { type ManualTime, manualTime } from '../support/manual-time.ts'
import { emptyVector, frameClient, hello } from './frame-client.ts'
import { runningRelay } from './running-relay.ts'
import { writer } from './writer.ts'

const document = 'doc'

/** A link whose queue is as long as the test says. */
class StuckLink implements Link {
  bufferedBytes = 0
  readonly sent: Uint8Array[] = []
  closedWith: number | undefined
  #handlers: LinkHandlers | undefined

  start(handlers: LinkHandlers): void {
    this.#handlers = handlers
  }

  send(message: Uint8Array): void {
    this.sent.push(message)
  }

  pause(): void {}

  resume(): void {}

  close(code: number): void {
    this.closedWith ??= code
  }

  receive(...frames: Frame[]): void {
    this.#handlers?.message(concatBytes(frames.map(encodeFrame)))
  }

  receiveBytes(message: Uint8Array): void {
    this.#handlers?.message(message)
  }

  frames(): Frame[] {
    return this.sent.flatMap(message => decodeMessage(message))
  }
}

const open = {
  type: 'open',
  channel: 1,
  document,
  generation: 'test',
  stateVector: emptyVector,
} as const

function connected(relay: Relay, windowBytes: number = 0): StuckLink {
  const link = new StuckLink()
  relay.accept(link, { path: '/', subprotocol })
  link.receive({ ...hello, windowBytes }, open)
  return link
}

async function relayWithWriter(time: ManualTime) {
  const relay = await createRelay({
    storage: createMemoryStorage(),
    time,
    // Only the queue is looked at here, so nobody has to answer pings.
    limits: { queueBytesMax: 1000, deadMilliseconds: 10 ** 9, pingMilliseconds: 10 ** 9 },
  })
  const link = connected(relay)
  await time.advanceAsync(0)
  const { doc, append, deleteFirst } = writer(1)
  let seq = 0
  const send = async (update: Uint8Array) => {
    seq += 1
    if (seq === 1) link.receive({ type: 'state', channel: 1, seq, last: true, update })
    else link.receive({ type: 'update', channel: 1, seq, update })
    await time.advanceAsync(0)
  }
  return { relay, doc, append, deleteFirst, send }
}

function lastSeq(frames: readonly Frame[]): number {
  return Math.max(...frames.map(frame => ('seq' in frame ? frame.seq : 0)))
}

/** The links here never end by themselves, so the relay waits as long as it ever does. */
async function closed(relay: Relay, time: ManualTime): Promise<void> {
  const closing = relay.close()
  await time.advanceAsync(5_000)
  await closing
}

/** The document that a reader of the statemesh dialect was sent, checked as a replica would. */
function docOf(frames: readonly Frame[]): Y.Doc {
  const doc = new Y.Doc()
  for (const frame of frames) {
    if (frame.type === 'state' || frame.type === 'update') Y.applyUpdate(doc, frame.update)
  }
  expect(doc.store.pendingStructs).toBe(null)
  return doc
}

describe('a reader whose queue is long', () => {
  test('is sent nothing, and what it missed when the queue is short', async () => {
    const time = manualTime()
    const { relay, doc, append, deleteFirst, send } = await relayWithWriter(time)
    const reader = connected(relay)
    await send(append('before '))
    expect(docOf(reader.frames()).getText('text').toString()).toBe('before ')
    reader.bufferedBytes = 1001
    const sent = reader.sent.length
    for (let count = 0; count < 250; count++) await send(append(`${count} `))
    await send(deleteFirst(3))
    await time.advanceAsync(1000)
    expect(reader.sent.length).toBe(sent)
    reader.bufferedBytes = 500
    await time.advanceAsync(20)
    expect(Y.encodeStateAsUpdate(docOf(reader.frames()))).toEqual(Y.encodeStateAsUpdate(doc))
    await send(append('after'))
    expect(Y.encodeStateAsUpdate(docOf(reader.frames()))).toEqual(Y.encodeStateAsUpdate(doc))
    const numbered = reader.frames().filter(frame => frame.type === 'update')
    expect(numbered.map(({ seq }) => seq)).toEqual([1, 253])
    await closed(relay, time)
  })

  test('of the stock dialect catches up too', async () => {
    const time = manualTime()
    const { relay, append, send } = await relayWithWriter(time)
    const reader = new StuckLink()
    relay.accept(reader, { path: `/${document}` })
    const stateVector = emptyVector
    reader.receiveBytes(encodeYWebsocketMessage({ type: 'sync-request', stateVector }))
    await send(append('a'))
    reader.bufferedBytes = 1001
    await send(append('b'))
    await send(append('c'))
    reader.bufferedBytes = 0
    await time.advanceAsync(20)
    const doc = new Y.Doc()
    for (const bytes of reader.sent) {
      const message = decodeYWebsocketMessage(bytes)
      if (message && 'update' in message) Y.applyUpdate(doc, message.update)
    }
    expect(doc.getText('text').toString()).toBe('abc')
    await closed(relay, time)
  })

  test('for too long is closed with 1013', async () => {
    const time = manualTime()
    const { relay, append, send } = await relayWithWriter(time)
    const reader = connected(relay)
    await send(append('a'))
    reader.bufferedBytes = 1001
    await send(append('b'))
    await time.advanceAsync(29_000)
    expect(reader.closedWith).toBe(undefined)
    await time.advanceAsync(2_000)
    expect(reader.closedWith).toBe(1013)
    await closed(relay, time)
  })
})

describe('a reader with a window', () => {
  test('is sent no more than that and one update, and the rest with its acks', async () => {
    const time = manualTime()
    const { relay, doc, append, send } = await relayWithWriter(time)
    const reader = connected(relay, 100)
    await time.advanceAsync(0)
    const updates = () => reader.frames().filter(frame => frame.type === 'update')
    for (let count = 0; count < 10; count++) await send(append('x'.repeat(40)))
    const under = updates().reduce((sum, { update }) => sum + update.length, 0)
    expect(under).toBeGreaterThan(100)
    expect(under).toBeLessThan(200)
    const channel = reader.frames().find(frame => frame.type === 'open')?.channel as number
    for (let acks = 0; acks < 10; acks++) {
      const seq = lastSeq(reader.frames())
      reader.receive({ type: 'ack', channel, level: 'durable', seq })
      await time.advanceAsync(0)
    }
    expect(Y.encodeStateAsUpdate(docOf(reader.frames()))).toEqual(Y.encodeStateAsUpdate(doc))
    await closed(relay, time)
  })
})

describe('a closed relay', () => {
  test('leaves no timer behind', async () => {
    const time = manualTime()
    const { relay } = await relayWithWriter(time)
    await closed(relay, time)
    expect(time.pending).toBe(0)
    const late = new StuckLink()
    relay.accept(late, { path: '/doc' })
    expect(late.closedWith).toBe(1012)
  })
})

test('a large document leaves over a socket as it drains, without a wait for a timer', async () => {
  const storage = createMemoryStorage()
  const { append } = writer(1)
  for (let part = 0; part < 12; part++) await storage.append(document, append('x'.repeat(2 ** 20)))
  const limits = { queueBytesMax: 1000 }
  const { url } = await runningRelay({ storage, time: manualTime(), limits })
  const { doc } = await (await frameClient(url)).open(document)
  expect(doc.getText('text').length).toBe(12 * 2 ** 20)
})
