/** Replicas that link with one another directly, over real sockets and without a relay. */
import { describe, expect, it } from 'vitest'
import {
  createMemoryNetwork,
  createMemoryStorage,
  openLevelStorage,
  type Replica,
  room,
} from '../../src/index.ts'
import { temporaryDirectory } from '../support/temporary-directory.ts'
import { waitUntil } from '../support/wait-until.ts'
import { linked, Notes, openPeer, scope, seconds } from './peers.ts'

describe('two replicas', () => {
  it('bring each other what they wrote before and while they are linked', async () => {
    const a = await openPeer('a')
    const ofA = await a.open(scope, Notes)
    ofA.set('before', 'a')
    const b = await openPeer('b', { peers: a.addresses })
    const ofB = await b.open(scope, Notes)
    ofB.set('too', 'b')
    await waitUntil(() => ofB.get('before') === 'a' && ofA.get('too') === 'b')
    ofA.set('while', 'a')
    ofB.delete('before')
    await waitUntil(() => ofB.get('while') === 'a' && !ofA.has('before'))
  })

  it('have seen, once synced, what the other had', async () => {
    const a = await openPeer('a')
    const ofA = await a.open(scope, Notes)
    ofA.set('k', 'v')
    const b = await openPeer('b', { peers: a.addresses })
    const ofB = await b.open(scope, Notes)
    await b.synced(seconds)
    expect(ofB.get('k')).toBe('v')
    ofA.set('k', 'w')
    await b.synced(seconds)
    expect(ofB.get('k')).toBe('w')
  })

  it('settle on one link when both dial', async () => {
    for (let round = 0; round < 5; round++) {
      const a = await openPeer('a')
      const b = await openPeer('b', { peers: a.addresses })
      const c = await openPeer('c', { peers: [...a.addresses, ...b.addresses] })
      const d = await openPeer('d', { peers: [...a.addresses, ...b.addresses, ...c.addresses] })
      const all = [a, b, c, d]
      const areSettled = (replica: Replica) =>
        new Set(linked(replica)).size === 3 && replica.status.peers.length === 3
      await waitUntil(() => all.every(areSettled))
    }
  })

  it('find each other again after both had ended their links', async () => {
    const a = await openPeer('a')
    const b = await openPeer('b', { peers: a.addresses })
    const [ofA, ofB] = [await a.open(scope, Notes), await b.open(scope, Notes)]
    await waitUntil(() => linked(a).length === 1)
    b.disconnect()
    await waitUntil(() => linked(a).length === 0)
    ofA.set('of a', '1')
    ofB.set('of b', '2')
    b.connect()
    await waitUntil(() => ofA.get('of b') === '2' && ofB.get('of a') === '1')
  })

  it('do not link with themselves', async () => {
    const a = await openPeer('a')
    const b = await openPeer('b', { listen: { port: 0 }, peers: a.addresses })
    await b.close()
    const storage = createMemoryStorage()
    const self = await openPeer('c', { storage, peers: a.addresses })
    await waitUntil(() => linked(self).length === 1 && linked(a).length === 1)
  })

  it('serve what they have stored and do not use', async () => {
    const location = await temporaryDirectory()
    const first = await openPeer('a', { storage: location })
    ;(await first.open(scope, Notes)).set('k', 'v')
    await first.close()
    const a = await openPeer('a', { storage: await openLevelStorage({ location }) })
    const b = await openPeer('b', { peers: a.addresses })
    const ofB = await b.open(scope, Notes)
    await waitUntil(() => ofB.get('k') === 'v')
    expect(a.status.loaded).toBe(1)
  })
})

describe('a replica between two others', () => {
  it('passes on what it takes in, also while it has the document open for nobody else', async () => {
    const middle = await openPeer('m')
    const [a, b] = [
      await openPeer('a', { peers: middle.addresses }),
      await openPeer('b', { peers: middle.addresses }),
    ]
    await middle.open(scope, Notes)
    const [ofA, ofB] = [await a.open(scope, Notes), await b.open(scope, Notes)]
    ofA.set('k', 'v')
    ofB.set('l', 'w')
    await waitUntil(() => ofB.get('k') === 'v' && ofA.get('l') === 'w')
    ofB.delete('k')
    await waitUntil(() => !ofA.has('k'))
  })
})

describe('a flush to the level replicated', () => {
  it('waits for as many disks as it is told, this one included', async () => {
    const a = await openPeer('a')
    const ofA = await a.open(scope, Notes)
    ofA.set('k', 'v')
    await a.flush({ level: 'replicated', n: 1 })
    await expect(
      a.flush({ level: 'replicated', n: 2, timeoutMilliseconds: 50 }),
    ).rejects.toMatchObject({ code: 'FLUSH_TIMEOUT' })
    const storage = createMemoryStorage()
    const b = await openPeer('b', { storage, peers: a.addresses })
    await b.open(scope, Notes)
    await a.flush({ level: 'replicated', n: 2, ...seconds })
    expect((await storage.load('room:r1/notes')).updates.length).toBeGreaterThan(0)
    await expect(
      a.flush({ level: 'replicated', n: 3, timeoutMilliseconds: 50 }),
    ).rejects.toMatchObject({ code: 'FLUSH_TIMEOUT' })
    const c = await openPeer('c', { peers: a.addresses })
    await c.open(scope, Notes)
    await a.flush({ level: 'replicated', n: 3, ...seconds })
    await waitUntil(() => a.status.unsynced === 0)
  })

  it('waits for any number of documents without a warning of the platform', async () => {
    const warnings: string[] = []
    const warned = (warning: Error) => warnings.push(warning.message)
    process.on('warning', warned)
    try {
      const a = await openPeer('a')
      const b = await openPeer('b', { peers: a.addresses })
      for (let number = 0; number < 12; number++) {
        const notes = await a.open(room(`r${number}`), Notes)
        await b.open(room(`r${number}`), Notes)
        notes.set('k', 'v')
      }
      await a.flush({ level: 'replicated', n: 2, ...seconds })
      await new Promise(resolve => setImmediate(resolve)) // warnings are told later
    } finally {
      process.off('warning', warned)
    }
    expect(warnings).toEqual([])
  })

  it('counts a node once that comes back, and not at all while its store may have lost it', async () => {
    const location = await temporaryDirectory()
    const a = await openPeer('a')
    const ofA = await a.open(scope, Notes)
    ofA.set('k', 'v')
    for (let round = 0; round < 2; round++) {
      const b = await openPeer('b', { storage: location, peers: a.addresses })
      await b.open(scope, Notes)
      await a.flush({ level: 'replicated', n: 2, ...seconds })
      await expect(
        a.flush({ level: 'replicated', n: 3, timeoutMilliseconds: 100 }),
      ).rejects.toMatchObject({ code: 'FLUSH_TIMEOUT' })
      await b.close()
    }
    await a.flush({ level: 'replicated', n: 2 }) // it is on that disk still

    // A crash that costs the disk its documents, though not who it is.
    const memory = createMemoryStorage()
    const lossy = await openPeer('c', { storage: memory, peers: a.addresses })
    await lossy.open(scope, Notes)
    await a.flush({ level: 'replicated', n: 3, ...seconds })
    const restored = createMemoryStorage()
    for (const [key, value] of await memory.records('store')) {
      await restored.writeRecord(key, value)
    }
    lossy.disconnect()
    await waitUntil(() => linked(a).length === 0)
    const again = await openPeer('c', { storage: restored, peers: a.addresses })
    await waitUntil(() => linked(a).length === 1)
    await expect(
      a.flush({ level: 'replicated', n: 3, timeoutMilliseconds: 50 }),
    ).rejects.toMatchObject({ code: 'FLUSH_TIMEOUT' })
    await again.open(scope, Notes)
    await a.flush({ level: 'replicated', n: 3, ...seconds })
    again.disconnect()
    await waitUntil(() => linked(a).length === 0)
    ofA.set('k', 'w')
    await expect(
      a.flush({ level: 'replicated', n: 2, timeoutMilliseconds: 50 }),
    ).rejects.toMatchObject({ code: 'FLUSH_TIMEOUT' })
  })

  it('counts a machine once that comes back on a new disk, where it was', async () => {
    const network = createMemoryNetwork()
    const a = await openPeer('a')
    const ofA = await a.open(scope, Notes)
    ofA.set('k', 'v')
    const comes = async () => {
      const listen = network.acceptor('memory:b')
      const b = await openPeer('b', { listen, peers: a.addresses })
      await b.open(scope, Notes)
      await a.flush({ level: 'replicated', n: 2, ...seconds })
      return b
    }
    const b = await comes()
    await b.close()
    await waitUntil(() => linked(a).length === 0)
    const again = await comes()
    await waitUntil(() => linked(a).length === 1)
    const synced = await again.open(scope, Notes)
    await waitUntil(() => synced.get('k') === 'v')
    await again.flush({ level: 'replicated', n: 2, ...seconds })
    await expect(
      a.flush({ level: 'replicated', n: 3, timeoutMilliseconds: 500 }),
    ).rejects.toMatchObject({ code: 'FLUSH_TIMEOUT' })
    const other = await openPeer('c', { peers: a.addresses })
    await other.open(scope, Notes)
    await a.flush({ level: 'replicated', n: 3, ...seconds })
  })

  it('says which options it cannot have', async () => {
    const a = await openPeer('a')
    await expect(a.flush({ level: 'replicated', n: 0 })).rejects.toMatchObject({
      code: 'OPTION_INVALID',
    })
    const alone = await openPeer('b', { listen: [] })
    await expect(alone.flush({ level: 'durable' })).rejects.toMatchObject({
      code: 'RELAY_NOT_CONFIGURED',
    })
  })
})
