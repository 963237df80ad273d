/** Working values through all layers: where writes go, reading through, loaders, ends, statistics. */
import { join } from 'node:path'
import { describe, expect, it, onTestFinished } from 'vitest'
import type { LayeredStore } from '../../../src/storage/layers/layered-store.ts'
import {
  type LayeredStoreOptions,
  openLayeredStore,
} from '../../../src/storage/layers/open-layered-store.ts'
import { manualTime } from '../../support/manual-time.ts'
import { redisAnswers, redisPrefix, redisUrl } from '../../support/redis.ts'
import { temporaryDirectory } from '../../support/temporary-directory.ts'
import { waitUntil } from '../../support/wait-until.ts'

const answers = await redisAnswers()

async function open(options: LayeredStoreOptions): Promise<LayeredStore> {
  const store = await openLayeredStore(options)
  onTestFinished(() => store.close())
  return store
}

async function directories(): Promise<{ level: string; archive: string }> {
  const directory = await temporaryDirectory()
  return { level: join(directory, 'level'), archive: join(directory, 'archive') }
}

describe('values', () => {
  it('come back as they were, with every type that partitions know, through the disk too', async () => {
    const value = {
      map: new Map<unknown, unknown>([['k', new Set([1, 'two'])]]),
      at: new Date(0),
      large: 2n ** 80n,
      bytes: Uint8Array.of(0, 255),
      nested: [{ deep: null }, -0, Number.NaN],
    }
    const disk = await directories()
    const before = await open(disk)
    await before.set('key', value, { persistent: true })
    expect(await before.get('key')).toEqual(value)
    await before.close()
    const after = await open(disk)
    expect(await after.get('key')).toEqual(value)
  })

  it('belong to their reader: what one does to a Map, another does not see', async () => {
    const store = await open({})
    const mine = new Map([['a', 1]])
    await store.set('key', mine)
    mine.set('b', 2)
    ;(store.peek('key') as Map<string, number>).set('c', 3)
    expect(await store.get('key')).toEqual(new Map([['a', 1]]))
    await store.set('plain', { list: [1] })
    expect(Object.isFrozen((store.peek('plain') as { list: number[] }).list)).toBe(true)
  })

  it('that cannot be stored are refused, and the one before stays', async () => {
    const store = await open({})
    await store.set('key', 'before')
    await expect(store.set('key', () => 1)).rejects.toMatchObject({ code: 'VALUE_INVALID' })
    await expect(store.set('key', undefined)).rejects.toMatchObject({ code: 'VALUE_INVALID' })
    await expect(store.set('', 1)).rejects.toMatchObject({ code: 'KEY_INVALID' })
    await expect(store.get('\ud800')).rejects.toMatchObject({ code: 'KEY_INVALID' })
    expect(store.peek('key')).toBe('before')
  })
})

describe('a write', () => {
  it('goes to the layers that it names and to no other', async () => {
    const disk = await directories()
    const store = await open(disk)
    await store.set('volatile', 1, { volatile: true })
    await store.set('persistent', 2, { persistent: true })
    await store.set('archive', 3, { archive: true })
    await store.close()
    const [level, archive] = [
      await open({ level: disk.level }),
      await open({ archive: disk.archive }),
    ]
    expect(await level.keys()).toEqual(['persistent'])
    expect(await archive.keys()).toEqual(['archive'])
    await Promise.all([level.close(), archive.close()])
    const again = await open(disk)
    expect(await again.get('volatile')).toBeUndefined()
    expect(await again.get('archive')).toBe(3)
  })

  it('that asks for a layer that is not there is refused', async () => {
    const store = await open({})
    await expect(store.set('key', 1, { persistent: true })).rejects.toMatchObject({
      code: 'OPTION_INVALID',
    })
    await expect(store.set('key', 1, { ttlMilliseconds: 0 })).rejects.toMatchObject({
      code: 'OPTION_INVALID',
    })
    expect(store.peek('key')).toBeUndefined()
  })

  it('ends when its time is up, in memory and on disk', async () => {
    const time = manualTime()
    const store = await open({ ...(await directories()), time })
    await store.set('key', 1, { ttlMilliseconds: 1000, persistent: true, archive: true })
    time.advance(999)
    expect(await store.get('key')).toBe(1)
    time.advance(1)
    expect(store.peek('key')).toBeUndefined()
    expect(await store.get('key')).toBeUndefined()
  })

  it('of one kind takes the place of one of another', async () => {
    const disk = await directories()
    const store = await open(disk)
    await store.set('key', 'durable', { persistent: true, archive: true })
    await store.set('key', 'scratch')
    await store.close()
    const again = await open(disk)
    expect(await again.get('key')).toBeUndefined()
  })
})

describe('invalidating', () => {
  it('removes what matches, from all layers', async () => {
    const disk = await directories()
    const store = await open(disk)
    for (const key of ['user:1', 'user:2', 'room:1']) {
      await store.set(key, key, { persistent: true, archive: true })
    }
    await store.invalidate('user:*')
    await store.delete('room:2')
    expect(await store.keys()).toEqual(['room:1'])
    await store.close()
    const again = await open(disk)
    expect(await again.get('user:1')).toBeUndefined()
    expect(await again.get('room:1')).toBe('room:1')
  })
})

describe('a loader', () => {
  it('is called once for many who ask, and its answer is kept as told', async () => {
    const disk = await directories()
    const store = await open(disk)
    let calls = 0
    const load = async (key: string) => {
      calls += 1
      await Promise.resolve()
      return `loaded ${key}`
    }
    const asked = Array.from({ length: 50 }, () =>
      store.getOrLoad('key', load, { persistent: true }),
    )
    expect(new Set(await Promise.all(asked))).toEqual(new Set(['loaded key']))
    expect(calls).toBe(1)
    expect(store.statistics).toMatchObject({ loads: 1, loadsShared: 49 })
    await store.close()
    expect(await (await open(disk)).get('key')).toBe('loaded key')
  })

  it('that finds nothing is not asked again for a while, unless the key is written', async () => {
    const time = manualTime()
    const store = await open({ time, absentMilliseconds: 1000 })
    let calls = 0
    const load = () => {
      calls += 1
      return undefined
    }
    expect(await store.getOrLoad('key', load)).toBeUndefined()
    expect(await store.getOrLoad('key', load)).toBeUndefined()
    expect(calls).toBe(1)
    time.advance(1000)
    await store.getOrLoad('key', load)
    expect(calls).toBe(2)
    await store.set('key', 'now there')
    expect(await store.getOrLoad('key', load)).toBe('now there')
    await store.invalidate('k*')
    await store.getOrLoad('key', load)
    expect(calls).toBe(3)
  })

  it('is asked although a plain read has found nothing before', async () => {
    const store = await open({})
    expect(await store.get('key')).toBeUndefined()
    expect(await store.getOrLoad('key', () => 'loaded')).toBe('loaded')
  })

  it('that fails is asked again by the next, and everybody hears of it', async () => {
    const store = await open({})
    const fail = () => {
      throw new Error('the source is away')
    }
    const both = [store.getOrLoad('key', fail), store.getOrLoad('key', fail)]
    for (const asked of both) await expect(asked).rejects.toThrow('the source is away')
    expect(await store.getOrLoad('key', () => 1)).toBe(1)
    expect(store.statistics).toMatchObject({ loads: 2, loadFailures: 1 })
  })

  it('does not overwrite what was written while it loaded', async () => {
    const store = await open({})
    let answer: (value: string) => void = () => undefined
    const loading = store.getOrLoad('key', () => new Promise(resolve => (answer = resolve)))
    await waitUntil(() => store.statistics.loads === 1)
    await store.set('key', 'written')
    answer('loaded from before')
    expect(await loading).toBe('written')
    expect(await store.get('key')).toBe('written')
  })

  it('that finds nothing does not hide what was removed and written meanwhile', async () => {
    const store = await open({})
    let answer: (value: undefined) => void = () => undefined
    const loading = store.getOrLoad('key', () => new Promise(resolve => (answer = resolve)))
    await waitUntil(() => store.statistics.loads === 1)
    await store.set('key', 'written')
    await store.delete('key')
    answer(undefined)
    expect(await loading).toBeUndefined()
    expect(await store.getOrLoad('key', () => 'loaded')).toBe('loaded')
  })
})

describe('statistics', () => {
  it('count hits and misses, in all and by layer', async () => {
    const store = await open(await directories())
    await store.set('key', 'v', { persistent: true })
    await store.get('key')
    await store.get('nothing')
    await store.get('nothing')
    const { reads, hits, misses, absent, memoryBytes, layers } = store.statistics
    expect({ reads, hits, misses, absent }).toEqual({ reads: 3, hits: 1, misses: 1, absent: 1 })
    expect(memoryBytes).toBeGreaterThan(0)
    expect(layers.map(({ name, hits, misses, writes }) => [name, hits, misses, writes])).toEqual([
      ['memory', 1, 2, 1],
      ['level', 0, 1, 1],
      ['archive', 0, 1, 1],
    ])
  })
})

describe('after closing', () => {
  it('nothing is taken any more', async () => {
    const store = await open({})
    await store.set('key', 1)
    await store.close()
    for (const call of [store.get('key'), store.set('key', 1), store.delete('key'), store.keys()]) {
      await expect(call).rejects.toMatchObject({ code: 'CLOSED' })
    }
  })
})

describe.skipIf(!answers)('stores that share Redis', () => {
  it('share what has a ttl, and forget their copies when another writes or removes', async () => {
    const redis = { url: redisUrl, prefix: redisPrefix() }
    const [one, other] = [
      await open({ redis, ...(await directories()) }),
      await open({ redis, ...(await directories()) }),
    ]
    await one.set('key', 'first', { ttlMilliseconds: 60_000 })
    await waitUntil(async () => (await other.get('key')) === 'first')
    await other.set('own', 'on its disk', { persistent: true })
    await one.set('key', 'second', { ttlMilliseconds: 60_000 })
    await waitUntil(async () => (await other.get('key')) === 'second')

    await one.invalidate('o*')
    await waitUntil(async () => (await other.get('own')) === undefined)
    await one.delete('key')
    await waitUntil(async () => (await other.get('key')) === undefined)
  })

  it('catch up with what was written while they were closed', async () => {
    const redis = { url: redisUrl, prefix: redisPrefix() }
    const disk = await directories()
    const one = await open({ redis })
    const other = await open({ redis, ...disk })
    await other.set('key', 'old', { persistent: true })
    await other.close()
    await one.delete('key')
    const again = await open({ redis, ...disk })
    await waitUntil(async () => (await again.keys()).length === 0)
    expect(await again.get('key')).toBeUndefined()
  })
})
