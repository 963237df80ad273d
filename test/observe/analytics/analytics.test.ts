import { Registry } from 'prom-client'
import { describe, expect, onTestFinished, test } from 'vitest'
import {
  type AnalyticsReport,
  agent,
  createMemoryStorage,
  definePartition,
  openReplica,
  type Replica,
  type ReplicaOptions,
  registerMetrics,
  room,
  seededRandom,
} from '../../../src/index.ts'
import { ActorTally } from '../../../src/observe/analytics/actor-tally.ts'
import { Growth } from '../../../src/observe/analytics/growth.ts'
import {
  LatencyHistogram,
  latencyBounds,
} from '../../../src/observe/analytics/latency-histogram.ts'
import { startFleet } from '../../replica/fleet.ts'
import { manualTime } from '../../support/manual-time.ts'
import { testSeed } from '../../support/seed.ts'
import { waitUntil } from '../../support/wait-until.ts'

const Users = definePartition<string>({ name: 'users', policy: 'last-write-wins' })
const Events = definePartition<string>({ name: 'events', policy: 'log' })
const Hits = definePartition({ name: 'hits', policy: 'counter' })
const Spend = definePartition({ name: 'spend', policy: 'budget' })
const Notes = definePartition({ name: 'notes', policy: 'crdt' })

async function alone(options: Partial<ReplicaOptions> = {}): Promise<Replica> {
  const replica = await openReplica({ actor: 'ann', storage: createMemoryStorage(), ...options })
  onTestFinished(() => replica.close())
  return replica
}

const entriesOf = ({ documents }: AnalyticsReport) =>
  Object.fromEntries(
    documents.map(({ document, entries, tombstones }) => {
      return [document, [entries, tombstones]]
    }),
  )

describe('analytics', () => {
  test('count documents, bytes, entries and updates by partition and by scope', async () => {
    const replica = await alone()
    const users = await replica.open(room('r1'), Users)
    users.set('alice', 'x')
    users.set('bob', 'y')
    users.delete('bob')
    ;(await replica.open(room('r2'), Users)).set('carol', 'z')
    const events = await replica.open(room('r1'), Events)
    events.append('began')
    events.append('ended')
    const { totals, partitions, scopes, documents } = replica.analytics()
    expect(totals).toMatchObject({ documents: 3, entries: 4, tombstones: 1 })
    expect(totals.updates.local).toBe(6)
    const byPartition = Object.fromEntries(partitions.map(group => [group.partition, group]))
    expect(byPartition.users).toMatchObject({ documents: 2, entries: 2, tombstones: 1 })
    expect(byPartition.events).toMatchObject({ documents: 1, entries: 2, tombstones: 0 })
    const byScope = Object.fromEntries(scopes.map(group => [group.scope, group]))
    expect(byScope['room:r1']).toMatchObject({ documents: 2, entries: 3 })
    expect(byScope['room:r2']).toMatchObject({ documents: 1, entries: 1 })
    expect(totals.bytes).toBe(documents.reduce((sum, { bytes }) => sum + bytes, 0))
    expect(totals.bytes).toBe(replica.health().figures.stateBytes)
  })

  test('have the entries of every kind, the same when counted change by change and at once', async () => {
    const seed = testSeed()
    const random = seededRandom(seed)
    const fleet = await startFleet()
    const [ann, bob] = [await fleet.open('ann'), await fleet.open('bob')]
    const handles = await Promise.all(
      [ann, bob].map(async replica => ({
        users: await replica.open(room('r1'), Users),
        events: await replica.open(room('r1'), Events),
        hits: await replica.open(room('r1'), Hits),
        spend: await replica.open(room('r1'), Spend),
        notes: await replica.open(room('r1'), Notes),
      })),
    )
    ann.analytics() // counted change by change from here on
    for (let step = 0; step < 150; step++) {
      const draw = random.uint32()
      const { users, events, hits, notes } = handles[draw % 2] as (typeof handles)[0]
      const key = `k${draw % 7}`
      if (draw % 5 === 0) users.set(key, `${step}`)
      else if (draw % 5 === 1) users.delete(key)
      else if (draw % 5 === 2) events.append(`${step}`)
      else if (draw % 5 === 3) hits.increment(key)
      else notes.text('t').insert(0, 'x')
      if (draw % 11 === 0) fleet.cut()
      if (draw % 13 === 0) await ann.synced()
    }
    await handles[0]?.spend.mint('tokens', 5)
    await Promise.all([ann.flush(), bob.flush()])
    await Promise.all([ann.synced(), bob.synced()])
    expect(entriesOf(ann.analytics())).toEqual(entriesOf(bob.analytics()))
    const [events, hits] = [handles[0]?.events, handles[0]?.hits]
    expect(entriesOf(ann.analytics())['room:r1/events']).toEqual([events?.length, 0])
    expect([...(hits?.keys() ?? [])].length).toBeLessThanOrEqual(
      entriesOf(ann.analytics())['room:r1/hits']?.[0] as number,
    )
  })

  test('say who writes most, wherever', async () => {
    const fleet = await startFleet()
    const [ann, bob] = [await fleet.open('ann'), await fleet.open('bob')]
    const ofAnn = await ann.open(room('r1'), Users)
    const ofBob = await bob.open(room('r1'), Users)
    const asCarol = await bob.open(agent('carol'), Events, { actor: 'carol' })
    for (let index = 0; index < 3; index++) ofBob.set('k', `${index}`)
    ofAnn.set('mine', 'x')
    for (let index = 0; index < 5; index++) asCarol.append(`${index}`)
    await Promise.all([ann.flush(), bob.flush()])
    await waitUntil(() => ofAnn.get('k') === '2' && ofBob.has('mine'))
    const top = bob.analytics().topActors.map(({ actor, operations }) => [actor, operations])
    expect(top).toEqual([
      ['carol', 5],
      ['bob', 3],
      ['ann', 1],
    ])
    expect(ann.analytics().totals.updates.remote).toBeGreaterThan(0)
  })

  test('time changes, commits, loads and flushes', async () => {
    const fleet = await startFleet()
    const ann = await fleet.open('ann')
    const users = await ann.open(room('r1'), Users)
    users.set('k', 'x')
    await ann.flush({ level: 'local' })
    await ann.flush()
    await ann.synced()
    const { operations } = ann.analytics()
    const timed = Object.keys(operations).sort()
    expect(timed).toEqual(
      ['change.local', 'commit', 'flush.durable', 'flush.local', 'load', 'synced'].sort(),
    )
    const { count, sum, max, p50, buckets } = operations['change.local'] as never
    expect(count).toBe(1)
    expect(sum).toBe(max)
    expect(p50).toBe(max)
    expect((buckets as { count: number }[]).at(-1)?.count).toBe(1)
  })

  test('remember what left memory', async () => {
    const time = manualTime()
    const replica = await alone({ time, idleMilliseconds: 1000 })
    const users = await replica.open(room('r1'), Users)
    users.set('k', 'x')
    const before = replica.analytics().documents[0]
    await replica.flush({ level: 'local' })
    users.close()
    time.advance(1000)
    expect(replica.status.loaded).toBe(0)
    expect(replica.analytics().documents).toEqual([{ ...before, loaded: false }])
    await replica.open(room('r1'), Users)
    expect(replica.analytics().documents).toEqual([before])
  })
})

describe('growth', () => {
  test('is kept by the minute, then by the hour, then by the day, and stays bounded', () => {
    const start = Date.UTC(2026, 0, 1)
    const minute = 60_000
    const growth = new Growth(start)
    const minutes = 500 * 24 * 60
    let state = { bytes: 0, documents: 1 }
    for (let passed = 0; passed < minutes; passed += 5) {
      state = { bytes: passed, documents: 1 }
      growth.update(start + passed * minute, () => state)
    }
    const points = growth.points(start + minutes * minute, () => state)
    expect(points.length).toBeLessThanOrEqual(60 + 48 + 365 + 1)
    expect(points.map(({ at }) => at)).toEqual(points.map(({ at }) => at).sort((a, b) => a - b))
    const hours = points.slice(-109, -62)
    expect(hours.every(({ updates }) => updates === 12)).toBe(true)
    const days = points.slice(10, -110)
    expect(days.every(({ updates }) => updates === 12 * 24)).toBe(true)
    expect(points.at(-1)?.bytes).toBe(minutes - 5)
  })

  test('loses no update while it is remembered', () => {
    const growth = new Growth(0)
    for (let at = 0; at < 30 * 60 * 60_000; at += 7_000) {
      growth.update(at, () => ({ bytes: 1, documents: 1 }))
    }
    const points = growth.points(30 * 60 * 60_000, () => ({ bytes: 1, documents: 1 }))
    const updates = points.reduce((sum, point) => sum + point.updates, 0)
    expect(updates).toBe(Math.ceil((30 * 60 * 60_000) / 7_000))
  })
})

test('a latency histogram has counts below each bound, and quantiles within them', () => {
  const histogram = new LatencyHistogram()
  for (let value = 1; value <= 100; value++) histogram.add(value)
  histogram.add(1e9)
  const { count, sum, mean, max, p50, p99, buckets } = histogram.summary()
  expect([count, max]).toEqual([101, 1e9])
  expect(mean).toBeCloseTo(sum / 101)
  expect([p50, p99]).toEqual([100, 100])
  expect(buckets.map(({ atMost }) => atMost)).toEqual([...latencyBounds])
  expect(buckets.find(({ atMost }) => atMost === 20)?.count).toBe(20)
  expect(buckets.at(-1)?.count).toBe(100)
})

test('the most active actors are remembered among more than can be', () => {
  const tally = new ActorTally()
  for (let round = 0; round < 3; round++) {
    for (let index = 0; index < 20; index++) tally.add('busy', round)
    for (let index = 0; index < 5000; index++) tally.add(`passer-${round}-${index}`, round)
  }
  expect(tally.top(1)).toEqual([{ actor: 'busy', operations: 60, lastAt: 2 }])
  expect(tally.size).toBeLessThanOrEqual(4096)
  const known = tally.top(5000).reduce((sum, { operations }) => sum + operations, 0)
  expect(known + tally.forgotten).toBe(15_060)
})

describe('a registry of prom-client', () => {
  test('collects the figures of a replica', async () => {
    const replica = await alone()
    const users = await replica.open(room('r1'), Users)
    users.set('alice', 'x')
    const registry = new Registry()
    registerMetrics(registry, replica)
    const text = await registry.metrics()
    expect(text).toContain('statemesh_health{signal="documents"} 1')
    expect(text).toContain('statemesh_health_status 0')
    expect(text).toContain('statemesh_state_entries{partition="users"} 1')
    expect(text).toContain(
      'statemesh_operation_seconds_bucket{le="+Inf",operation="change.local"} 1',
    )
    expect(text).toContain('statemesh_operation_seconds_count{operation="change.local"} 1')
    users.set('bob', 'y')
    expect(await registry.metrics()).toContain('statemesh_state_entries{partition="users"} 2')
    expect(await registry.getMetricsAsJSON()).toContainEqual(
      expect.objectContaining({ name: 'statemesh_local_updates_total', type: 'counter' }),
    )
  })

  test('holds several replicas under prefixes of their own', async () => {
    const registry = new Registry()
    registerMetrics(registry, await alone(), 'a_')
    registerMetrics(registry, await alone(), 'b_')
    expect(await registry.metrics()).toMatch(/a_health_status 0[\s\S]*b_health_status 0/)
    const again = await alone()
    expect(() => registerMetrics(registry, again, 'a_')).toThrow('already been registered')
  })
})
