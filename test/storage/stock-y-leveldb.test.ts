import fc from 'fast-check'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { LeveldbPersistence } from 'y-leveldb'
import * as Y from 'yjs'
import { openLevelStorage } from '../../src/storage/level-storage.ts'
import { mergeLog } from '../../src/storage/merge-log.ts'
import { sealUpdate, unsealUpdate } from '../../src/storage/sealed-update.ts'
import type { Storage } from '../../src/storage/storage.ts'
import { textOf, updateSaying, updatesWriting } from '../contracts/sample-update.ts'
import { type TemporaryDirectory, temporaryDirectory } from './directory.ts'

let directory: TemporaryDirectory
beforeEach(async () => {
  directory = await temporaryDirectory()
})
afterEach(() => directory.remove())

async function ours<Result>(use: (storage: Storage) => Promise<Result>): Promise<Result> {
  const storage = await openLevelStorage({ location: directory.path })
  try {
    return await use(storage)
  } finally {
    await storage.close()
  }
}

async function stock<Result>(use: (stock: LeveldbPersistence) => Promise<Result>): Promise<Result> {
  const persistence = new LeveldbPersistence(directory.path)
  try {
    return await use(persistence)
  } finally {
    await persistence.destroy()
  }
}

const words = ['a ', 'brown ', 'fox ', 'is ', 'quick ', '🦊 ']
const sentence = words.join('')
const updates = updatesWriting(words)

async function textOfOurs(document: string): Promise<string> {
  const stored = await ours(storage => storage.load(document))
  expect(stored.damaged).toEqual([])
  return textOf(stored.updates.map(({ update }) => update))
}

const textOfStock = (document: string) =>
  stock(async persistence => (await persistence.getYDoc(document)).getText('text').toString())

async function compact(storage: Storage, document: string): Promise<void> {
  const log = (await storage.load(document)).updates
  const through = log.at(-1)?.clock ?? -1
  await storage.replace(document, through, mergeLog(log.map(({ update }) => update)))
}

describe('stock y-leveldb on our database', () => {
  beforeEach(() =>
    ours(async storage => {
      await Promise.all(updates.map(update => storage.append('room:a/notes', update)))
      await storage.append('my-doc', updateSaying('other'))
      await storage.writeRecord('clock', Uint8Array.of(1))
    }),
  )

  it('lists, reads and diffs our documents', async () => {
    await stock(async persistence => {
      expect((await persistence.getAllDocNames()).sort()).toEqual(['my-doc', 'room:a/notes'])
      const document = await persistence.getYDoc('room:a/notes')
      expect(document.getText('text').toString()).toBe(sentence)
      const known = Y.encodeStateVectorFromUpdate(updates[0] as Uint8Array)
      const diff = await persistence.getDiff('room:a/notes', known)
      expect(textOf([updates[0] as Uint8Array, diff])).toBe(sentence)
    })
  })

  it('knows the true state vector, before and after our compaction and behind it', async () => {
    const expected = (count: number) =>
      Y.encodeStateVectorFromUpdate(Y.mergeUpdates(updates.slice(0, count)))
    const actual = () => stock(persistence => persistence.getStateVector('doc'))
    await ours(async storage => {
      for (const update of updates.slice(0, 3)) await storage.append('doc', update)
    })
    expect(await actual()).toEqual(expected(3))
    await ours(storage => storage.append('doc', updates[3] as Uint8Array))
    await ours(storage => compact(storage, 'doc'))
    expect(await actual()).toEqual(expected(4))
    await ours(storage => storage.append('doc', updates[4] as Uint8Array))
    expect(await actual()).toEqual(expected(5))
  })

  it('knows the state vector of a document of many writers', async () => {
    const others = [5, 900, 2 ** 31].map(client => updateSaying(`by ${client}`, client))
    const log = [...others, ...updates.slice(0, 3)]
    await ours(async storage => {
      for (const update of log) await storage.append('doc', update)
      await compact(storage, 'doc')
    })
    const vector = await stock(persistence => persistence.getStateVector('doc'))
    expect(Y.decodeStateVector(vector)).toEqual(
      Y.decodeStateVector(Y.encodeStateVectorFromUpdate(Y.mergeUpdates(log))),
    )
  })

  it('reads what our compaction left, with what was appended behind it', async () => {
    await ours(async storage => {
      for (const update of updates.slice(0, 4)) await storage.append('doc', update)
      await compact(storage, 'doc')
      await storage.append('doc', updates[4] as Uint8Array)
      await storage.append('doc', updates[5] as Uint8Array)
    })
    expect(await textOfStock('doc')).toBe(sentence)
  })

  it('may compact our documents, remove them and add to them', async () => {
    await stock(async persistence => {
      await persistence.flushDocument('room:a/notes')
      await persistence.storeUpdate('my-doc', updateSaying('stock ', 2))
      await persistence.setMeta('my-doc', 'about', { some: 'metadata' })
    })
    expect(await textOfOurs('room:a/notes')).toBe(sentence)
    expect(await textOfOurs('my-doc')).toMatch(/stock .*other|other.*stock /)
    await stock(persistence => persistence.clearDocument('my-doc'))
    await ours(async storage => {
      expect(await storage.documents()).toEqual(['room:a/notes'])
      expect((await storage.records('')).size).toBe(1)
    })
  })

  it('sees nothing of a document that we removed', async () => {
    await stock(persistence => persistence.setMeta('my-doc', 'about', 1))
    await ours(storage => storage.remove('my-doc'))
    await stock(async persistence => {
      expect(await persistence.getAllDocNames()).toEqual(['room:a/notes'])
      expect((await persistence.getYDoc('my-doc')).store.clients.size).toBe(0)
    })
  })
})

describe('a database of stock y-leveldb', () => {
  beforeEach(() =>
    stock(async persistence => {
      for (const update of updates) await persistence.storeUpdate('doc', update)
    }),
  )

  it('is read, listed and continued by us', async () => {
    expect(await textOfOurs('doc')).toBe(sentence)
    await ours(async storage => {
      expect(await storage.documents()).toEqual(['doc'])
      const { updates: log } = await storage.load('doc')
      const clock = await storage.append('doc', updateSaying('!', 2))
      expect(clock).toBe((log.at(-1)?.clock ?? 0) + 1)
    })
    expect(await textOfStock('doc')).toContain('!')
  })

  it('is compacted by us, also after its own compaction', async () => {
    await ours(storage => compact(storage, 'doc'))
    expect(await textOfStock('doc')).toBe(sentence)
    await stock(persistence => persistence.flushDocument('doc'))
    await ours(async storage => {
      await compact(storage, 'doc')
      expect((await storage.load('doc')).updates).toHaveLength(1)
    })
    expect(await textOfStock('doc')).toBe(sentence)
  })
})

describe('the seal of an update', () => {
  it('is ignored by all that Yjs does with an update', () => {
    const sealed = updates.map(update => sealUpdate(update, 1))
    const plain = Y.mergeUpdates(updates)
    const known = Y.encodeStateVectorFromUpdate(updates[1] as Uint8Array)
    expect(textOf(sealed)).toBe(sentence)
    expect(Y.mergeUpdates(sealed)).toEqual(plain)
    expect(Y.diffUpdate(sealUpdate(plain, 1), known)).toEqual(Y.diffUpdate(plain, known))
    expect(Y.encodeStateVectorFromUpdate(sealUpdate(plain, 1))).toEqual(
      Y.encodeStateVectorFromUpdate(plain),
    )
    expect(Y.parseUpdateMeta(sealUpdate(plain, 1))).toEqual(Y.parseUpdateMeta(plain))
    expect(Y.convertUpdateFormatV1ToV2(sealUpdate(plain, 1))).toEqual(
      Y.convertUpdateFormatV1ToV2(plain),
    )
  })

  it('finds any damage of a few bytes anywhere, and a value in the wrong place', () => {
    const update = Y.mergeUpdates(updates)
    const sealed = sealUpdate(update, 7)
    expect(unsealUpdate(sealed, 7)).toEqual(update)
    expect(unsealUpdate(sealed, 8)).toBeInstanceOf(Error)
    for (let bit = 0; bit < sealed.length * 8; bit++) {
      const flipped = sealed.slice()
      flipped[bit >> 3] = (flipped[bit >> 3] as number) ^ (1 << (bit & 7))
      expect(unsealUpdate(flipped, 7)).toBeInstanceOf(Error)
    }
    fc.assert(
      fc.property(fc.nat(sealed.length - 1), fc.uint8Array({ maxLength: 8 }), (at, noise) => {
        const damaged = sealed.slice()
        damaged.set(noise.subarray(0, sealed.length - at), at)
        fc.pre(damaged.some((byte, index) => byte !== sealed[index]))
        expect(unsealUpdate(damaged, 7)).toBeInstanceOf(Error)
      }),
    )
  })

  it('is not asked of values without one, which must be updates as a whole', () => {
    for (const update of updates) expect(unsealUpdate(update, 7)).toEqual(update)
    const update = updates[0] as Uint8Array
    expect(unsealUpdate(update.subarray(0, -1), 7)).toBeInstanceOf(Error)
    expect(unsealUpdate(Uint8Array.of(...update, 0), 7)).toBeInstanceOf(Error)
    expect(unsealUpdate(Uint8Array.of(), 7)).toBeInstanceOf(Error)
  })
})
