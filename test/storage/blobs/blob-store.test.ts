/** Blobs in a storage: stored once, checked, and collected when nothing refers to them. */
import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import * as Y from 'yjs'
import { equalBytes } from '../../../src/base/bytes.ts'
import { BlobCollector } from '../../../src/storage/blobs/blob-collector.ts'
import { cutBlob } from '../../../src/storage/blobs/blob-pieces.ts'
import {
  type BlobRef,
  blobNamesIn,
  chunkBytes,
  isBlobRef,
} from '../../../src/storage/blobs/blob-ref.ts'
import { BlobStore } from '../../../src/storage/blobs/blob-store.ts'
import { openLevelStorage } from '../../../src/storage/level-storage.ts'
import { createMemoryStorage } from '../../../src/storage/memory-storage.ts'
import type { Storage } from '../../../src/storage/storage.ts'
import { content } from '../../support/content.ts'
import { manualTime } from '../../support/manual-time.ts'
import { temporaryDirectory } from '../../support/temporary-directory.ts'

const none = new Uint8Array(1)
const document = 'room:r1/files'

async function pieces(storage: Storage): Promise<string[]> {
  return [...(await storage.records('blob/piece/')).keys()]
}

function updateWith(value: unknown): Uint8Array {
  const doc = new Y.Doc()
  doc.getMap('entries').set('key', value)
  return Y.encodeStateAsUpdate(doc)
}

function open(storage = createMemoryStorage(), graceMilliseconds = 1000) {
  const time = manualTime()
  const store = new BlobStore(storage, time)
  const onError = (error: Error) => {
    throw error
  }
  const collector = new BlobCollector({ store, storage, time, graceMilliseconds, onError })
  return { storage, time, store, collector }
}

describe('a blob', () => {
  it.each([0, 1, chunkBytes, chunkBytes + 1, 3 * chunkBytes, 1_000_000])(
    'of %i bytes comes back to the byte, after a restart too',
    async bytes => {
      const location = await temporaryDirectory()
      const before = await openLevelStorage({ location })
      const ref = await new BlobStore(before, manualTime()).put(document, content(bytes))
      expect(ref.bytes).toBe(bytes)
      expect(isBlobRef(ref)).toBe(true)
      await before.close()
      const after = await openLevelStorage({ location })
      const store = new BlobStore(after, manualTime())
      expect(equalBytes((await store.get(document, ref)) ?? none, content(bytes))).toBe(true)
      expect(await after.documents()).toEqual([])
      await after.close()
    },
  )

  it('has the SHA-256 of its content as its name', async () => {
    const { store } = open()
    const { blob } = await store.put(document, new TextEncoder().encode('abc'))
    expect(blob).toBe('sha256:ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad')
  })

  it('is stored once, however often and wherever it is put; so are chunks that two have', async () => {
    const { store, storage } = open()
    const first = await store.put(document, content(3 * chunkBytes))
    const stored = await pieces(storage)
    expect(await store.put('room:r1/other', content(3 * chunkBytes))).toEqual(first)
    expect(await store.put(document, content(3 * chunkBytes))).toEqual(first)
    expect(await pieces(storage)).toEqual(stored)
    const longer = new Uint8Array(3 * chunkBytes + 10)
    longer.set(content(3 * chunkBytes))
    await store.put(document, longer)
    expect((await pieces(storage)).length).toBe(stored.length + 2) // the end, and a manifest
  })

  it('belongs to the documents that it was put into, and is not read through others', async () => {
    const { store } = open()
    const ref = await store.put(document, content(10))
    expect(await store.get('room:r1/other', ref)).toBeUndefined()
    expect(await store.get(document, { ...ref, bytes: 11 })).toBeUndefined()
  })

  it('that is damaged on disk reads as missing, and is whole when it is put again', async () => {
    const { store, storage } = open()
    const ref = await store.put(document, content(2 * chunkBytes))
    for (const key of await pieces(storage)) {
      const bytes = (await storage.records(key)).get(key) as Uint8Array
      bytes[5] = (bytes[5] as number) ^ 1
      await storage.writeRecord(key, bytes)
      expect(await store.get(document, ref)).toBeUndefined()
      await store.put(document, content(2 * chunkBytes))
      expect(equalBytes((await store.get(document, ref)) ?? none, content(2 * chunkBytes))).toBe(
        true,
      )
    }
  })

  it('is taken from elsewhere only in pieces that have the right hash', async () => {
    const { store } = open()
    const { ref, first, chunks } = await cutBlob(content(2 * chunkBytes + 5))
    const wrong = { code: 'BLOB_DAMAGED' }
    await expect(store.putPiece(document, ref, 1, chunks[0] as Uint8Array)).rejects.toMatchObject(
      wrong,
    )
    await expect(store.putPiece(document, ref, 0, content(96))).rejects.toMatchObject(wrong)
    await store.putPiece(document, ref, 0, first)
    await expect(store.putPiece(document, ref, 2, chunks[0] as Uint8Array)).rejects.toMatchObject(
      wrong,
    )
    await expect(store.putPiece(document, ref, 4, content(1))).rejects.toMatchObject(wrong)
    await expect(store.finish(document, ref, '')).rejects.toMatchObject({ code: 'BLOB_MISSING' })
    expect(await store.get(document, ref)).toBeUndefined()
    for (const [index, chunk] of chunks.entries())
      await store.putPiece(document, ref, index + 1, chunk)
    await store.finish(document, ref, '')
    expect(equalBytes((await store.get(document, ref)) ?? none, content(2 * chunkBytes + 5))).toBe(
      true,
    )
  })
})

describe('references', () => {
  it('are found in updates, wherever they stand in a value', () => {
    const name = fc.string({
      unit: fc.constantFrom(...'0123456789abcdef'),
      minLength: 64,
      maxLength: 64,
    })
    fc.assert(
      fc.property(fc.array(name, { maxLength: 5 }), fc.string(), (digits, other) => {
        const refs = digits.map(text => ({ blob: `sha256:${text}`, bytes: 1 }))
        const found = new Set<string>()
        blobNamesIn(updateWith({ other, deep: [{ refs }], text: `${other}sha256:` }), found)
        expect(found).toEqual(new Set(refs.map(({ blob }) => blob)))
      }),
    )
  })
})

describe('collecting', () => {
  it('removes what nothing refers to, after the grace period, and nothing else', async () => {
    const { store, storage, time, collector } = open()
    const used = await store.put(document, content(3 * chunkBytes, 1))
    const unused = await store.put(document, content(3 * chunkBytes, 2))
    await storage.append('room:r1/users', updateWith({ avatar: used }))
    time.advance(1000)
    expect(await collector.collect()).toMatchObject({ kept: 2, removed: 0 })
    time.advance(1)
    const young = await store.put(document, content(10, 3))
    expect(await collector.collect()).toMatchObject({ kept: 2, removed: 1 })
    expect(equalBytes((await store.get(document, used)) ?? none, content(3 * chunkBytes, 1))).toBe(
      true,
    )
    expect(equalBytes((await store.get(document, young)) ?? none, content(10, 3))).toBe(true)
    expect(await store.get(document, unused)).toBeUndefined()
    expect((await pieces(storage)).length).toBe(5)
  })

  it('counts references of the same scope, not of others', async () => {
    const { store, storage, time, collector } = open()
    const ref = await store.put('room:r1/files', content(10))
    await storage.append('room:r2/files', updateWith(ref))
    time.advance(2000)
    expect(await collector.collect()).toMatchObject({ removed: 1, removedBytes: 10 })
  })

  it('keeps the chunks that another blob has', async () => {
    const { store, storage, time, collector } = open()
    const kept = await store.put(document, content(2 * chunkBytes))
    const longer = new Uint8Array(2 * chunkBytes + 9)
    longer.set(content(2 * chunkBytes))
    await store.put(document, longer)
    await storage.append(document, updateWith(kept))
    time.advance(2000)
    expect(await collector.collect()).toMatchObject({ kept: 1, removed: 1 })
    expect(equalBytes((await store.get(document, kept)) ?? none, content(2 * chunkBytes))).toBe(
      true,
    )
  })

  it('begins the grace period anew when a reference was there at the last look', async () => {
    const { store, storage, time, collector } = open()
    const ref = await store.put(document, content(10))
    const clock = await storage.append(document, updateWith(ref))
    time.advance(2000)
    await collector.collect()
    await storage.replace(document, clock, updateWith('no more'))
    time.advance(900)
    expect(await collector.collect()).toMatchObject({ removed: 0 })
    time.advance(200)
    expect(await collector.collect()).toMatchObject({ removed: 1 })
  })

  it('does not remove what writers put and refer to meanwhile', async () => {
    const { store, storage, time, collector } = open(createMemoryStorage(), 50)
    const old: BlobRef[] = []
    for (let seed = 0; seed < 20; seed++) old.push(await store.put(document, content(100, seed)))
    time.advance(1000)
    // All twenty may be removed; half of them are put again while the collector looks.
    const collecting = collector.collect()
    const written = Array.from({ length: 10 }, async (_, seed) => {
      const ref = await store.put(document, content(100, seed))
      await storage.append(document, updateWith(ref))
    })
    await Promise.all([collecting, ...written])
    await collector.collect()
    for (const [seed, ref] of old.slice(0, 10).entries()) {
      expect(equalBytes((await store.get(document, ref)) ?? none, content(100, seed))).toBe(true)
    }
    expect(await store.get(document, old[15] as BlobRef)).toBeUndefined()
  })

  it('removes what was begun and never finished', async () => {
    const { store, storage, time, collector } = open()
    const { ref, first, chunks } = await cutBlob(content(2 * chunkBytes))
    await store.putPiece(document, ref, 0, first)
    await store.putPiece(document, ref, 1, chunks[0] as Uint8Array)
    time.advance(2000)
    await collector.collect()
    expect(await pieces(storage)).toEqual([])
  })
})
