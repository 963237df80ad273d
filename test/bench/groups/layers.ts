/** The layered store: memory's speed, the layers below it, and what compression buys. */
import { readdirSync, statSync } from 'node:fs'
import { join } from 'node:path'
import * as Y from 'yjs'
import {
  createMemoryStorage,
  definePartition,
  type LayeredStore,
  type LayeredStoreOptions,
  openLayeredStore,
  openLevelStorage,
  openReplica,
  room,
} from '../../../src/index.ts'
import { deflate } from '../../../src/storage/codec.ts'
import { createByteLevel } from '../../../src/storage/level-database.ts'
import { inDirectory } from '../directory.ts'
import { type Benchmark, Skip } from '../figure.ts'

const keys = Array.from({ length: 1000 }, (_, index) => `user:${index}`)
const value = { name: 'Alice', status: 'active', score: 42, tags: ['a', 'b', 'c'] }

async function withStore<Result>(
  options: LayeredStoreOptions,
  work: (store: LayeredStore) => Promise<Result>,
): Promise<Result> {
  const store = await openLayeredStore(options)
  try {
    return await work(store)
  } finally {
    await store.close()
  }
}

const seconds = (start: number) => (performance.now() - start) / 1000

export const benchmarks: readonly Benchmark[] = [
  {
    figures: { 'memory-peek': 'reads/s', 'memory-get': 'reads/s' },
    run: () =>
      withStore({}, async store => {
        for (const key of keys) await store.set(key, value)
        const times = 3_000_000
        let found = 0
        let start = performance.now()
        for (let index = 0; index < times; index++) {
          if (store.peek(keys[index % 1000] as string) !== undefined) found += 1
        }
        const peek = times / seconds(start)
        start = performance.now()
        for (let index = 0; index < times; index++) {
          if ((await store.get(keys[index % 1000] as string)) !== undefined) found += 1
        }
        const get = times / seconds(start)
        if (found !== 2 * times) throw new Error('a value was not found')
        return { 'memory-peek': peek, 'memory-get': get }
      }),
  },
  {
    figures: { 'memory-set': 'writes/s' },
    run: () =>
      withStore({}, async store => {
        const times = 200_000
        const start = performance.now()
        for (let index = 0; index < times; index++)
          await store.set(keys[index % 1000] as string, value)
        return { 'memory-set': times / seconds(start) }
      }),
  },
  {
    figures: { 'level-set': 'durable writes/s', 'level-get': 'reads/s' },
    run: () =>
      inDirectory(async directory => {
        const level = join(directory, 'level')
        const times = 10_000
        const names = Array.from({ length: times }, (_, index) => `key:${index}`)
        const written = await withStore({ level }, async store => {
          const start = performance.now()
          await Promise.all(names.map(name => store.set(name, value, { persistent: true })))
          return times / seconds(start)
        })
        const read = await withStore({ level }, async store => {
          const start = performance.now()
          for (const name of names) await store.get(name)
          return times / seconds(start)
        })
        return { 'level-set': written, 'level-get': read }
      }),
  },
  {
    figures: { 'redis-set': 'writes/s', 'redis-get': 'reads/s' },
    run: async () => {
      const url = process.env.REDIS_URL ?? 'redis://localhost:6379'
      const redis = { url, prefix: `statemesh-bench:${process.pid}` }
      const ttlMilliseconds = 60_000
      const times = 5000
      const names = Array.from({ length: times }, (_, index) => `key:${index}`)
      return withStore({ redis }, async store => {
        const { missed } = await store.set('first', 1, { ttlMilliseconds })
        if (missed.length > 0) throw new Skip(`no Redis at ${url}`)
        let start = performance.now()
        await Promise.all(names.map(name => store.set(name, value, { ttlMilliseconds })))
        const written = times / seconds(start)
        const read = await withStore({ redis }, async other => {
          start = performance.now()
          for (const name of names) await other.get(name)
          return times / seconds(start)
        })
        await store.invalidate('*')
        return { 'redis-set': written, 'redis-get': read }
      })
    },
  },
  {
    // A replica whose disk holds 10,000 documents: opened, and then one document after another used.
    figures: { 'open-10000-documents': 'ms', 'open-10000-memory': 'MB', 'use-1000-memory': 'MB' },
    runs: 3,
    warmups: 1,
    limits: { 'open-10000-memory': 60 },
    run: () =>
      inDirectory(async storage => {
        await storeDocuments(storage, 10_000)
        const start = performance.now()
        const replica = await openReplica({ actor: 'bench', storage, idleMilliseconds: 1 })
        const opened = performance.now() - start
        const afterOpening = usedMegabytes()
        for (let index = 0; index < 1000; index++) {
          const notes = await replica.open(room(`r${index}`), Notes)
          if (notes.text('summary').length === 0) throw new Error('a document was not found')
          notes.close()
        }
        while (replica.status.loaded > 0) await new Promise(resolve => setTimeout(resolve, 5))
        const afterUsing = usedMegabytes()
        await replica.close()
        return {
          'open-10000-documents': opened,
          'open-10000-memory': afterOpening,
          'use-1000-memory': afterUsing,
        }
      }),
  },
  {
    figures: { 'blob-put': 'MB/s', 'blob-get': 'MB/s' },
    runs: 3,
    run: async () => {
      const replica = await openReplica({ actor: 'bench', storage: createMemoryStorage() })
      const blobs = replica.blobs.of(room('r1'), Notes)
      const megabytes = 32
      const content = new Uint8Array(megabytes * 2 ** 20)
      for (let index = 0; index < content.length; index += 4096) content[index] = index >> 12
      let start = performance.now()
      const ref = await blobs.put(content)
      const put = megabytes / seconds(start)
      start = performance.now()
      const { length } = await blobs.get(ref)
      if (length !== content.length) throw new Error('the blob is not whole')
      const get = megabytes / seconds(start)
      await replica.close()
      return { 'blob-put': put, 'blob-get': get }
    },
  },
  {
    // What is left of a document of registers on disk, and what deflating it would leave and take.
    figures: {
      'stored-share': 'of the bytes',
      'deflated-share': 'of the bytes',
      deflate: 'MB/s',
      expand: 'MB/s',
    },
    runs: 3,
    run: () =>
      inDirectory(async directory => {
        const update = registers()
        const megabytes = update.length / 2 ** 20
        const stored = await bytesOnDisk(directory, update)
        let start = performance.now()
        const deflated = await deflate.compress(update)
        const compressing = megabytes / seconds(start)
        start = performance.now()
        const { length } = await deflate.expand(deflated, update.length)
        if (length !== update.length) throw new Error('it did not come back whole')
        return {
          'stored-share': stored / update.length,
          'deflated-share': deflated.length / update.length,
          deflate: compressing,
          expand: megabytes / seconds(start),
        }
      }),
  },
]

/** The encoded state of many registers with values of agents: what a compacted document is. */
function registers(): Uint8Array {
  const words = 'agent room message user plan task done active away summary token note'.split(' ')
  let state = 1
  const word = () => {
    state = (Math.imul(state, 1_664_525) + 1_013_904_223) >>> 0
    return words[(state >>> 16) % words.length] as string
  }
  const doc = new Y.Doc()
  const map = doc.getMap('entries')
  for (let index = 0; index < 10_000; index++) {
    const notes = Array.from({ length: 12 }, word).join(' ')
    const v = { name: word(), status: word(), at: 1.7e12 + index * 977, notes }
    map.set(`user:${index}\0${doc.clientID}`, { v, t: 1.7e15 + index * 1024, a: 'agent-7' })
  }
  return Y.encodeStateAsUpdate(doc)
}

/** What a value takes on disk in LevelDB, which compresses by itself; of 20 copies under their keys. */
async function bytesOnDisk(location: string, value: Uint8Array): Promise<number> {
  const copies = 20
  const database = createByteLevel(location)
  for (let copy = 0; copy < copies; copy++) await database.put(Uint8Array.of(copy), value)
  await database.close()
  // Opening writes what is in the log into tables.
  const again = createByteLevel(location)
  await again.open()
  await again.close()
  const tables = readdirSync(location).filter(file => file.endsWith('.ldb'))
  return tables.reduce((sum, file) => sum + statSync(join(location, file)).size, 0) / copies
}

const Notes = definePartition({ name: 'notes', policy: 'crdt' })

async function storeDocuments(location: string, count: number): Promise<void> {
  const doc = new Y.Doc()
  doc.getText('summary').insert(0, 'a note of forty-odd bytes, like those of agents')
  const update = Y.encodeStateAsUpdate(doc)
  const storage = await openLevelStorage({ location })
  await Promise.all(
    Array.from({ length: count }, (_, index) => storage.append(`room:r${index}/notes`, update)),
  )
  await storage.close()
}

/** What this process has in use, Node's own included: the heap and what it holds outside. */
function usedMegabytes(): number {
  globalThis.gc?.()
  const { heapUsed, external } = process.memoryUsage()
  return (heapUsed + external) / 2 ** 20
}
