import { describe, expect, onTestFinished, test } from 'vitest'
import {
  createMemoryStorage,
  definePartition,
  type HealthAlertChange,
  IntegrityMonitor,
  openReplica,
  type ReplicaOptions,
  room,
  systemTime,
} from '../../../src/index.ts'
import { startFleet } from '../../replica/fleet.ts'
import { gatedStorage } from '../../support/gated-storage.ts'
import { manualTime } from '../../support/manual-time.ts'
import { unclosedStorage } from '../../support/unclosed-storage.ts'
import { waitUntil } from '../../support/wait-until.ts'

const Users = definePartition<string>({ name: 'users', policy: 'last-write-wins' })
const Plans = definePartition<string>({ name: 'plans', policy: 'manual' })
const here = room('r1')

async function alone(options: Partial<ReplicaOptions> = {}) {
  const storage = createMemoryStorage()
  const replica = await openReplica({ actor: 'ann', storage, ...options })
  onTestFinished(() => replica.close())
  return replica
}

describe('the health of a replica', () => {
  test('has memory, state, rates and times, and leaves out sync without a relay', async () => {
    const time = manualTime()
    const memory = () => ({ usedBytes: 5e6, residentBytes: 9e6 })
    const replica = await alone({ time, memory })
    const users = await replica.open(here, Users)
    for (let index = 0; index < 30; index++) users.set(`u${index}`, 'x')
    time.advance(10_000)
    const { status, figures, lastUpdate, checkedAt, documents, alerts } = replica.health()
    expect(status).toBe('healthy')
    expect(alerts).toEqual([])
    expect(figures).toMatchObject({
      usedBytes: 5e6,
      residentBytes: 9e6,
      documents: 1,
      updatesPerSecond: 0.5,
      idleMilliseconds: 10_000,
      conflicts: 0,
      corruptions: 0,
      storageFailing: 0,
    })
    expect(figures).not.toHaveProperty('syncLagMilliseconds')
    expect(checkedAt - (lastUpdate as number)).toBe(10_000)
    expect(figures.stateBytes).toBe(documents[0]?.bytes)
    expect(documents[0]).toMatchObject({ document: 'room:r1/users', lastUpdate })
    time.advance(61_000)
    expect(replica.health().figures.updatesPerSecond).toBe(0)
  })

  test('knows what is on disk after a restart and after compaction', async () => {
    const storage = createMemoryStorage()
    const first = await openReplica({ actor: 'ann', storage: unclosedStorage(storage) })
    const users = await first.open(here, Users)
    for (let index = 0; index < 600; index++) users.set('one', `${index}`)
    const grown = first.health().figures.stateBytes as number
    await first.flush({ level: 'local' })
    const stored = await storage.load('room:r1/users')
    expect(stored.updates.reduce((sum, { update }) => sum + update.length, 0)).toBe(grown)
    await waitUntil(async () => (await storage.load('room:r1/users')).updates.length === 1)
    const [compacted] = (await storage.load('room:r1/users')).updates
    await waitUntil(() => first.health().figures.stateBytes === compacted?.update.length)
    await first.close()
    const second = await openReplica({ actor: 'ann', storage })
    onTestFinished(() => second.close())
    await second.open(here, Users)
    expect(second.health().figures.stateBytes).toBe(compacted?.update.length)
  })

  test('counts errors by code, and says that the disk fails', async () => {
    const storage = gatedStorage(createMemoryStorage())
    const replica = await alone({ storage })
    const users = await replica.open(here, Users)
    storage.refuse()
    users.set('alice', 'x')
    await expect(replica.flush({ level: 'local' })).rejects.toMatchObject({
      code: 'STORAGE_UNAVAILABLE',
    })
    const { status, figures, errors, alerts } = replica.health()
    expect(status).toBe('failing')
    expect(figures.storageFailing).toBe(1)
    expect(errors[0]).toMatchObject({
      code: 'STORAGE_UNAVAILABLE',
      lastMessage: 'the disk is full',
    })
    expect(alerts).toContainEqual(expect.objectContaining({ signal: 'storageFailing' }))
    storage.accept()
    await waitUntil(() =>
      replica.flush({ level: 'local' }).then(
        () => true,
        () => false,
      ),
    )
    expect(replica.health().status).toBe('healthy')
  })

  test('counts the conflicts of open partitions', async () => {
    const fleet = await startFleet()
    const [ann, bob] = [await fleet.open('ann'), await fleet.open('bob')]
    const [ofAnn, ofBob] = [await ann.open(here, Plans), await bob.open(here, Plans)]
    await Promise.all([ann.synced(), bob.synced()])
    ann.disconnect()
    bob.disconnect()
    ofAnn.set('next', 'a')
    ofBob.set('next', 'b')
    ann.connect()
    bob.connect()
    await waitUntil(() => ofAnn.conflicts().length === 1)
    const { figures, documents } = ann.health()
    expect(figures.conflicts).toBe(1)
    expect(documents[0]).toMatchObject({ document: 'room:r1/plans', conflicts: 1 })
    ofAnn.resolve('next', 'a')
    expect(ann.health().figures.conflicts).toBe(0)
  })

  test('says what the relay lacks, for how long, and that it has it', async () => {
    const fleet = await startFleet()
    const ann = await fleet.open('ann')
    const users = await ann.open(here, Users)
    users.set('alice', 'x')
    await ann.flush()
    expect(ann.health().figures).toMatchObject({ unackedUpdates: 0, syncLagMilliseconds: 0 })
    ann.disconnect()
    users.set('alice', 'y')
    await ann.flush({ level: 'local' }) // what one turn writes is one update
    users.set('alice', 'z')
    await waitUntil(() => (ann.health().figures.syncLagMilliseconds ?? 0) > 20)
    const { figures, documents } = ann.health()
    expect(figures).toMatchObject({ unackedUpdates: 2, unsyncedDocuments: 1 })
    expect(documents[0]).toMatchObject({ unackedUpdates: 2, synced: false })
    ann.connect()
    await ann.flush()
    expect(ann.health().figures).toMatchObject({ unackedUpdates: 0, syncLagMilliseconds: 0 })
    expect(ann.health().documents[0]).toMatchObject({ unackedUpdates: 0, synced: true })
  })

  test('counts what was left unsent by an earlier run', async () => {
    const storage = createMemoryStorage()
    const fleet = await startFleet()
    const offline = await alone({ storage: unclosedStorage(storage) })
    ;(await offline.open(here, Users)).set('alice', 'x')
    await offline.close()
    const ann = await fleet.open('ann', { storage, relay: 'memory:nobody' })
    expect(ann.health().figures.unsyncedDocuments).toBe(1)
    await waitUntil(() => (ann.health().figures.syncLagMilliseconds ?? 0) > 0)
  })

  test('does not take everything for old when the relay is back with an empty store', async () => {
    const fleet = await startFleet()
    let passed = 0
    const time = { ...systemTime, monotonic: () => systemTime.monotonic() + passed }
    const ann = await fleet.open('ann', { time })
    const users = await ann.open(here, Users)
    users.set('alice', 'x')
    await ann.flush()
    await waitUntil(() => ann.status.unsynced === 0)
    passed = 86_400_000
    const storage = gatedStorage(createMemoryStorage())
    await fleet.restartRelay(storage)
    storage.hold()
    onTestFinished(() => storage.release())
    await waitUntil(() => ann.health().figures.unsyncedDocuments === 1)
    expect(ann.health().figures.syncLagMilliseconds).toBeLessThan(60_000)
    storage.release()
    await ann.flush()
    expect(ann.health().figures.syncLagMilliseconds).toBe(0)
  })

  test('sees foreign clocks that are ahead, and this one being set', async () => {
    const fleet = await startFleet()
    const time = manualTime(Date.now())
    const fast = { now: () => Date.now() + 20_000 }
    const ann = await fleet.open('ann')
    const bob = await fleet.open('bob', { time: { ...systemTime, ...fast } })
    const [ofAnn, ofBob] = [await ann.open(here, Users), await bob.open(here, Users)]
    ofBob.set('alice', 'x')
    await waitUntil(() => ofAnn.has('alice'))
    const { figures, alerts } = ann.health()
    expect(figures.clockLeadMilliseconds).toBeGreaterThan(15_000)
    expect(alerts[0]).toMatchObject({ signal: 'clockLeadMilliseconds', level: 'warning' })
    const stepped = await alone({ time })
    stepped.health()
    time.setWallClock(time.now() - 8_000)
    expect(stepped.health().figures.clockStepMilliseconds).toBe(8_000)
  })

  test('has what integrity monitors found', async () => {
    const replica = await alone()
    const run = () => [{ kind: 'mine', message: 'something is off' }]
    const monitor = new IntegrityMonitor({ checks: [{ name: 'mine', run }] })
    const stop = replica.watchIntegrity(monitor)
    expect(replica.health().figures.integrityIssues).toBe(0)
    await monitor.run()
    const { figures, issues, alerts } = replica.health()
    expect(figures.integrityIssues).toBe(1)
    expect(issues).toEqual([expect.objectContaining({ check: 'mine', kind: 'mine' })])
    expect(alerts[0]).toMatchObject({ signal: 'integrityIssues' })
    stop()
    expect(replica.health().figures).not.toHaveProperty('integrityIssues')
  })
})

describe('alerts', () => {
  test('are told as they are raised and cleared, by the clock, once somebody listens', async () => {
    const time = manualTime()
    let usedBytes = 10
    const health = { thresholds: { usedBytes: { warning: 100 } }, everyMilliseconds: 1000 }
    const replica = await alone({ time, memory: () => ({ usedBytes }), health })
    const pending = time.pending
    const alerts: HealthAlertChange[] = []
    replica.on('alert', alert => alerts.push(alert))
    expect(time.pending).toBe(pending + 1)
    usedBytes = 150
    time.advance(5000)
    usedBytes = 90
    time.advance(5000)
    expect(alerts.map(({ change }) => change)).toEqual(['raised'])
    usedBytes = 70
    time.advance(1000)
    expect(alerts.map(({ change, value }) => [change, value])).toEqual([
      ['raised', 150],
      ['cleared', 70],
    ])
    expect(alerts[0]?.message).toContain('usedBytes is 150')
  })

  test('are switched off one by one, and checked when the replica opens', async () => {
    const time = manualTime()
    const replica = await alone({
      time,
      health: { thresholds: { clockStepMilliseconds: undefined } },
    })
    replica.health()
    time.setWallClock(time.now() + 3_600_000)
    expect(replica.health().alerts).toEqual([])
    const thresholds = { conflicts: { warning: -1 } }
    const storage = createMemoryStorage()
    await expect(
      openReplica({ actor: 'ann', storage, health: { thresholds } }),
    ).rejects.toMatchObject({ code: 'OPTION_INVALID' })
  })
})
