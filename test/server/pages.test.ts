import { describe, expect, test } from 'vitest'
import { RelayMetrics } from '../../server/metrics.ts'
import { createMemoryStorage } from '../../src/storage/memory-storage.ts'
import { mintToken, tokenVerifier } from '../../src/trust/token.ts'
import { gatedStorage } from '../support/gated-storage.ts'
import { manualTime } from '../support/manual-time.ts'
import { waitUntil } from '../support/wait-until.ts'
import { frameClient } from './frame-client.ts'
import { runningRelay } from './running-relay.ts'
import { writer } from './writer.ts'

const secret = 'a secret of more than thirty-two bytes'

function mint(rights: 'write' | 'admin', subject = 'someone'): Promise<string> {
  const grants = [{ scope: '*', partition: '*', rights }]
  return mintToken(secret, { subject, grants, seconds: 60 })
}

async function page(url: string, path: string, options: RequestInit & { token?: string } = {}) {
  const { token, ...init } = options
  const headers: HeadersInit = token === undefined ? {} : { authorization: `Bearer ${token}` }
  const response = await fetch(url.replace('ws', 'http') + path, { ...init, headers })
  const body = await response.text()
  return { status: response.status, body, json: () => JSON.parse(body) as Record<string, unknown> }
}

/** The value of a figure; undefined if it is not there. */
function figure(text: string, name: string): number | undefined {
  const line = text.split('\n').find(candidate => candidate.startsWith(`statemesh_${name} `))
  return line === undefined ? undefined : Number(line.split(' ').at(-1))
}

const isDurable = ({ level }: { level: string }) => level === 'durable'

describe('/health', () => {
  test('says that the relay is live and ready, and how much goes on', async () => {
    const { url } = await runningRelay()
    await (await frameClient(url)).open('doc')
    const health = await page(url, '/health')
    expect(health.status).toBe(200)
    expect(health.json()).toMatchObject({
      live: true,
      ready: true,
      reasons: [],
      rooms: 1,
      connections: 1,
    })
    expect((await page(url, '/health/live')).json()).toEqual({ live: true })
    expect((await page(url, '/health/ready')).status).toBe(200)
    expect(await page(url, '/health', { method: 'HEAD' })).toMatchObject({ status: 200, body: '' })
  })

  test('says why it is not ready: a failing storage, until it works again', async () => {
    const storage = gatedStorage(createMemoryStorage())
    const { url } = await runningRelay({ storage })
    const client = await frameClient(url)
    await client.open('doc', 1)
    storage.refuse()
    client.send({ type: 'state', channel: 1, seq: 1, last: true, update: writer(1).append('a') })
    await client.next('nack')
    const failing = await page(url, '/health')
    expect(failing.status).toBe(503)
    expect(failing.json()).toMatchObject({
      live: true,
      ready: false,
      reasons: ['the storage fails'],
    })
    storage.accept()
    await waitUntil(async () => (await page(url, '/health/ready')).status === 200)
    await client.open('doc', 2)
    client.send({ type: 'state', channel: 2, seq: 1, last: true, update: writer(1).append('a') })
    await client.next('ack', isDurable)
  })

  test('tells strangers nothing of what goes on where tokens are asked for', async () => {
    const { url } = await runningRelay({ tokens: tokenVerifier({ secret }) })
    expect((await page(url, '/health')).json()).toEqual({ live: true, ready: true, reasons: [] })
    const admin = await page(url, '/health', { token: await mint('admin') })
    expect(admin.json()).toMatchObject({ connections: 0 })
    expect((await page(url, '/health', { token: 'x' })).status).toBe(401)
  })
})

describe('/metrics', () => {
  test('counts what happens', async () => {
    const metrics = new RelayMetrics()
    const { url } = await runningRelay({ meter: metrics }, { metrics })
    const client = await frameClient(url)
    await client.open('doc')
    const { append } = writer(1)
    const first = append('a')
    client.send({ type: 'state', channel: 1, seq: 1, last: true, update: first })
    client.send({ type: 'update', channel: 1, seq: 2, update: append('b') })
    await client.next('ack', frame => isDurable(frame) && frame.seq === 2)
    const broken = Uint8Array.of(9, 9, 9)
    client.send({ type: 'update', channel: 1, seq: 3, update: broken })
    await client.next('nack')
    const { status, body } = await page(url, '/metrics')
    expect(status).toBe(200)
    expect(figure(body, 'updates_total')).toBe(3)
    expect(figure(body, 'update_bytes_total')).toBeGreaterThan(first.length)
    expect(figure(body, 'connections')).toBe(1)
    expect(figure(body, 'rooms')).toBe(1)
    expect(figure(body, 'queued_bytes')).toBe(0)
    expect(figure(body, 'commit_entries_sum')).toBe(1)
    expect(figure(body, 'commit_seconds_count')).toBeGreaterThan(0)
    expect(figure(body, 'ack_seconds_count')).toBeGreaterThan(0)
    expect(figure(body, 'compactions_total')).toBe(0)
    expect(figure(body, 'rejected_total{code="UPDATE_INVALID"}')).toBe(1)
  })

  test('belong to one relay each', async () => {
    const [first, second] = [new RelayMetrics(), new RelayMetrics()]
    first.update(10)
    expect((await first.text()).body).toContain('statemesh_updates_total 1')
    expect((await second.text()).body).toContain('statemesh_updates_total 0')
  })

  test('tell how late the event loop is', async () => {
    const time = manualTime()
    const metrics = new RelayMetrics()
    const stop = metrics.watchLag(time)
    time.advance(1000)
    stop()
    time.advance(1000)
    expect((await metrics.text()).body).toContain('statemesh_event_loop_lag_seconds_count 5')
    expect(time.pending).toBe(0)
  })

  test('need the token of an administrator where tokens are asked for', async () => {
    const metrics = new RelayMetrics()
    const { url } = await runningRelay({ tokens: tokenVerifier({ secret }) }, { metrics })
    expect((await page(url, '/metrics')).status).toBe(401)
    expect((await page(url, '/metrics', { token: await mint('write') })).status).toBe(403)
    expect((await page(url, '/metrics', { token: await mint('admin') })).status).toBe(200)
  })
})

describe('administrators', () => {
  test('see what was refused', async () => {
    const { url } = await runningRelay()
    const client = await frameClient(url)
    await client.open('room:r1/users')
    const update = Uint8Array.of(9, 9, 9)
    client.send({ type: 'state', channel: 1, seq: 1, last: true, update })
    await client.next('nack')
    const { body } = await page(url, '/quarantine')
    expect(JSON.parse(body)).toMatchObject([
      { document: 'room:r1/users', code: 'UPDATE_INVALID', length: 3, update: 'CQkJ' },
    ])
  })

  test('revoke tokens', async () => {
    const { url } = await runningRelay({ tokens: tokenVerifier({ secret }) })
    const client = await frameClient(url, undefined, await mint('write', 'thief'))
    const body = JSON.stringify({ subject: 'thief' })
    const post = { method: 'POST', body }
    expect((await page(url, '/revoke', post)).status).toBe(401)
    expect((await page(url, '/revoke', { ...post, token: await mint('write') })).status).toBe(403)
    const token = await mint('admin')
    expect((await page(url, '/revoke', { ...post, token })).status).toBe(200)
    expect(await client.closed).toBe(4403)
    for (const bad of [
      '',
      '{}',
      '{"subject":1}',
      '{"subject":"a","tokenId":"b"}',
      'x'.repeat(9000),
    ]) {
      expect((await page(url, '/revoke', { method: 'POST', body: bad, token })).status).toBe(400)
    }
  })
})

test('other pages are not found', async () => {
  const { url } = await runningRelay()
  for (const path of ['/', '/metrics', '/health/', '/admin']) {
    expect((await page(url, path)).status).toBe(404)
  }
  expect((await page(url, '/health', { method: 'POST' })).status).toBe(404)
})
