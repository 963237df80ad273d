import { join } from 'node:path'
import { describe, expect, onTestFinished, test } from 'vitest'
import * as Y from 'yjs'
import type { RelayOptions } from '../../server/relay-options.ts'
import { StorageProbe } from '../../server/storage-probe.ts'
import { seededRandom } from '../../src/base/random.ts'
import { openLevelStorage } from '../../src/storage/level-storage.ts'
import { createMemoryStorage } from '../../src/storage/memory-storage.ts'
import { FailingLevel } from '../storage/failing-level.ts'
import { gatedStorage } from '../support/gated-storage.ts'
import { manualTime } from '../support/manual-time.ts'
import { temporaryDirectory } from '../support/temporary-directory.ts'
import { waitUntil } from '../support/wait-until.ts'
import { frameClient } from './frame-client.ts'
import { runningRelay } from './running-relay.ts'
import { stockClient, synced } from './stock-clients.ts'
import { textOf, writer } from './writer.ts'

const document = 'room:r1/users'
const fails = { code: 'STORAGE_UNAVAILABLE', retryable: true }

async function relayOnFailingDisk(options: Partial<RelayOptions> = {}) {
  const location = join(await temporaryDirectory(), 'data')
  const level = new FailingLevel(location)
  const storage = await openLevelStorage({ location, createDatabase: () => level })
  onTestFinished(() => storage.close())
  const running = await runningRelay({ ...options, storage })
  onTestFinished(() => {
    level.failures = 0
  })
  const text = async () => {
    return textOf(...(await storage.load(document)).updates.map(({ update }) => update))
  }
  return { level, text, ...running }
}

/** Time stands still unless a test moves it, and no link is given up for that. */
function slowRelayOnFailingDisk(time = manualTime()) {
  const limits = { pingMilliseconds: 1e9, deadMilliseconds: 1e9, roomIdleMilliseconds: 1e9 }
  return relayOnFailingDisk({ time, limits: { ...limits, keepAliveMilliseconds: 1e9 } })
}

describe('a room whose disk fails', () => {
  test('is read-only: it is read, and refuses what is new at once, without the disk', async () => {
    const { level, url, relay } = await slowRelayOnFailingDisk()
    const client = await frameClient(url)
    await client.open(document)
    const { append } = writer(1)
    const stored = append('a')
    client.send({ type: 'state', channel: 1, seq: 1, last: true, update: stored })
    await client.next('ack', frame => frame.level === 'durable')
    level.failures = Number.POSITIVE_INFINITY
    client.send({ type: 'update', channel: 1, seq: 2, update: append('b') })
    expect(await client.next('nack')).toMatchObject({ seq: 2, ...fails })
    expect(relay.health()).toMatchObject({
      ...{ ready: false, reasons: ['the storage fails'], rooms: 1, readOnlyRooms: 1 },
    })
    const written = level.batches.length
    const other = await frameClient(url)
    const { doc } = await other.open(document)
    expect(doc.getText('text').toString()).toBe('a')
    // What is there already can be acked, and what is new cannot.
    other.send({ type: 'state', channel: 1, seq: 1, last: true, update: stored })
    await other.next('ack', frame => frame.level === 'durable')
    other.send({ type: 'update', channel: 1, seq: 2, update: writer(2).append('c') })
    expect(await other.next('nack')).toMatchObject({ seq: 2, ...fails })
    expect(level.batches).toHaveLength(written)
  })

  test('tries the disk by itself, and takes writes when it works', async () => {
    const time = manualTime()
    const { level, url, relay, events, text } = await slowRelayOnFailingDisk(time)
    const client = await frameClient(url)
    await client.open(document)
    level.failures = Number.POSITIVE_INFINITY
    const update = writer(1).append('a')
    client.send({ type: 'state', channel: 1, seq: 1, last: true, update })
    await client.next('nack')
    const tries = () => events.filter(({ event }) => event === 'storage-failed').length
    await waitUntil(() => {
      time.advance(1000)
      return tries() > 3
    })
    expect(relay.gauges().readOnlyRooms).toBe(1)
    level.failures = 0
    await waitUntil(() => {
      time.advance(1000)
      return relay.health().ready
    })
    expect(relay.gauges().readOnlyRooms).toBe(0)
    expect(events).toContainEqual({ level: 'info', event: 'storage-works' })
    await client.open(document, 2)
    client.send({ type: 'state', channel: 2, seq: 1, last: true, update })
    await client.next('ack', frame => frame.channel === 2 && frame.level === 'durable')
    expect(await text()).toBe('a')
  })

  test('takes what failed and is stored all the same, once more, and serves it', async () => {
    const { level, url, relay } = await relayOnFailingDisk({ limits: { roomBytesMax: 3_000 } })
    const client = await frameClient(url)
    await client.open(document)
    const { append } = writer(1)
    // Small ones, which are given up for what they take in memory, so that all is read again.
    for (let seq = 1; seq <= 10; seq++) {
      const update = append('a')
      if (seq === 1) client.send({ type: 'state', channel: 1, seq, last: true, update })
      else client.send({ type: 'update', channel: 1, seq, update })
      await client.next('ack', ack => ack.level === 'durable' && ack.seq === seq)
    }
    const large = append('b'.repeat(2_000))
    Object.assign(level, { failures: 1, writesFailing: true })
    client.send({ type: 'update', channel: 1, seq: 11, update: large })
    expect(await client.next('nack')).toMatchObject(fails)
    await waitUntil(() => relay.health().ready)
    const text = async () => {
      return (await (await frameClient(url)).open(document)).doc.getText('text').toString()
    }
    expect(await text()).toHaveLength(2_010)
    await client.open(document, 2)
    client.send({ type: 'state', channel: 2, seq: 1, last: true, update: large })
    await client.next('ack', frame => frame.channel === 2 && frame.level === 'durable')
    expect(await text()).toHaveLength(2_010)
  })

  test('has stock clients read on, and asks them for what they wrote meanwhile', async () => {
    const { level, url, relay, text } = await relayOnFailingDisk()
    const stock = stockClient(url, document)
    await synced(stock)
    level.failures = Number.POSITIVE_INFINITY
    stock.doc.getText('text').insert(0, 'a')
    await waitUntil(() => relay.gauges().readOnlyRooms === 1)
    // Closed once, since an update was lost; what it writes from now on is passed over.
    await waitUntil(() => stock.provider.synced && relay.gauges().connections === 1)
    stock.doc.getText('text').insert(1, 'b')
    const reader = stockClient(url, document)
    await synced(reader)
    expect(Y.encodeStateVector(reader.doc)).toEqual(Uint8Array.of(0))
    level.failures = 0
    await waitUntil(() => reader.doc.getText('text').toString() === 'ab')
    expect(await text()).toBe('ab')
    expect(relay.health()).toMatchObject({ ready: true, readOnlyRooms: 0 })
  })
})

describe('the probe of a storage', () => {
  test('tries at intervals that double up to ten seconds, until one succeeds', async () => {
    const time = manualTime()
    const storage = gatedStorage(createMemoryStorage())
    const failures: number[] = []
    let workedAt = 0
    const probe = new StorageProbe({
      ...{ storage, time, random: seededRandom(1) },
      onFailed: () => failures.push(time.monotonic()),
      onWorking: () => {
        workedAt = time.monotonic()
      },
    })
    storage.refuse()
    probe.start()
    probe.start()
    await time.advanceAsync(60_000)
    const pauses = failures.map((at, index) => at - (failures[index - 1] ?? 0))
    for (const [index, pause] of pauses.entries()) {
      const ceiling = Math.min(10_000, 200 * 2 ** index)
      expect(pause).toBeGreaterThanOrEqual(ceiling / 2)
      expect(pause).toBeLessThanOrEqual(ceiling)
    }
    expect(pauses.length).toBeGreaterThan(8)
    expect(probe.failing).toBe(true)
    storage.accept()
    await time.advanceAsync(10_000)
    expect(workedAt).toBeGreaterThan(60_000)
    expect(probe.failing).toBe(false)
    expect(await storage.records('')).toEqual(new Map())
    expect(time.pending).toBe(0)
  })

  test('ends when it is stopped, also in the middle of a try', async () => {
    const time = manualTime()
    const storage = gatedStorage(createMemoryStorage())
    let told = 0
    const probe = new StorageProbe({
      ...{ storage, time, random: seededRandom(1) },
      onFailed: () => (told += 1),
      onWorking: () => (told += 1),
    })
    storage.hold()
    probe.start()
    await time.advanceAsync(1000)
    probe.stop()
    storage.release()
    await time.advanceAsync(60_000)
    expect({ told, pending: time.pending, failing: probe.failing }).toEqual({
      ...{ told: 0, pending: 0, failing: false },
    })
  })
})
