import { describe, expect, test } from 'vitest'
import * as Y from 'yjs'
import { readDocument } from '../../server/stored-document.ts'
import { concatBytes } from '../../src/base/bytes.ts'
import { readUpdateStructure } from '../../src/model/update-structure.ts'
import { encodeFrame } from '../../src/protocol/frame.ts'
import { createMemoryStorage } from '../../src/storage/memory-storage.ts'
import { mergeLog } from '../../src/storage/merge-log.ts'
import type { Storage } from '../../src/storage/storage.ts'
import { waitUntil } from '../support/wait-until.ts'
import { type FrameClient, frameClient } from './frame-client.ts'
import { runningRelay } from './running-relay.ts'
import { textOf, writer } from './writer.ts'

const document = 'room:r1/notes'

function durableUpTo(client: FrameClient, seq: number) {
  return client.next('ack', ack => ack.level === 'durable' && ack.seq >= seq)
}

/** Sends updates as one message: a state and updates behind it. */
function sendTogether(client: FrameClient, updates: readonly Uint8Array[]): void {
  const frames = updates.map((update, index) =>
    index === 0
      ? encodeFrame({ type: 'state', channel: 1, seq: 1, last: true, update })
      : encodeFrame({ type: 'update', channel: 1, seq: index + 1, update }),
  )
  client.sendBytes(concatBytes(frames))
}

describe('updates that arrive together', () => {
  test('are stored as one, and forwarded one by one as they were sent', async () => {
    const storage = createMemoryStorage()
    const { url } = await runningRelay({ storage })
    const [author, reader] = [await frameClient(url), await frameClient(url)]
    await author.open(document)
    const { relayChannel } = await reader.open(document)
    const { append, deleteFirst } = writer(1)
    const updates = [append('one '), append('two '), deleteFirst(4), append('three')]
    sendTogether(author, updates)
    await durableUpTo(author, 4)
    const stored = await storage.load(document)
    expect(stored.updates).toHaveLength(1)
    expect(textOf(...stored.updates.map(({ update }) => update))).toBe('two three')
    for (const update of updates) {
      const frame = await reader.next('update', ({ channel }) => channel === relayChannel)
      expect(frame.update).toEqual(update)
    }
  })

  test('are refused one by one: those before the invalid one are stored', async () => {
    const storage = createMemoryStorage()
    const { url } = await runningRelay({ storage })
    const author = await frameClient(url)
    await author.open(document)
    const { append } = writer(1)
    sendTogether(author, [append('kept'), Uint8Array.of(9, 9), append('lost')])
    expect(await author.next('nack')).toMatchObject({ seq: 2, code: 'UPDATE_INVALID' })
    const { doc } = await (await frameClient(url)).open(document)
    expect(doc.getText('text').toString()).toBe('kept')
  })

  test('of which a part is known already are stored without that part', async () => {
    const storage = createMemoryStorage()
    const { url } = await runningRelay({ storage })
    const author = await frameClient(url)
    await author.open(document)
    const { doc, append } = writer(1)
    const first = append('one ')
    sendTogether(author, [first])
    await durableUpTo(author, 1)
    doc.getMap('map').set('key', 1)
    const whole = Y.encodeStateAsUpdate(doc)
    author.send({ type: 'update', channel: 1, seq: 2, update: whole })
    await durableUpTo(author, 2)
    const { updates } = await storage.load(document)
    expect(updates).toHaveLength(2)
    expect(updates[1]?.update.length).toBeLessThan(whole.length)
    const stored = new Y.Doc()
    for (const { update } of updates) Y.applyUpdate(stored, update)
    expect(Y.encodeStateAsUpdate(stored)).toEqual(whole)
  })
})

describe('a storage that throws where it should reject', () => {
  test('fails the write, and not the relay', async () => {
    const inner = createMemoryStorage()
    let broken = true
    const storage: Storage = {
      load: name => inner.load(name),
      append(name, update) {
        if (broken) throw new Error('no')
        return inner.append(name, update)
      },
      replace: (name, through, update) => inner.replace(name, through, update),
      remove: name => inner.remove(name),
      documents: () => inner.documents(),
      records: prefix => inner.records(prefix),
      writeRecord: (key, value) => inner.writeRecord(key, value),
      close: () => inner.close(),
    }
    const { url, relay } = await runningRelay({ storage })
    const author = await frameClient(url)
    await author.open(document)
    const update = writer(1).append('text')
    sendTogether(author, [update])
    expect(await author.next('nack')).toMatchObject({
      code: 'STORAGE_UNAVAILABLE',
      retryable: true,
    })
    broken = false
    await waitUntil(() => relay.health().ready)
    await author.open(document, 2)
    author.send({ type: 'state', channel: 2, seq: 1, last: true, update })
    await durableUpTo(author, 1)
  })
})

describe('a compacted log', () => {
  const doc = new Y.Doc()
  const updates: Uint8Array[] = []
  doc.on('update', update => updates.push(update))
  for (let index = 0; index < 500; index++) {
    doc.getMap('map').set(`key ${index % 400}`, 'x'.repeat(50))
    doc.getText('text').insert(0, `${index} `)
    if (index % 3 === 0) doc.getText('text').delete(1, 2)
  }
  const compacted = mergeLog(updates.slice(0, 900))

  test('is known by its index as it is by reading all of it', () => {
    const log = [compacted, ...updates.slice(900)]
    const stored = { updates: log.map((update, clock) => ({ clock, update })), damaged: [] }
    const without = { ...stored, updates: stored.updates.map(withoutIndex) }
    const [read, expected] = [readDocument(stored), readDocument(without)]
    expect(read.damage).toEqual([])
    expect(read.state).toEqual(expected.state)
    expect(read.updates.map(({ layout }) => layout)).toEqual(
      expected.updates.map(({ layout }) => layout),
    )
  })

  test('may have some of what it replaces before it, after a crash', () => {
    for (const removed of [0, 1, 450, 899]) {
      const log = [...updates.slice(removed, 900), compacted, ...updates.slice(900)]
      const stored = { updates: log.map((update, clock) => ({ clock, update })), damaged: [] }
      const read = readDocument(stored)
      expect(read.damage).toEqual([])
      const copy = new Y.Doc()
      for (const { update } of read.updates) Y.applyUpdate(copy, update)
      expect(Y.encodeStateAsUpdate(copy)).toEqual(Y.encodeStateAsUpdate(doc))
    }
  })

  test('is served whole, and without its index', async () => {
    const storage = createMemoryStorage()
    for (const update of [compacted, ...updates.slice(900)]) await storage.append(document, update)
    const { url } = await runningRelay({ storage })
    const client = await frameClient(url)
    const opened = await client.open(document)
    expect(Y.encodeStateAsUpdate(opened.doc)).toEqual(Y.encodeStateAsUpdate(doc))
    const [state] = client.all('state')
    const sent = state?.update as Uint8Array
    expect(readUpdateStructure(sent).endOffset).toBe(sent.length)
  })
})

describe('a compaction', () => {
  test('that dropped much is what later joiners get, also while the room is in use', async () => {
    const compaction = { bytesMax: 1, pauseMilliseconds: 1, mergeLog }
    const { url, events } = await runningRelay({ compaction })
    const author = await frameClient(url)
    await author.open(document)
    const overwritten: Uint8Array[] = []
    const doc = new Y.Doc()
    doc.on('update', update => overwritten.push(update))
    for (let index = 0; index < 300; index++) doc.getMap('map').set('key', `value ${index}`)
    const [first, ...others] = overwritten as [Uint8Array, ...Uint8Array[]]
    author.send({ type: 'state', channel: 1, seq: 1, last: true, update: first })
    await durableUpTo(author, 1)
    author.sendBytes(
      concatBytes(
        others.map((update, index) =>
          encodeFrame({ type: 'update', channel: 1, seq: index + 2, update }),
        ),
      ),
    )
    await waitUntil(() => events.some(({ event }) => event === 'compacted'))
    const joiner = await frameClient(url)
    const opened = await joiner.open(document)
    expect(opened.doc.getMap('map').toJSON()).toEqual({ key: 'value 299' })
    expect(joiner.all('state')[0]?.update.length).toBeLessThan(200)
    // What is written now reaches both those before and those after it.
    doc.getMap('map').set('key', 'last')
    const update = overwritten.at(-1) as Uint8Array
    author.send({ type: 'update', channel: 1, seq: 301, update })
    expect((await joiner.next('update')).update).toEqual(update)
    const later = await (await frameClient(url)).open(document)
    expect(later.doc.getMap('map').toJSON()).toEqual({ key: 'last' })
  })
})

function withoutIndex({ clock, update }: { clock: number; update: Uint8Array }) {
  return { clock, update: update.slice(0, readUpdateStructure(update).endOffset) }
}
