import { once } from 'node:events'
import { readdir, rm, writeFile } from 'node:fs/promises'
import { createServer } from 'node:net'
import { join } from 'node:path'
import { describe, expect, onTestFinished, test } from 'vitest'
import * as Y from 'yjs'
import { seededRandom } from '../../src/base/random.ts'
import { openLevelStorage } from '../../src/storage/level-storage.ts'
import { type RelayProcess, startRelayProcess } from '../support/relay-process.ts'
import { runCommandLine as run } from '../support/run-command-line.ts'
import { testSeed } from '../support/seed.ts'
import { temporaryDirectory } from '../support/temporary-directory.ts'
import { waitUntil } from '../support/wait-until.ts'
import { frameClient } from './frame-client.ts'
import { startLoad } from './load.ts'
import { writer } from './writer.ts'

const document = 'room:r1/users'

async function relayOn(data: string): Promise<RelayProcess> {
  const relay = await startRelayProcess({ data })
  onTestFinished(async () => {
    await relay.kill('SIGKILL')
  })
  return relay
}

const health = async ({ url }: RelayProcess) => {
  const response = await fetch(`${url.replace('ws', 'http')}/health`)
  return { status: response.status, body: (await response.json()) as Record<string, unknown> }
}

describe('a restart', () => {
  test('keeps the data; the generation stays after a clean stop and changes after SIGKILL', async () => {
    const data = await temporaryDirectory()
    const first = await relayOn(data)
    const client = await frameClient(first.url)
    const { opened } = await client.open(document)
    client.send({ type: 'state', channel: 1, seq: 1, last: true, update: writer(1).append('a') })
    await client.next('ack', frame => frame.level === 'durable')
    expect(await first.kill('SIGTERM')).toMatchObject({ code: 0 })
    expect(await client.closed).toBe(1012)

    const second = await relayOn(data)
    const reopened = await (await frameClient(second.url)).open(document)
    expect(reopened.doc.getText('text').toString()).toBe('a')
    expect(reopened.opened.generation).toBe(opened.generation)
    await second.kill('SIGKILL')

    const third = await relayOn(data)
    const again = await (await frameClient(third.url)).open(document)
    expect(again.doc.getText('text').toString()).toBe('a')
    expect(again.opened.generation).not.toBe(opened.generation)
  })
})

describe('a long log', () => {
  test('is compacted while the relay works, and holds the same afterwards', async () => {
    const data = await temporaryDirectory()
    const { append } = writer(1)
    const stored = 510
    // Put there: what arrives together at a relay is one entry, and one by one takes an fsync each.
    const storage = await openLevelStorage({ location: data })
    const updates = Array.from({ length: stored }, () => append('x'))
    await Promise.all(updates.map(update => storage.append(document, update)))
    await storage.close()
    const relay = await relayOn(data)
    const author = await frameClient(relay.url)
    await author.open(document)
    const written = 10
    for (let seq = 1; seq <= written; seq++) {
      const update = append('x')
      if (seq === 1) author.send({ type: 'state', channel: 1, seq, last: true, update })
      else author.send({ type: 'update', channel: 1, seq, update })
    }
    await author.next('ack', ack => ack.level === 'durable' && ack.seq === written)
    const load = await startLoad(await frameClient(relay.url), 'other')
    await waitUntil(() => relay.stderr().includes('"compacted"'))
    load.stop()
    await waitUntil(() => load.durable() === load.sent())
    expect(relay.stderr()).not.toContain('compaction-failed')
    await relay.kill('SIGKILL')
    const { doc } = await (await frameClient((await relayOn(data)).url)).open(document)
    expect(doc.getText('text').toString()).toBe('x'.repeat(stored + written))
  })
})

describe('under load', () => {
  test('SIGTERM loses nothing that was received, and exits with 0', async () => {
    const data = await temporaryDirectory()
    const relay = await relayOn(data)
    const load = await startLoad(await frameClient(relay.url), document)
    await waitUntil(() => load.durable() > 500)
    expect(await relay.kill('SIGTERM')).toMatchObject({ code: 0 })
    const { client } = load
    await client.closed
    load.stop()
    const { doc } = await (await frameClient((await relayOn(data)).url)).open(document)
    const kept = Y.getState(doc.store, load.clientID)
    expect(load.received()).toBeGreaterThan(500)
    expect(kept).toBeGreaterThanOrEqual(load.received())
    expect(kept).toBe(load.durable())
  })

  test('SIGKILL loses nothing that was acked as durable', async () => {
    const data = await temporaryDirectory()
    const random = seededRandom(testSeed())
    let relay = await relayOn(data)
    const acked = new Map<number, number>()
    for (let round = 1; round <= 3; round++) {
      const load = await startLoad(await frameClient(relay.url), document, round)
      const enough = 100 + (random.uint32() % 2000)
      await waitUntil(() => load.durable() > enough, { interval: 1 })
      await relay.kill('SIGKILL')
      await load.client.closed
      load.stop()
      acked.set(load.clientID, load.durable())
      relay = await relayOn(data)
      const { doc } = await (await frameClient(relay.url)).open(document)
      for (const [clientID, clock] of acked) {
        expect(Y.getState(doc.store, clientID)).toBeGreaterThanOrEqual(clock)
      }
    }
  })
})

describe('the command line', () => {
  test('prints one line on stdout and answers /health', async () => {
    const relay = await relayOn(await temporaryDirectory())
    const { status, body } = await health(relay)
    expect(status).toBe(200)
    expect(body).toMatchObject({ live: true, ready: true, rooms: 0, connections: 0 })
    const lines = relay.stderr().split('\n').filter(Boolean)
    for (const line of lines) expect(JSON.parse(line)).toHaveProperty('event')
  })

  test('logs what is well a little later, and all of it before it ends', async () => {
    const relay = await relayOn(await temporaryDirectory())
    await frameClient(relay.url)
    await waitUntil(() => relay.stderr().includes('"connected"'))
    await relay.kill('SIGTERM')
    const events = relay
      .stderr()
      .split('\n')
      .filter(Boolean)
      .map(line => JSON.parse(line).event)
    expect(events).toEqual(['connected', 'signal', 'draining', 'disconnected', 'closed'])
  })

  test('says PORT_UNAVAILABLE and exits with 1 when the port is taken', async () => {
    const holder = createServer().listen(0, '127.0.0.1')
    onTestFinished(() => void holder.close())
    await once(holder, 'listening')
    const { port } = holder.address() as { port: number }
    const data = await temporaryDirectory()
    const { code, stdout, stderr } = await run('relay', '--port', String(port), '--data', data)
    expect({ code, stdout }).toEqual({ code: 1, stdout: '' })
    expect(stderr).toContain('PORT_UNAVAILABLE')
  })

  test('says STORAGE_CORRUPT and exits with 1 when the database is damaged', async () => {
    const data = await temporaryDirectory()
    await (await relayOn(data)).kill('SIGTERM')
    const manifest = (await readdir(data)).find(name => name.startsWith('MANIFEST')) as string
    await writeFile(join(data, manifest), 'this is not a manifest')
    const { code, stderr } = await run('relay', '--port', '0', '--data', data)
    expect(code).toBe(1)
    expect(stderr).toContain('STORAGE_CORRUPT')
  })

  test('says STORAGE_CORRUPT where CURRENT is missing, and leaves the data alone', async () => {
    const data = await temporaryDirectory()
    await (await relayOn(data)).kill('SIGTERM')
    await rm(join(data, 'CURRENT'))
    const before = await readdir(data)
    const { code, stderr } = await run('relay', '--port', '0', '--data', data)
    expect(code).toBe(1)
    expect(stderr).toContain('STORAGE_CORRUPT')
    expect(await readdir(data)).toEqual(before)
  })

  test('says STORAGE_LOCKED and exits with 1 when another relay has the database', async () => {
    const data = await temporaryDirectory()
    await relayOn(data)
    const { code, stderr } = await run('relay', '--port', '0', '--data', data)
    expect(code).toBe(1)
    expect(stderr).toContain('STORAGE_LOCKED')
  })

  test('refuses a port that is none', async () => {
    const { code, stderr } = await run('relay', '--port', 'http')
    expect(code).toBe(1)
    expect(stderr).toContain('OPTION_INVALID')
    expect(stderr).toContain('port: ')
  })
})
