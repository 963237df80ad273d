import { describe, expect, it } from 'vitest'
import * as Y from 'yjs'
import { StatemeshError } from '../../src/base/error.ts'
import { seededRandom } from '../../src/base/random.ts'
import { DocumentSet } from '../../src/document/document-set.ts'
import { Journal } from '../../src/document/journal.ts'
import { parseDocumentName } from '../../src/model/document-name.ts'
import { withUpdateIndex } from '../../src/model/update-index.ts'
import { readUpdateStructure } from '../../src/model/update-structure.ts'
import { openIncarnation } from '../../src/storage/incarnation.ts'
import { createMemoryStorage } from '../../src/storage/memory-storage.ts'
import type { Storage } from '../../src/storage/storage.ts'
import { gatedStorage } from '../support/gated-storage.ts'
import { manualTime } from '../support/manual-time.ts'

const peer = { isRelay: false }
const name = parseDocumentName('room:r1/notes')
let seed = 0

async function openSet(storage: Storage = createMemoryStorage()) {
  const time = manualTime()
  const random = seededRandom(++seed)
  const warnings: StatemeshError[] = []
  const onError = (error: StatemeshError) => warnings.push(error)
  const journal = new Journal({ time, random, onError })
  const incarnation = await openIncarnation(storage, random)
  const documents = new DocumentSet({
    storage,
    journal,
    incarnation,
    time,
    idleMilliseconds: 1_000,
  })
  documents.events.on('warning', warning => warnings.push(warning))
  const end = async () => {
    await journal.whenDurable()
    await incarnation.end()
    documents.close()
  }
  return { documents, journal, incarnation, time, warnings, storage, end }
}

/** What another replica with this clientID would send after these writes to the root `m`. */
function updateOf(clientID: number, ...keys: string[]): Uint8Array {
  const doc = new Y.Doc()
  doc.clientID = clientID
  for (const key of keys) doc.getMap('m').set(key, key)
  return Y.encodeStateAsUpdate(doc)
}

describe('a document set', () => {
  it('shares one document among all who hold it', async () => {
    const { documents } = await openSet()
    const [a, b] = await Promise.all([documents.hold(name), documents.hold(name)])
    expect(a.document).toBe(b.document)
  })

  it('gives another clientID also to a document that is being loaded at that moment', async () => {
    const storage = createMemoryStorage()
    const damaging: Storage = {
      ...gatedStorage(storage),
      load: async document => {
        const { updates } = await storage.load(document)
        const damaged = document === name ? [] : [{ document, clock: 0, reason: 'a test' }]
        return { updates, damaged }
      },
    }
    const { documents, incarnation } = await openSet(damaging)
    const other = parseDocumentName('room:r1/damaged')
    const held = await Promise.all([documents.hold(name), documents.hold(other)])
    const { clientID } = incarnation
    expect(held.map(({ document }) => document.doc.clientID)).toEqual([clientID, clientID])
  })

  it('shows nothing of what builds on a lost update, and sends it when that is back', async () => {
    const doc = new Y.Doc()
    const written: Uint8Array[] = []
    doc.on('update', update => written.push(update))
    for (const value of ['first', 'lost', 'last']) doc.getMap('m').set('k', value)
    const storage = createMemoryStorage()
    for (const update of [written[0], written[2]]) await storage.append(name, update as Uint8Array)
    const { documents } = await openSet(storage)
    const { document } = await documents.hold(name)
    // Yjs alone would delete what the last one replaces, and show nothing.
    expect(document.doc.getMap('m').get('k')).toBe('first')

    const sent: Uint8Array[] = []
    document.events.on('change', ({ update, source }) => {
      if (source === undefined) sent.push(update)
    })
    expect(document.apply(written[1] as Uint8Array, { isRelay: true })).toBe('new')
    expect(document.doc.getMap('m').get('k')).toBe('last')
    expect(sent).toHaveLength(1)
  })

  it('leaves out of what it sends what builds on a lost update', async () => {
    const doc = new Y.Doc()
    const written: Uint8Array[] = []
    doc.on('update', update => written.push(update))
    for (const key of ['kept', 'lost', 'behind']) doc.getMap('m').set(key, key)
    const storage = createMemoryStorage()
    for (const update of [written[0], written[2]]) await storage.append(name, update as Uint8Array)
    const { documents } = await openSet(storage)
    const { document } = await documents.hold(name)
    document.doc.getMap('m').set('new', 'new')
    const other = await (await openSet()).documents.hold(name)
    expect(other.document.apply(document.diff(), peer)).toBe('new')
    expect(other.document.doc.getMap('m').toJSON()).toEqual({ kept: 'kept', new: 'new' })
    // What was lost may come back from elsewhere.
    expect(document.apply(written[1] as Uint8Array, peer)).toBe('new')
    expect(other.document.apply(document.diff(other.document.stateVector()), peer)).toBe('new')
    expect(other.document.doc.getMap('m').size).toBe(4)
  })

  it('stores every change and loads it again', async () => {
    const first = await openSet()
    const { document } = await first.documents.hold(name)
    document.doc.getMap('m').set('k', 1)
    document.doc.getText('t').insert(0, 'hello')
    await document.durable()
    expect(document.isDurable).toBe(true)
    await first.end()
    const second = await openSet(first.storage)
    const { doc } = (await second.documents.hold(name)).document
    expect(doc.getMap('m').toJSON()).toEqual({ k: 1 })
    expect(doc.getText('t').toString()).toBe('hello')
  })

  it('stores what somebody wrote in its own bytes, without what stands behind them', async () => {
    const { documents, storage } = await openSet()
    const { document } = await documents.hold(name)
    const update = updateOf(7, 'a', 'b')
    const changes: Uint8Array[] = []
    document.events.on('change', ({ update }) => changes.push(update))
    document.apply(withUpdateIndex(update, readUpdateStructure(update)), peer)
    await document.durable()
    const { updates } = await storage.load(name)
    expect([updates.map(({ update }) => update), changes]).toEqual([[update], [update]])
  })

  it('stores only what is new of a state that repeats what is known', async () => {
    const { documents, storage } = await openSet()
    const { document } = await documents.hold(name)
    const other = new Y.Doc()
    const list = other.getArray('list')
    for (let item = 0; item < 400; item++) list.push([item])
    for (let item = 0; item < 200; item++) list.delete(item) // every second one: 200 ranges
    document.apply(Y.encodeStateAsUpdate(other), peer)
    const known = Y.encodeStateVector(other)
    other.getMap('m').set('k', 1)
    document.apply(Y.encodeStateAsUpdate(other, known), peer) // with all deletions
    document.apply(Y.encodeStateAsUpdate(other), peer) // with everything
    await document.durable()
    const [first, second, ...more] = (await storage.load(name)).updates
    expect(first?.update.length).toBeGreaterThan(1_000)
    expect([second?.update.length, more]).toEqual([expect.toSatisfy(n => n < 50), []])
  })

  it('unloads a document some time after the last holder gave it back', async () => {
    const { documents, time } = await openSet()
    const unloaded: string[] = []
    documents.events.on('unloaded', ({ name }) => unloaded.push(name))
    const a = await documents.hold(name)
    const b = await documents.hold(name)
    a.release()
    a.release()
    time.advance(5_000)
    expect(unloaded).toEqual([])
    b.release()
    time.advance(500)
    const c = await documents.hold(name)
    time.advance(5_000)
    expect(unloaded).toEqual([])
    c.release()
    time.advance(1_000)
    expect(unloaded).toEqual([name])
    expect([...documents.loaded]).toEqual([])
  })

  it('keeps a document in memory until its changes are durable', async () => {
    const gated = gatedStorage(createMemoryStorage())
    const { documents, time } = await openSet(gated)
    const { document, release } = await documents.hold(name)
    gated.hold()
    document.doc.getMap('m').set('k', 1)
    release()
    time.advance(10_000)
    expect([...documents.loaded]).toEqual([document])
    gated.release()
    await document.durable()
    time.advance(1_000)
    expect([...documents.loaded]).toEqual([])
  })

  it('stores what the disk refused as soon as it takes writes again', async () => {
    const gated = gatedStorage(createMemoryStorage())
    const { documents, time, warnings } = await openSet(gated)
    const { document } = await documents.hold(name)
    gated.refuse()
    document.doc.getMap('m').set('k', 1)
    await expect(document.durable()).rejects.toMatchObject({ code: 'STORAGE_UNAVAILABLE' })
    expect(warnings.map(({ code }) => code)).toEqual(['STORAGE_UNAVAILABLE'])
    gated.accept()
    const durable = document.durable()
    await time.advanceAsync(10_000)
    await durable
    expect((await gated.load(name)).updates).toHaveLength(1)
  })

  it('applies nothing of an update that builds on something missing', async () => {
    const { documents } = await openSet()
    const { document } = await documents.hold(name)
    const doc = new Y.Doc()
    const updates: Uint8Array[] = []
    doc.on('update', update => updates.push(update))
    doc.getMap('m').set('a', 1)
    doc.getMap('m').set('b', 2)
    const [first, second] = updates as [Uint8Array, Uint8Array]
    expect(document.apply(second, peer)).toBe('gap')
    expect(document.doc.store.pendingStructs).toBeNull()
    expect(document.apply(first, peer)).toBe('new')
    expect(document.apply(second, peer)).toBe('new')
    expect(document.apply(second, peer)).toBe('known')
    expect(document.doc.getMap('m').toJSON()).toEqual({ a: 1, b: 2 })
  })

  it('stores what is new in its own bytes, and of anything else what it brings', async () => {
    const { documents, storage } = await openSet()
    const { document } = await documents.hold(name)
    const doc = new Y.Doc()
    const sent: Uint8Array[] = []
    doc.on('update', update => sent.push(update))
    for (const value of [1, 2, 3]) doc.getMap('m').set('k', value)
    expect(document.apply(sent[0] as Uint8Array, peer)).toBe('new')
    expect(document.apply(sent[1] as Uint8Array, peer)).toBe('new')
    // A state repeats what is here.
    expect(document.apply(Y.encodeStateAsUpdate(doc), peer)).toBe('new')
    await document.durable()
    const { updates } = await storage.load(name)
    expect(updates.map(({ update }) => update)).toEqual(sent)
  })

  it('stores as one change what is applied together', async () => {
    const { documents, storage } = await openSet()
    const { document } = await documents.hold(name)
    document.together(peer, () => {
      document.apply(updateOf(7, 'a'), peer)
      document.apply(updateOf(9, 'b'), peer)
      document.apply(updateOf(8, 'c'), peer)
    })
    await document.durable()
    const { updates } = await storage.load(name)
    expect(updates).toHaveLength(1)
    const read = new Y.Doc()
    Y.applyUpdate(read, (updates[0] as { update: Uint8Array }).update)
    expect(Y.encodeStateAsUpdate(read)).toEqual(document.diff())
  })

  it('refuses a malformed update with UPDATE_INVALID and stays usable', async () => {
    const { documents } = await openSet()
    const { document } = await documents.hold(name)
    expect(() => document.apply(Uint8Array.of(1, 2, 3), peer)).toThrow(StatemeshError)
    document.doc.getMap('m').set('k', 1)
    await document.durable()
  })

  it('keeps a foreign update whose observer throws, and reports the error', async () => {
    const { documents, storage, warnings } = await openSet()
    const { document } = await documents.hold(name)
    const failure = new Error('observer')
    document.doc.getMap('m').observe(() => {
      throw failure
    })
    expect(document.apply(updateOf(7, 'a'), peer)).toBe('new')
    await document.durable()
    expect(warnings).toMatchObject([{ code: 'OBSERVER_FAILED', cause: failure }])
    expect((await storage.load(name)).updates).toHaveLength(1)
  })
})

describe('the clientID of a replica', () => {
  it('is one for all documents, and comes back after a clean end', async () => {
    const first = await openSet()
    const a = await first.documents.hold(name)
    const b = await first.documents.hold(parseDocumentName('global/config'))
    expect(a.document.doc.clientID).toBe(b.document.doc.clientID)
    a.document.doc.getMap('m').set('k', 1)
    await first.end()
    const second = await openSet(first.storage)
    const { doc } = (await second.documents.hold(name)).document
    expect(doc.clientID).toBe(first.incarnation.clientID)
    doc.getMap('m').set('k', 2)
    expect(doc.store.clients.size).toBe(1)
    expect(second.incarnation.clientID).toBe(first.incarnation.clientID)
    expect(second.incarnation.generation).toBe(first.incarnation.generation)
  })

  it('is another one after an unclean end', async () => {
    const first = await openSet()
    const second = await openSet(first.storage)
    expect(second.incarnation.clientID).not.toBe(first.incarnation.clientID)
    expect(second.incarnation.generation).not.toBe(first.incarnation.generation)
  })

  it('is given up before a foreign update continues it', async () => {
    const { documents, incarnation } = await openSet()
    const { document } = await documents.hold(name)
    const other = (await documents.hold(parseDocumentName('global/config'))).document
    const taken = incarnation.clientID
    document.apply(updateOf(taken, 'a', 'b'), peer)
    expect(document.doc.clientID).not.toBe(taken)
    expect(other.doc.clientID).toBe(document.doc.clientID)
    document.doc.getMap('m').set('mine', 1)
    expect(document.doc.getMap('m').size).toBe(3)
    expect(Y.getState(document.doc.store, taken)).toBe(2)
  })

  it('is given up when stored updates turn out to be damaged', async () => {
    const inner = createMemoryStorage()
    const storage: Storage = {
      ...gatedStorage(inner),
      load: async document => ({
        updates: [],
        damaged: [{ document, clock: 3, reason: 'checksum' }],
      }),
    }
    const { documents, incarnation, warnings } = await openSet(storage)
    const before = incarnation.clientID
    const { document } = await documents.hold(name)
    expect(document.doc.clientID).not.toBe(before)
    expect(warnings.map(({ code }) => code)).toEqual(['STORAGE_CORRUPT'])
  })
})
