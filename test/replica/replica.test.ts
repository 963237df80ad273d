import { join } from 'node:path'
import { describe, expect, it, onTestFinished } from 'vitest'
import { z } from 'zod'
import {
  agent,
  createMemoryStorage,
  definePartition,
  globalScope,
  openReplica,
  type Replica,
  type ReplicaStatus,
  room,
  StatemeshError,
  websocketTransport,
} from '../../src/index.ts'
import { runningRelay } from '../server/running-relay.ts'
import { gatedStorage } from '../support/gated-storage.ts'
import { temporaryDirectory } from '../support/temporary-directory.ts'
import { unclosedStorage } from '../support/unclosed-storage.ts'
import { waitUntil } from '../support/wait-until.ts'
import { startFleet } from './fleet.ts'

const Users = definePartition({
  name: 'users',
  policy: 'last-write-wins',
  schema: z.object({ name: z.string() }),
})
const Notes = definePartition({ name: 'notes', policy: 'crdt' })
const seconds = { timeoutMilliseconds: 30_000 }

const statusOf = (replica: Replica, wanted: ReplicaStatus['link']) =>
  new Promise<ReplicaStatus>(resolve => {
    if (replica.status.link === wanted) return resolve(replica.status)
    const stop = replica.on('status', status => {
      if (status.link !== wanted) return
      stop()
      resolve(status)
    })
  })

describe('a replica on its own', () => {
  it('writes and reads without a relay, and finds everything after a restart', async () => {
    const storage = join(await temporaryDirectory(), 'replica')
    const first = await openReplica({ actor: 'a1', storage })
    const users = await first.open(room('r1'), Users)
    users.set('alice', { name: 'Alice' })
    const notes = await first.open(agent('a1'), Notes)
    notes.text('body').insert(0, 'hello')
    expect(users.get('alice')).toEqual({ name: 'Alice' })
    await first.close()
    const second = await openReplica({ actor: 'a1', storage })
    expect((await second.open(room('r1'), Users)).get('alice')).toEqual({ name: 'Alice' })
    expect((await second.open(agent('a1'), Notes)).text('body').toString()).toBe('hello')
    expect(second.status).toMatchObject({ link: 'none', unsynced: 2 })
    await second.close()
  })

  it('refuses a second replica on its directory with STORAGE_LOCKED', async () => {
    const storage = await temporaryDirectory()
    const replica = await openReplica({ actor: 'a1', storage })
    await expect(openReplica({ actor: 'a2', storage })).rejects.toMatchObject({
      code: 'STORAGE_LOCKED',
    })
    await replica.close()
  })

  it('says RELAY_NOT_CONFIGURED when asked for what needs a relay', async () => {
    const replica = await openReplica({ actor: 'a1', storage: createMemoryStorage() })
    const error = { code: 'RELAY_NOT_CONFIGURED' }
    await expect(replica.flush()).rejects.toMatchObject(error)
    await expect(replica.flush({ level: 'received' })).rejects.toMatchObject(error)
    await expect(replica.synced()).rejects.toMatchObject(error)
    await replica.flush({ level: 'local' })
    await replica.close()
  })

  it('refuses an invalid actor, and leaves the storage alone', async () => {
    const storage = createMemoryStorage()
    const refused = expect.objectContaining({ code: 'ID_INVALID' })
    await expect(openReplica({ actor: '', storage })).rejects.toEqual(refused)
    expect(await storage.documents()).toEqual([])
    const replica = await openReplica({ actor: 'a1', storage })
    await replica.close()
  })

  it('throws CLOSED from every call after close, and closes its handles', async () => {
    const replica = await openReplica({ actor: 'a1', storage: createMemoryStorage() })
    const users = await replica.open(room('r1'), Users)
    await Promise.all([replica.close(), replica.close()])
    const error = expect.objectContaining({ code: 'CLOSED' })
    expect(() => users.set('alice', { name: 'Alice' })).toThrow(error)
    await expect(replica.open(room('r1'), Users)).rejects.toEqual(error)
    await expect(replica.flush({ level: 'local' })).rejects.toEqual(error)
  })

  it('opens nothing any more once it is closing', async () => {
    const replica = await openReplica({ actor: 'a1', storage: createMemoryStorage() })
    const opening = replica.open(room('r1'), Users)
    const closing = replica.close()
    await expect(opening).rejects.toMatchObject({ code: 'CLOSED' })
    await closing
  })

  it('gives a local flush up in time, and when its signal aborts', async () => {
    const gated = gatedStorage(createMemoryStorage())
    const replica = await openReplica({ actor: 'a1', storage: gated })
    const users = await replica.open(room('r1'), Users)
    gated.hold()
    users.set('alice', { name: 'Alice' })
    await expect(replica.flush({ level: 'local', timeoutMilliseconds: 5 })).rejects.toMatchObject({
      code: 'FLUSH_TIMEOUT',
    })
    const reason = new Error('enough')
    const signal = AbortSignal.abort(reason)
    await expect(replica.flush({ level: 'local', signal })).rejects.toBe(reason)
    gated.release()
    await replica.flush({ level: 'local' })
    await replica.close()
  })

  it('tries a policy function on every order of the siblings when told to', async () => {
    const fleet = await startFleet()
    const First = definePartition<string>({
      name: 'first',
      policy: siblings => siblings[0]?.value,
    })
    const [a, b] = [await fleet.open('a', { checkPolicies: true }), await fleet.open('b')]
    const [ofA, ofB] = [await a.open(room('r1'), First), await b.open(room('r1'), First)]
    const warned = new Promise<StatemeshError>(resolve => a.on('warning', resolve))
    a.disconnect()
    ofA.set('k', 'from a')
    ofB.set('k', 'from b')
    await b.flush(seconds)
    a.connect()
    await a.synced(seconds)
    ofA.get('k')
    expect((await warned).code).toBe('POLICY_FAILED')
  })

  it('reports a failing disk, and saves everything once it is well', async () => {
    const inner = createMemoryStorage()
    const gated = gatedStorage(inner)
    const replica = await openReplica({ actor: 'a1', storage: gated })
    const users = await replica.open(room('r1'), Users)
    const warned = new Promise<StatemeshError>(resolve => replica.on('warning', resolve))
    gated.refuse()
    users.set('alice', { name: 'Alice' })
    await expect(replica.flush({ level: 'local' })).rejects.toMatchObject({
      code: 'STORAGE_UNAVAILABLE',
    })
    expect((await warned).code).toBe('STORAGE_UNAVAILABLE')
    expect(users.get('alice')).toEqual({ name: 'Alice' })
    gated.accept()
    await replica.flush({ level: 'local' })
    expect((await inner.load('room:r1/users')).updates).toHaveLength(1)
    await replica.close()
  })
})

describe('replicas that share a relay', () => {
  it('see each other’s writes, live and when they open later', async () => {
    const fleet = await startFleet()
    const [a, b] = [await fleet.open('a'), await fleet.open('b')]
    const [ofA, ofB] = [await a.open(room('r1'), Users), await b.open(room('r1'), Users)]
    await Promise.all([a.synced(seconds), b.synced(seconds)])
    const seen = new Promise<string>(resolve =>
      ofB.subscribe(([change]) => resolve(`${change?.origin} ${change?.key}`)),
    )
    ofA.set('alice', { name: 'Alice' })
    expect(await seen).toBe('remote alice')
    await a.flush(seconds)
    const c = await fleet.open('c')
    const ofC = await c.open(room('r1'), Users)
    await c.synced(seconds)
    expect(ofC.get('alice')).toEqual({ name: 'Alice' })
    expect(ofC.siblings('alice')).toMatchObject([{ actor: 'a' }])
  })

  it('are synced at once when they have nothing open', async () => {
    const fleet = await startFleet()
    const a = await fleet.open('a')
    await a.synced(seconds)
    expect(a.status.link).toBe('online')
  })

  it('have seen, once synced, whatever anybody had flushed before', async () => {
    const fleet = await startFleet()
    const [a, b] = [await fleet.open('a'), await fleet.open('b')]
    const [ofA, ofB] = [await a.open(room('r1'), Users), await b.open(room('r1'), Users)]
    for (let round = 0; round < 50; round++) {
      ofA.set('alice', { name: `${round}` })
      await a.flush(seconds)
      if (round % 10 === 5) fleet.cut()
      await b.synced(seconds)
      expect(ofB.get('alice')).toEqual({ name: `${round}` })
    }
  })

  it('write offline, restart, and catch up when the relay is there', async () => {
    const fleet = await startFleet()
    const storage = join(await temporaryDirectory(), 'a')
    const offline = await openReplica({ actor: 'a', storage })
    ;(await offline.open(room('r1'), Users)).set('alice', { name: 'Alice' })
    ;(await offline.open(room('r2'), Users)).set('bob', { name: 'Bob' })
    await offline.close()
    // Nobody opens the partitions again: what is owed is sent all the same.
    const a = await fleet.open('a', { storage })
    await a.flush(seconds)
    const b = await fleet.open('b')
    const [one, two] = [await b.open(room('r1'), Users), await b.open(room('r2'), Users)]
    await b.synced(seconds)
    expect([one.get('alice')?.name, two.get('bob')?.name]).toEqual(['Alice', 'Bob'])
  })

  it('resolve flush only when the relay has it on disk', async () => {
    const gated = gatedStorage(createMemoryStorage())
    const fleet = await startFleet({ storage: gated })
    const a = await fleet.open('a')
    const users = await a.open(room('r1'), Users)
    await a.synced(seconds)
    gated.hold()
    users.set('alice', { name: 'Alice' })
    await a.flush({ level: 'received', ...seconds })
    await expect(a.flush({ timeoutMilliseconds: 50 })).rejects.toMatchObject({
      code: 'FLUSH_TIMEOUT',
    })
    expect(a.status.unsynced).toBe(1)
    gated.release()
    await a.flush(seconds)
    expect(a.status.unsynced).toBe(0)
  })

  it('give a flush up when its signal aborts', async () => {
    const a = await openReplica({
      actor: 'a',
      storage: createMemoryStorage(),
      relay: 'ws://127.0.0.1:9',
    })
    ;(await a.open(room('r1'), Users)).set('alice', { name: 'Alice' })
    const reason = new Error('enough')
    await expect(a.flush({ signal: AbortSignal.abort(reason) })).rejects.toBe(reason)
    await a.close()
  })

  it('go on through broken links, and send what was written meanwhile', async () => {
    const fleet = await startFleet()
    const [a, b] = [await fleet.open('a'), await fleet.open('b')]
    const [ofA, ofB] = [await a.open(room('r1'), Users), await b.open(room('r1'), Users)]
    for (let round = 0; round < 5; round++) {
      ofA.set(`a${round}`, { name: 'a' })
      fleet.cut()
      ofB.set(`b${round}`, { name: 'b' })
      await Promise.all([a.flush(seconds), b.flush(seconds)])
    }
    await Promise.all([a.synced(seconds), b.synced(seconds)])
    expect([...ofA.keys()].sort()).toEqual([...ofB.keys()].sort())
    expect(ofA.size).toBe(10)
  })

  it('stay away from the relay between disconnect and connect', async () => {
    const fleet = await startFleet()
    const a = await fleet.open('a')
    const users = await a.open(room('r1'), Users)
    await a.synced(seconds)
    a.disconnect()
    expect(a.status.link).toBe('disconnected')
    users.set('alice', { name: 'Alice' })
    await expect(a.flush({ timeoutMilliseconds: 50 })).rejects.toMatchObject({
      code: 'FLUSH_TIMEOUT',
    })
    a.connect()
    await a.flush(seconds)
    expect(a.status.link).toBe('online')
  })

  it('bring a relay that lost everything back to what they hold', async () => {
    const fleet = await startFleet()
    const [a, b] = [await fleet.open('a'), await fleet.open('b')]
    const ofA = await a.open(room('r1'), Users)
    ofA.set('alice', { name: 'Alice' })
    ofA.set('alice', { name: 'Alice 2' })
    await a.flush(seconds)
    const lost = createMemoryStorage()
    await fleet.restartRelay(lost)
    await statusOf(a, 'online')
    await a.synced(seconds)
    await a.flush(seconds)
    const ofB = await b.open(room('r1'), Users)
    await b.synced(seconds)
    expect(ofB.get('alice')).toEqual({ name: 'Alice 2' })
    expect((await lost.load('room:r1/users')).updates.length).toBeGreaterThan(0)
  })

  it('bring another relay what they have closed long ago, before a flush says it is there', async () => {
    const fleet = await startFleet()
    const storage = createMemoryStorage()
    const a = await fleet.open('a', { storage, idleMilliseconds: 1 })
    const users = await a.open(room('r1'), Users)
    users.set('alice', { name: 'Alice' })
    await a.flush(seconds)
    users.close()
    await waitUntil(() => a.status.loaded === 0)
    expect(a.status.unsynced).toBe(0)
    const other = createMemoryStorage()
    await fleet.restartRelay(other)
    await statusOf(a, 'online')
    await a.synced(seconds)
    await a.flush(seconds)
    expect((await other.load('room:r1/users')).updates).toHaveLength(1)
    const b = await fleet.open('b')
    const ofB = await b.open(room('r1'), Users)
    await b.synced(seconds)
    expect(ofB.get('alice')).toEqual({ name: 'Alice' })
  })

  it('bring a relay that was restored from a backup what came after it', async () => {
    const disk = createMemoryStorage()
    const keep = unclosedStorage(disk)
    const fleet = await startFleet({ storage: keep })
    const a = await fleet.open('a', { idleMilliseconds: 1 })
    const users = await a.open(room('r1'), Users)
    await a.synced(seconds)
    // A cold copy: after a clean end, so that it says nothing of what it will lack.
    await fleet.relay.close()
    const backup = createMemoryStorage()
    for (const [key, value] of await disk.records('')) await backup.writeRecord(key, value)
    await fleet.restartRelay(keep)
    users.set('alice', { name: 'Alice' })
    await a.flush(seconds)
    users.close()
    await waitUntil(() => a.status.loaded === 0)
    await fleet.restartRelay(backup, { restored: true })
    await statusOf(a, 'online')
    await a.synced(seconds)
    await a.flush(seconds)
    expect((await backup.load('room:r1/users')).updates).toHaveLength(1)
  })

  it('come to terms with a relay that is back, when listing what another lacked had failed', async () => {
    const first = createMemoryStorage()
    const fleet = await startFleet({ storage: unclosedStorage(first) })
    const storage = createMemoryStorage()
    await storage.append('not//a name', Uint8Array.of(0, 0)) // a stock client may have chosen it
    let failing = false
    const documents = async () => {
      if (failing) throw new StatemeshError('STORAGE_UNAVAILABLE', 'no disk')
      return storage.documents()
    }
    const a = await fleet.open('a', { storage: { ...unclosedStorage(storage), documents } })
    const users = await a.open(room('r1'), Users)
    users.set('alice', { name: 'Alice' })
    await a.flush(seconds)
    failing = true
    const warned = new Promise<StatemeshError>(resolve => a.on('warning', resolve))
    await fleet.restartRelay(createMemoryStorage())
    expect((await warned).code).toBe('STORAGE_UNAVAILABLE')
    await fleet.restartRelay(unclosedStorage(first))
    await a.synced(seconds)
    users.set('bob', { name: 'Bob' })
    await a.flush(seconds)
  })

  it('end up with the same bytes after writing everywhere at once', async () => {
    const fleet = await startFleet()
    const replicas = await Promise.all(['a', 'b', 'c'].map(actor => fleet.open(actor)))
    const handles = await Promise.all(
      replicas.map(async replica => ({
        users: await replica.open(globalScope, Users),
        notes: await replica.open(globalScope, Notes),
      })),
    )
    for (let round = 0; round < 30; round++) {
      for (const [index, { users, notes }] of handles.entries()) {
        users.set(`k${round % 7}`, { name: `${index}` })
        notes.text('body').insert(0, `${index}`)
        if (round % 5 === 0) users.delete(`k${(round + index) % 7}`)
      }
      if (round % 10 === 3) fleet.cut()
      await new Promise(resolve => setImmediate(resolve))
    }
    // Each flushes before any is asked whether it has seen all.
    await Promise.all(replicas.map(replica => replica.flush(seconds)))
    fleet.cut()
    await Promise.all(replicas.map(replica => statusOf(replica, 'waiting')))
    await Promise.all(replicas.map(replica => statusOf(replica, 'online')))
    await Promise.all(replicas.map(replica => replica.synced(seconds)))
    const texts = handles.map(({ notes }) => notes.text('body').toString())
    expect(new Set(texts).size).toBe(1)
    expect(texts[0]).toHaveLength(90)
    const views = handles.map(({ users }) => JSON.stringify([...users.entries()].sort()))
    expect(new Set(views).size).toBe(1)
  })
})

describe('a replica whose upgrades carry headers', () => {
  it('syncs as any other', async () => {
    const { url } = await runningRelay()
    const a = await openReplica({
      actor: 'a',
      storage: createMemoryStorage(),
      relay: url,
      transport: websocketTransport({ headers: { 'x-fleet': 'blue' } }),
    })
    onTestFinished(() => a.close())
    ;(await a.open(room('r1'), Users)).set('alice', { name: 'Alice' })
    await a.flush(seconds)
    expect(a.status).toMatchObject({ link: 'online', unsynced: 0 })
  })
})

describe('a replica that the relay refuses', () => {
  it('says why, also while it dials again, until it is linked', async () => {
    const { url } = await runningRelay()
    let reachable = false
    const transport = websocketTransport()
    const a = await openReplica({
      actor: 'a',
      storage: createMemoryStorage(),
      relay: url,
      transport: {
        dial: (address, options) =>
          transport.dial(reachable ? address : 'ws://127.0.0.1:1', options),
      },
    })
    onTestFinished(() => a.close())
    const seen: ReplicaStatus[] = []
    a.on('status', status => seen.push(status))
    await waitUntil(() => seen.filter(({ link }) => link === 'connecting').length > 1)
    reachable = true
    await waitUntil(() => a.status.link === 'online')
    expect(a.status).not.toHaveProperty('error')
    const before = seen.slice(
      seen.findIndex(({ link }) => link === 'waiting'),
      seen.findIndex(({ link }) => link === 'online'),
    )
    expect(new Set(before.map(({ error }) => error?.code))).toEqual(new Set(['LINK_FAILED']))
  })

  it('says so once and does not dial again when it cannot help', async () => {
    const refusing = await startFleet()
    const a = await openReplica({
      actor: 'a',
      storage: createMemoryStorage(),
      relay: 'not an address',
      transport: websocketTransport(), // whose addresses `openReplica` does not know
    })
    const status = await statusOf(a, 'refused')
    expect(status.error?.code).toBe('OPTION_INVALID')
    await expect(a.synced(seconds)).rejects.toMatchObject({ code: 'OPTION_INVALID' })
    ;(await a.open(room('r1'), Users)).set('alice', { name: 'Alice' })
    await expect(a.flush(seconds)).rejects.toMatchObject({ code: 'OPTION_INVALID' })
    await a.close()
    expect(refusing.relay.health().connections).toBe(0)
  })

  it('reports a failing relay disk as rejected, and gets through once it is well', async () => {
    const gated = gatedStorage(createMemoryStorage())
    const fleet = await startFleet({ storage: gated })
    const a = await fleet.open('a')
    const users = await a.open(room('r1'), Users)
    await a.synced(seconds)
    const rejected = new Promise<StatemeshError>(resolve =>
      a.on('rejected', ({ error }) => resolve(error)),
    )
    gated.refuse()
    users.set('alice', { name: 'Alice' })
    expect(await rejected).toMatchObject({ code: 'STORAGE_UNAVAILABLE', retryable: true })
    gated.accept()
    await a.flush(seconds)
  })
})
