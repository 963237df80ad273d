import { readdir, readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { describe, expect, onTestFinished, test } from 'vitest'
import { StatemeshError } from '../../src/base/error.ts'
import { openLevelStorage } from '../../src/storage/level-storage.ts'
import { createMemoryStorage } from '../../src/storage/memory-storage.ts'
import type { Storage } from '../../src/storage/storage.ts'
import { type RelayProcess, startRelayProcess } from '../support/relay-process.ts'
import { temporaryDirectory } from '../support/temporary-directory.ts'
import { waitUntil } from '../support/wait-until.ts'
import { type FrameClient, frameClient } from './frame-client.ts'
import { type RunningRelay, runningRelay } from './running-relay.ts'
import { writer } from './writer.ts'

/** How many bytes of text each document has. */
const textBytes = 1_000

/** Opens documents in turn, each with a text by a client of its own. */
async function use(url: string, documents: readonly string[]): Promise<FrameClient> {
  const client = await frameClient(url)
  for (const [index, document] of documents.entries()) {
    const channel = index + 1
    await client.open(document, channel)
    const update = writer(channel).append('x'.repeat(textBytes))
    client.send({ type: 'state', channel, seq: 1, last: true, update })
    await client.next('ack', ack => ack.level === 'durable' && ack.channel === channel)
  }
  return client
}

/** A storage whose relay was stopped while these documents were in use. */
async function storageInUse(...documents: readonly string[]): Promise<Storage> {
  const storage = createMemoryStorage()
  const { url, server } = await runningRelay({ storage })
  await use(url, documents)
  await server.close()
  return storage
}

/** Resolves when it has read what it reads. */
async function hasRead({ events }: RunningRelay): Promise<void> {
  await waitUntil(() => events.some(({ event }) => event === 'read-ahead'))
}

/** Counts what is loaded from a storage, and can hold it back. */
function watchLoads(storage: Storage): { loaded: string[]; hold(): () => void } {
  const load = storage.load.bind(storage)
  const loaded: string[] = []
  let held: Promise<void> | undefined
  storage.load = async document => {
    loaded.push(document)
    await held
    return load(document)
  }
  return {
    loaded,
    hold() {
      let release = () => {}
      held = new Promise(resolve => {
        release = resolve
      })
      return release
    },
  }
}

async function relayProcess(data: string): Promise<RelayProcess> {
  const relay = await startRelayProcess({ data, flags: ['--ping-milliseconds', '200'] })
  onTestFinished(async () => void (await relay.kill('SIGKILL')))
  return relay
}

/** What LevelDB has written, and not sorted yet, stands in its log as it is. */
async function levelLogHas(data: string, text: string): Promise<boolean> {
  const logs = (await readdir(data)).filter(name => name.endsWith('.log'))
  const contents = await Promise.all(logs.map(name => readFile(join(data, name), 'latin1')))
  return contents.some(content => content.includes(text))
}

describe('what was in use when a relay stopped', () => {
  test('is in memory after the start, before anybody asks for it', async () => {
    const location = await temporaryDirectory()
    const first = await openLevelStorage({ location })
    const before = await runningRelay({ storage: first })
    await use(before.url, ['room:r1/notes', 'not one of ours', 'room:r2/notes'])
    await before.server.close()
    await first.close()

    const storage = await openLevelStorage({ location })
    onTestFinished(() => storage.close())
    const { loaded } = watchLoads(storage)
    const running = await runningRelay({ storage })
    await hasRead(running)
    expect(running.relay.health()).toMatchObject({ ready: true, connections: 0, rooms: 3 })
    expect(running.relay.gauges().readAhead).toBe(3)
    expect(loaded).toEqual(['room:r2/notes', 'not one of ours', 'room:r1/notes'])
    const { doc } = await (await frameClient(running.url)).open('room:r1/notes')
    expect(doc.getText('text').length).toBe(textBytes)
    expect(loaded).toHaveLength(3)
  })

  test.each(['SIGTERM', 'SIGKILL'] as const)('is that also after %s', async signal => {
    const data = await temporaryDirectory()
    const first = await relayProcess(data)
    await use(first.url, ['room:r1/notes'])
    if (signal === 'SIGKILL') {
      await waitUntil(() => levelLogHas(data, '[["room:r1/notes",'), { timeout: 15_000 })
    }
    await first.kill(signal)
    const { url } = await relayProcess(data)
    const page = async (path: string) => (await fetch(url.replace('ws', 'http') + path)).text()
    await waitUntil(async () => (await page('/metrics')).includes('statemesh_read_ahead_total 1\n'))
    expect(JSON.parse(await page('/health'))).toMatchObject({ rooms: 1, connections: 0 })
  })

  test('is read while others join, and who joins it waits for that', async () => {
    const storage = await storageInUse('slow')
    const { loaded, hold } = watchLoads(storage)
    const release = hold()
    const { url, relay } = await runningRelay({ storage })
    await waitUntil(() => loaded.length === 1)
    expect(relay.health().ready).toBe(true)
    const opened = (await frameClient(url)).open('slow')
    await waitUntil(() => relay.gauges().connections === 1)
    release()
    expect((await opened).doc.getText('text').length).toBe(textBytes)
    expect(loaded).toEqual(['slow'])
  })

  test('leaves memory like any idle room, and is then forgotten', async () => {
    const storage = await storageInUse('doc')
    const running = await runningRelay({ storage, limits: { roomIdleMilliseconds: 40 } })
    await hasRead(running)
    await waitUntil(() => running.relay.health().rooms === 0)
    await running.server.close()
    const record = (await storage.records('read-ahead')).get('read-ahead')
    expect(new TextDecoder().decode(record)).toBe('[]')
  })

  test.each([
    ['so many documents', { readAheadDocumentsMax: 2 }, ['c', 'b']],
    ['so many bytes', { readAheadBytesMax: 2.5 * textBytes }, ['c', 'b']],
    ['no documents', { readAheadDocumentsMax: 0 }, []],
    ['no bytes', { readAheadBytesMax: 0 }, []],
  ])('is read as far as %s, from what was opened last', async (_, limits, expected) => {
    const storage = await storageInUse('a', 'b', 'c')
    const record = await storage.records('read-ahead')
    const { loaded } = watchLoads(storage)
    const running = await runningRelay({ storage, limits })
    if (expected.length > 0) await hasRead(running)
    await (await frameClient(running.url)).open('other')
    expect(loaded).toEqual([...expected, 'other'])
    await running.server.close()
    expect(running.relay.gauges().readAhead).toBe(expected.length)
    if (expected.length === 0) expect(await storage.records('read-ahead')).toEqual(record)
  })
})

describe('the record of what was in use', () => {
  const utf8 = (text: string) => new TextEncoder().encode(text)

  test.each([
    ['no text', Uint8Array.of(0xff, 0, 0xff)],
    ['cut short', utf8('[["room:r1/notes",10],["room:r')],
    ['of something else', utf8('{"documents": 3}')],
    ['of names that are none', utf8('[["../etc",10]]')],
  ])('may be damaged: %s', async (_, record) => {
    const storage = await storageInUse('doc')
    await storage.writeRecord('read-ahead', record)
    const running = await runningRelay({ storage })
    await hasRead(running)
    expect(running.events).toMatchObject([{ level: 'warn', code: 'STORAGE_CORRUPT' }])
    const { doc } = await (await frameClient(running.url)).open('doc')
    expect(doc.getText('text').length).toBe(textBytes)
    await running.server.close()
    const next = await runningRelay({ storage })
    await hasRead(next)
    expect(next.relay.gauges().readAhead).toBe(1)
  })

  test('may name what is not there any more', async () => {
    const storage = await storageInUse('doc', 'removed')
    await storage.remove('removed')
    const running = await runningRelay({ storage })
    await hasRead(running)
    const { doc } = await (await frameClient(running.url)).open('removed')
    expect(doc.getText('text').length).toBe(0)
  })

  test('may be unreadable', async () => {
    const storage = await storageInUse('doc')
    const records = storage.records.bind(storage)
    storage.records = async prefix => {
      if (prefix === 'read-ahead') throw new StatemeshError('STORAGE_CORRUPT', 'a bad block')
      return records(prefix)
    }
    const running = await runningRelay({ storage })
    await hasRead(running)
    expect(running.events).toMatchObject([{ level: 'warn', code: 'STORAGE_CORRUPT' }])
    expect(running.relay.health().ready).toBe(true)
  })
})
