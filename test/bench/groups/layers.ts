/** The layered store: memory's speed, the layers below it, and what compression buys. */
import { join } from 'node:path'
import {
  type LayeredStore,
  type LayeredStoreOptions,
  openLayeredStore,
} from '../../../src/index.ts'
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
]
