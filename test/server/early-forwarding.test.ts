import { join } from 'node:path'
import { describe, expect, onTestFinished, test } from 'vitest'
import * as Y from 'yjs'
import {
  createMemoryStorage,
  definePartition,
  openLevelStorage,
  openReplica,
  type Replica,
  room,
} from '../../src/index.ts'
import { FailingLevel } from '../storage/failing-level.ts'
import { gatedStorage } from '../support/gated-storage.ts'
import { startRelayProcess } from '../support/relay-process.ts'
import { steadyPort } from '../support/steady-port.ts'
import { temporaryDirectory } from '../support/temporary-directory.ts'
import { waitUntil } from '../support/wait-until.ts'
import { emptyVector, type FrameClient, frameClient } from './frame-client.ts'
import { startLoad } from './load.ts'
import { runningRelay } from './running-relay.ts'
import { stockClient, synced } from './stock-clients.ts'
import { textOf, writer } from './writer.ts'

const document = 'room:r1/notes'
const Notes = definePartition({ name: 'notes', policy: 'crdt' })

async function gatedRelay(limits = {}) {
  const storage = gatedStorage(createMemoryStorage())
  return { storage, ...(await runningRelay({ storage, forward: 'early', limits })) }
}

/** A relay on a real database, which fails when it is told. */
async function failingRelay() {
  const location = join(await temporaryDirectory(), 'data')
  const level = new FailingLevel(location)
  const storage = await openLevelStorage({ location, createDatabase: () => level })
  onTestFinished(() => storage.close())
  const running = await runningRelay({ storage, forward: 'early' })
  onTestFinished(() => {
    level.failures = 0
  })
  const stored = async () => {
    return textOf(...(await storage.load(document)).updates.map(({ update }) => update))
  }
  return { level, stored, ...running }
}

async function replicaOf(relay: string): Promise<{ replica: Replica; doc: Y.Doc }> {
  const replica = await openReplica({ actor: 'reader', storage: createMemoryStorage(), relay })
  onTestFinished(() => replica.close())
  const { doc } = await replica.open(room('r1'), Notes)
  await replica.synced()
  return { replica, doc }
}

const shows = (doc: Y.Doc, text: string) => waitUntil(() => doc.getText('text').toString() === text)

/** Sends updates on a channel that has just been opened. */
function sendAll(client: FrameClient, updates: readonly Uint8Array[], channel = 1): void {
  client.send(
    ...updates.map((update, index) =>
      index === 0
        ? ({ type: 'state', channel, seq: 1, last: true, update } as const)
        : ({ type: 'update', channel, seq: index + 1, update } as const),
    ),
  )
}

describe('a relay that forwards early', () => {
  test('sends what is not durable yet, also to who joins, and acks it later', async () => {
    const { storage, url } = await gatedRelay()
    const [author, reader] = [await frameClient(url), await frameClient(url)]
    await author.open(document)
    const { relayChannel } = await reader.open(document)
    storage.hold()
    const { append } = writer(1)
    const updates = [append('a'), append('b')]
    sendAll(author, updates)
    for (const [index, update] of updates.entries()) {
      expect(await reader.next('update')).toEqual({
        ...{ type: 'update', channel: relayChannel, seq: index + 1, update },
      })
    }
    const { opened, doc } = await (await frameClient(url)).open(document)
    expect(doc.getText('text').toString()).toBe('ab')
    expect(opened.stateVector).toEqual(emptyVector) // what it holds durably
    await author.settled()
    expect(author.all('ack').every(({ level }) => level === 'received')).toBe(true)
    storage.release()
    await author.next('ack', ({ level, seq }) => level === 'durable' && seq === 2)
    expect(reader.all('update')).toHaveLength(2)
  })

  test('gives all of it to who joins while the document is read again', async () => {
    const { storage, url } = await gatedRelay({ roomBytesMax: 0 })
    const author = await frameClient(url)
    await author.open(document)
    const { append } = writer(1)
    const [stored, forwarded] = [append('a'), append('b')]
    sendAll(author, [stored])
    await author.next('ack', ({ level }) => level === 'durable')
    storage.hold()
    author.send({ type: 'update', channel: 1, seq: 2, update: forwarded })
    await author.next('ack', ({ seq }) => seq === 2)
    const joiner = await frameClient(url)
    expect((await joiner.open(document)).doc.getText('text').toString()).toBe('ab')
    storage.release()
    await author.next('ack', ({ level, seq }) => level === 'durable' && seq === 2)
    const late = await frameClient(url)
    expect((await late.open(document)).doc.getText('text').toString()).toBe('ab')
    expect(joiner.all('update')).toEqual([])
  })

  test('gets from a replica what its disk lost, deletions too, when the writer is gone', async () => {
    const { level, url, relay, stored } = await failingRelay()
    const author = await frameClient(url)
    await author.open(document)
    const { append, deleteFirst } = writer(1)
    sendAll(author, [append('abc')])
    await author.next('ack', ({ level: reached }) => reached === 'durable')
    const { replica, doc } = await replicaOf(url)
    expect(doc.getText('text').toString()).toBe('abc')
    const { generation } = relay.health()
    level.failures = Number.POSITIVE_INFINITY
    author.send({ type: 'update', channel: 1, seq: 2, update: deleteFirst(1) })
    expect(await author.next('nack')).toMatchObject({ seq: 2, code: 'STORAGE_UNAVAILABLE' })
    author.webSocket.terminate()
    await shows(doc, 'bc')
    const before = await (await frameClient(url)).open(document)
    expect(before.doc.getText('text').toString()).toBe('abc')
    expect(relay.health().generation).not.toBe(generation)
    level.failures = 0
    await waitUntil(async () => (await stored()) === 'bc')
    const after = await (await frameClient(url)).open(document)
    expect(after.doc.getText('text').toString()).toBe('bc')
    await replica.flush()
  })

  test('gets it from a stock client, and forwards it to who did not have it', async () => {
    const { level, url, relay, stored } = await failingRelay()
    const reader = stockClient(url, document)
    await synced(reader)
    const author = await frameClient(url)
    await author.open(document)
    level.failures = Number.POSITIVE_INFINITY
    sendAll(author, [writer(1).append('abc')])
    await author.next('nack')
    author.webSocket.terminate()
    await shows(reader.doc, 'abc')
    const other = await replicaOf(url)
    expect(other.doc.getText('text').toString()).toBe('')
    level.failures = 0
    await shows(other.doc, 'abc')
    await waitUntil(async () => (await stored()) === 'abc') // it is shown before
    expect(relay.health()).toMatchObject({ ready: true, readOnlyRooms: 0 })
  })

  test('voids what builds on a lost update, and takes both when they come again', async () => {
    const { level, url, stored } = await failingRelay()
    const [first, second] = [await frameClient(url), await frameClient(url)]
    await first.open(document)
    const { doc } = await second.open(document)
    level.failures = Number.POSITIVE_INFINITY
    sendAll(first, [writer(1).append('a')])
    const { update } = await second.next('update')
    Y.applyUpdate(doc, update)
    doc.getText('text').insert(1, 'b')
    sendAll(second, [Y.encodeStateAsUpdate(doc)])
    expect(await second.next('nack')).toMatchObject({ code: 'STORAGE_UNAVAILABLE' })
    expect(second.all('ack').every(({ level: reached }) => reached === 'received')).toBe(true)
    level.failures = 0
    await waitUntil(async () => {
      await second.open(document, 2)
      sendAll(second, [Y.encodeStateAsUpdate(doc)], 2)
      await second.settled()
      return (await stored()) === 'ab'
    })
  })

  test('gets from a replica what SIGKILL lost, when the writer never comes back', async () => {
    const data = await temporaryDirectory()
    const port = await steadyPort()
    const start = () =>
      startRelayProcess({ data, port, flags: ['--forward', 'early', '--log-level', 'silent'] })
    let relay = await start()
    onTestFinished(async () => void (await relay.kill('SIGKILL')))
    const { replica, doc } = await replicaOf(relay.url)
    let lost = 0
    // About one round in three; more than a few are hardly ever needed.
    for (let round = 1; round <= 60 && lost === 0; round++) {
      // What one of them sends while the disk is at work for another is forwarded, and waits.
      const writers = [1, 2, 3].map(async writer =>
        startLoad(await frameClient(relay.url), document, 3 * round + writer),
      )
      const loads = await Promise.all(writers)
      await waitUntil(() => loads.every(load => load.durable() > 100), { interval: 1 })
      await new Promise<void>(resolve => doc.once('update', () => resolve()))
      await relay.kill('SIGKILL')
      await Promise.all(loads.map(({ client }) => client.closed))
      for (const load of loads) load.stop()
      // Then it has read what had been sent to it.
      await waitUntil(() => replica.status.link !== 'online')
      // Before the replica can be back: it dials a port on which nobody listens yet.
      const storage = await openLevelStorage({ location: data })
      const { updates } = await storage.load(document)
      await storage.close()
      const survived = new Y.Doc()
      for (const { update } of updates) Y.applyUpdate(survived, update)
      for (const load of loads) {
        const clock = Y.getState(survived.store, load.clientID)
        expect(clock).toBeGreaterThanOrEqual(load.durable())
        lost = Math.max(lost, Y.getState(doc.store, load.clientID) - clock)
      }
      relay = await start()
      await waitUntil(() => replica.status.link === 'online')
    }
    expect(lost).toBeGreaterThan(0)
    await replica.synced()
    const { length } = doc.getText('text')
    await waitUntil(
      async () => {
        const opened = await (await frameClient(relay.url)).open(document)
        return opened.doc.getText('text').length === length
      },
      { interval: 100 },
    )
    expect(doc.getText('text').length).toBe(length)
  })
})
