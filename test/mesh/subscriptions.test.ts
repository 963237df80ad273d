/** Replicas that keep what peers have of some scopes, over real sockets and without opening it. */
import { describe, expect, it } from 'vitest'
import {
  agent,
  definePartition,
  type Grant,
  mintToken,
  type Replica,
  room,
  type StatemeshError,
  tokenVerifier,
} from '../../src/index.ts'
import { temporaryDirectory } from '../support/temporary-directory.ts'
import { waitUntil } from '../support/wait-until.ts'
import { linked, Notes, openPeer, seconds } from './peers.ts'

const Other = definePartition<string>({ name: 'other', policy: 'last-write-wins' })

/** The rooms of which a replica has notes on its disk or in memory. */
const roomsOf = async (replica: Replica) => (await replica.scopes(Notes)).map(String)

async function write(replica: Replica, id: string, value: string): Promise<void> {
  const notes = await replica.open(room(id), Notes)
  notes.set('k', value)
  notes.close()
}

/** Waits until a replica has a value in a room that it has not opened before. */
async function untilRead(replica: Replica, id: string, value: string): Promise<void> {
  await waitUntil(async () => (await roomsOf(replica)).includes(`room:${id}`))
  const notes = await replica.open(room(id), Notes)
  await waitUntil(() => notes.get('k') === value)
  notes.close()
}

describe('a subscription', () => {
  it('brings what a peer had, opens and changes, and nothing of other scopes', async () => {
    const a = await openPeer('a')
    await write(a, 'before', '1')
    const b = await openPeer('b', { peers: a.addresses })
    b.subscribe('room:*')
    await waitUntil(() => linked(a).length === 1)
    const elsewhere = await a.open(agent('x'), Other)
    elsewhere.set('k', 'not asked for')
    const during = await a.open(room('during'), Notes)
    during.set('k', '2')
    await a.flush({ level: 'replicated', n: 1, ...seconds })
    await waitUntil(async () => (await roomsOf(b)).length === 2)
    during.set('k', '3')
    await untilRead(b, 'during', '3')
    await untilRead(b, 'before', '1')
    expect(await b.scopes(Other)).toEqual([])
  })

  it('brings to this disk what is only on the disk of the peer', async () => {
    const ids = Array.from({ length: 40 }, (_, index) => `r${index}`)
    const unused = { idleMilliseconds: 10 }
    const untilStored = (replica: Replica) =>
      waitUntil(async () => {
        return (await roomsOf(replica)).length === ids.length && replica.status.loaded === 0
      })
    const a = await openPeer('a', unused)
    a.subscribe('room:*')
    const writer = await openPeer('writer', { peers: a.addresses })
    for (const id of ids) await write(writer, id, `of ${id}`)
    await writer.flush({ level: 'replicated', n: 2, ...seconds })
    await writer.close()
    await untilStored(a)
    const storage = await temporaryDirectory()
    const b = await openPeer('b', { storage, peers: a.addresses, ...unused })
    b.subscribe('room:*')
    await untilStored(b)
    await waitUntil(() => a.status.loaded === 0)
    await b.close()
    const later = await openPeer('b', { storage })
    for (const id of ids) {
      expect((await later.open(room(id), Notes)).get('k')).toBe(`of ${id}`)
    }
  })

  it('brings what was written while there was no link', async () => {
    const a = await openPeer('a', { idleMilliseconds: 10 })
    const b = await openPeer('b', { peers: a.addresses, idleMilliseconds: 10 })
    const c = await openPeer('c', { peers: a.addresses })
    b.subscribe('room:*')
    await write(a, 'r1', 'first')
    await untilRead(b, 'r1', 'first')
    b.disconnect()
    await waitUntil(() => linked(b).length === 0)
    const notes = await c.open(room('r1'), Notes)
    notes.set('k', 'second')
    await c.flush({ level: 'replicated', n: 2, ...seconds })
    notes.close()
    await c.close()
    await waitUntil(() => a.status.loaded === 0)
    b.connect()
    await untilRead(b, 'r1', 'second')
  })

  it('may begin while peers are linked, and ends', async () => {
    const a = await openPeer('a')
    const b = await openPeer('b', { peers: a.addresses })
    await waitUntil(() => linked(b).length === 1)
    await write(a, 'r1', 'v')
    const end = b.subscribe('room:r1')
    await untilRead(b, 'r1', 'v')
    end()
    b.subscribe('room:r3')
    const again = b.subscribe('room:r2')
    again()
    await write(a, 'r2', 'v')
    await write(a, 'r3', 'v')
    await untilRead(b, 'r3', 'v')
    expect(await roomsOf(b)).toEqual(['room:r1', 'room:r3'])
  })

  it('takes no more documents than it allows, and says so once', async () => {
    const a = await openPeer('a')
    const b = await openPeer('b', { peers: a.addresses })
    const warnings: StatemeshError[] = []
    b.on('warning', warning => warnings.push(warning))
    b.subscribe('room:*', { documentsMax: 2 })
    for (const id of ['r1', 'r2', 'r3', 'r4']) await write(a, id, 'v')
    await waitUntil(() => warnings.length > 0)
    await b.synced({ from: 'peers', ...seconds })
    await waitUntil(async () => (await roomsOf(b)).length === 2)
    expect(warnings.map(({ code }) => code)).toEqual(['LIMIT_REACHED'])
    await write(b, 'r5', 'of its own')
    expect(await roomsOf(b)).toHaveLength(3)
  })

  it('is refused that no scope can fit, or that has no peers to ask', async () => {
    const a = await openPeer('a')
    const refusal = (code: string) => expect.objectContaining({ code })
    expect(() => a.subscribe('planet:*')).toThrow(refusal('SCOPE_INVALID'))
    expect(() => a.subscribe('**', { documentsMax: 0 })).toThrow(refusal('OPTION_INVALID'))
    const alone = await openPeer('b', { listen: [] })
    await alone.close()
    expect(() => alone.subscribe('**')).toThrow(refusal('CLOSED'))
  })
})

describe('a replica between two that are not linked', () => {
  it('carries what both are interested in, and what is written while one is away', async () => {
    const between = await openPeer('between', { links: { min: 1, max: 4 } })
    between.subscribe('**')
    // They listen nowhere, so that nobody can link them.
    const own = { listen: [], peers: between.addresses }
    const a = await openPeer('a', own)
    const b = await openPeer('b', own)
    const [ofA, ofB] = [await a.open(room('r1'), Notes), await b.open(room('r1'), Notes)]
    ofA.set('of a', '1')
    ofB.set('of b', '2')
    await waitUntil(() => ofA.get('of b') === '2' && ofB.get('of a') === '1')
    expect([linked(a).length, linked(b).length, linked(between).length]).toEqual([1, 1, 2])
    await b.close()
    await write(a, 'later', '3')
    await a.flush({ level: 'replicated', n: 2, ...seconds })
    await a.close()
    const c = await openPeer('c', own)
    const ofC = await c.open(room('later'), Notes)
    await c.synced(seconds)
    expect(ofC.get('k')).toBe('3')
  })
})

describe('a subscription among peers with tokens', () => {
  it('gets what its grants open', async () => {
    const secret = 'a secret of more than thirty-two bytes'
    const tokens = tokenVerifier({ secret })
    const mint = (subject: string, scope: string) => {
      const grants: Grant[] = [{ scope, partition: '*', rights: 'write' }]
      return mintToken(secret, { subject, grants, seconds: 60 })
    }
    const a = await openPeer('a', { tokens, token: await mint('a', 'global') })
    for (const id of ['closed', 'open']) await write(a, id, 'v')
    const token = await mint('b', 'room:open')
    const b = await openPeer('b', { tokens, token, peers: a.addresses })
    b.subscribe('**')
    await untilRead(b, 'open', 'v')
    await b.synced({ from: 'peers', ...seconds })
    expect(await roomsOf(b)).toEqual(['room:open'])
    expect(linked(a)).toHaveLength(1)
  })
})
