import { describe, expect, onTestFinished, test } from 'vitest'
import { createRelay } from '../../../server/relay.ts'
import type { RelayEvent } from '../../../server/relay-options.ts'
import {
  createMemoryNetwork,
  createMemoryStorage,
  definePartition,
  type HealthReport,
  openReplica,
  room,
  type Storage,
} from '../../../src/index.ts'
import { frameClient } from '../../server/frame-client.ts'
import { runningRelay } from '../../server/running-relay.ts'
import { gatedStorage } from '../../support/gated-storage.ts'
import { manualTime } from '../../support/manual-time.ts'
import { startRelayProcess } from '../../support/relay-process.ts'
import { temporaryDirectory } from '../../support/temporary-directory.ts'
import { unclosedStorage } from '../../support/unclosed-storage.ts'
import { waitUntil } from '../../support/wait-until.ts'

const document = 'room:r1/users'
const Users = definePartition<string>({ name: 'users', policy: 'last-write-wins' })

describe('a relay process', () => {
  test('reports at /health what a replica reports of itself, and exports it at /metrics', async () => {
    const relay = await startRelayProcess({ data: await temporaryDirectory() })
    onTestFinished(async () => void (await relay.kill('SIGKILL')))
    const storage = createMemoryStorage()
    const replica = await openReplica({ actor: 'ann', storage, relay: relay.url })
    onTestFinished(() => replica.close())
    const users = await replica.open(room('r1'), Users)
    for (let index = 0; index < 30; index++) users.set(`u${index}`, 'x')
    await replica.flush()

    const pages = relay.url.replace('ws', 'http')
    const health = (await (await fetch(`${pages}/health`)).json()) as HealthReport
    expect(health).toMatchObject({ live: true, ready: true, reasons: [], status: 'healthy' })
    expect(health).toMatchObject({ alerts: [], errors: [], corruption: [], issues: [] })
    expect(Object.keys(health)).toEqual(expect.arrayContaining(Object.keys(replica.health())))
    expect(health.figures).toMatchObject({ connections: 1, documents: 1, storageFailing: 0 })
    expect(health.figures.usedBytes).toBeGreaterThan(1e6)
    expect(health.figures.residentBytes).toBeGreaterThan(1e6)
    expect(health.figures.updatesPerSecond).toBeGreaterThan(0)
    expect(health.figures.idleMilliseconds).toBeLessThan(60_000)

    const metrics = await (await fetch(`${pages}/metrics`)).text()
    expect(metrics).toContain('statemesh_health_status 0')
    expect(metrics).toContain('statemesh_health{signal="connections"} 1')
    expect(metrics).toMatch(/statemesh_health\{signal="usedBytes"\} \d{7}/)
    expect(metrics).toContain('statemesh_connections 1')
  })
})

describe('a relay', () => {
  test('logs alerts as they are raised and cleared, and is ready all the same', async () => {
    const time = manualTime()
    let usedBytes = 1
    const events: RelayEvent[] = []
    const relay = await createRelay({
      storage: createMemoryStorage(),
      time,
      memory: () => ({ usedBytes }),
      thresholds: { usedBytes: { warning: 100, critical: 1000 } },
      onEvent: event => events.push(event),
    })
    onTestFinished(() => relay.close())
    usedBytes = 2000
    time.advance(10_000)
    expect(relay.health()).toMatchObject({ status: 'failing', ready: true })
    usedBytes = 1
    time.advance(10_000)
    expect(relay.health()).toMatchObject({ status: 'healthy', alerts: [] })
    expect(events.filter(({ event }) => event === 'alert')).toEqual([
      expect.objectContaining({ level: 'error', code: 'usedBytes' }),
      expect.objectContaining({ level: 'info', code: 'usedBytes' }),
    ])
  })

  test('is failing and not ready while its storage refuses writes, and counts the errors', async () => {
    const storage = gatedStorage(createMemoryStorage())
    const relay = await createRelay({ storage })
    onTestFinished(() => relay.close())
    const network = createMemoryNetwork()
    const request = { path: '/', subprotocol: 'statemesh.v1' }
    network.listen('memory:relay', link => relay.accept(link, request))
    const replica = await openReplica({
      actor: 'ann',
      storage: createMemoryStorage(),
      relay: 'memory:relay',
      transport: network,
    })
    onTestFinished(() => replica.close())
    const users = await replica.open(room('r1'), Users)
    await replica.synced()
    storage.refuse()
    users.set('alice', 'x')
    await waitUntil(() => !relay.health().ready)
    const { status, reasons, figures, errors } = relay.health()
    expect({ status, reasons }).toEqual({ status: 'failing', reasons: ['the storage fails'] })
    expect(figures.storageFailing).toBe(1)
    expect(errors).toContainEqual(expect.objectContaining({ code: 'STORAGE_UNAVAILABLE' }))
    storage.accept()
    await replica.flush()
    expect(relay.health()).toMatchObject({ ready: true, status: 'healthy' })
  })

  test('counts damage that a compaction finds, and has replicas bring it all again', async () => {
    const memory = createMemoryStorage()
    for (let write = 0; write < 3; write++) await memory.append(document, Uint8Array.of(0, 0))
    let loads = 0
    const storage: Storage = {
      ...unclosedStorage(memory),
      load: async name => {
        loads += 1
        if (loads === 1) return memory.load(name)
        return { updates: [], damaged: [{ document, clock: 0, reason: 'its seal is broken' }] }
      },
    }
    const compaction = { updatesMax: 1, pauseMilliseconds: 1 }
    const { relay, url, events } = await runningRelay({ storage, compaction })
    const { generation } = relay.health()
    await (await frameClient(url)).open(document)
    await waitUntil(() => events.some(({ event }) => event === 'damaged'))
    const health = relay.health()
    expect(health.generation).not.toBe(generation)
    expect(health.figures.corruptions).toBe(1)
    expect(health.corruption[0]?.message).toBe(`${document}: update 0: its seal is broken`)
    expect(health).toMatchObject({ status: 'degraded', ready: true })
  })
})
