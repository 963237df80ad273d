/** Layers that go down: skipped, reported, and caught up when they are back. */
import { describe, expect, it, onTestFinished } from 'vitest'
import type { LayerChange } from '../../../src/storage/layers/guarded-layer.ts'
import { KeyPattern } from '../../../src/storage/layers/key-pattern.ts'
import { LayerStack } from '../../../src/storage/layers/layer-stack.ts'
import type { LayeredStore } from '../../../src/storage/layers/layered-store.ts'
import { openLevelLayer } from '../../../src/storage/layers/level-layer.ts'
import { MemoryLayer } from '../../../src/storage/layers/memory-layer.ts'
import {
  type LayeredStoreOptions,
  openLayeredStore,
} from '../../../src/storage/layers/open-layered-store.ts'
import { recordOf, stampAt, textIn } from '../../contracts/layer.ts'
import { manualTime } from '../../support/manual-time.ts'
import { redisServerInstalled, startRedis } from '../../support/redis.ts'
import { temporaryDirectory } from '../../support/temporary-directory.ts'
import { waitUntil } from '../../support/wait-until.ts'
import { FailingLevel } from '../failing-level.ts'

const installed = redisServerInstalled()

async function open(options: LayeredStoreOptions): Promise<[LayeredStore, LayerChange[]]> {
  const store = await openLayeredStore(options)
  onTestFinished(() => store.close())
  const changes: LayerChange[] = []
  store.on('layer', change => changes.push(change))
  return [store, changes]
}

const redisState = ({ statistics }: LayeredStore) =>
  statistics.layers.find(({ name }) => name === 'redis')?.state

describe.skipIf(!installed)('a Redis server that is killed and comes back', () => {
  it('is skipped, reported, and then has what was written meanwhile', async () => {
    const server = await startRedis()
    const redis = { url: server.url, prefix: 'p' }
    const [store, changes] = await open({ redis, level: await temporaryDirectory() })
    const [other] = await open({ redis })
    const ttlMilliseconds = 60_000
    await store.set('kept', 'in redis', { ttlMilliseconds })
    await server.kill()

    const receipt = await store.set('written', 'while down', { ttlMilliseconds, persistent: true })
    expect(receipt.missed).toEqual(['redis'])
    expect(await store.get('written')).toBe('while down')
    expect(await store.get('unknown')).toBeUndefined()
    await store.set('kept', 'newer', { ttlMilliseconds })
    await store.set('gone', 'x', { ttlMilliseconds })
    await store.delete('gone')
    expect(redisState(store)).toBe('down')
    expect(changes.map(({ type, layer }) => `${layer} ${type}`)).toEqual(['redis down'])

    await server.start()
    await waitUntil(() => redisState(store) === 'up')
    expect(changes.at(-1)).toMatchObject({ type: 'up', layer: 'redis', caughtUp: 3 })
    await waitUntil(async () => (await other.get('written')) === 'while down')
    expect(await other.get('kept')).toBe('newer')
    expect(await other.get('gone')).toBeUndefined()
  })

  it('does not serve what was overwritten while one store could not reach it', async () => {
    const server = await startRedis()
    const redis = { url: server.url, prefix: 'p' }
    const [store] = await open({ redis, operationMillisecondsMax: 150 })
    await store.set('key', 'old', { ttlMilliseconds: 60_000 })
    server.signal('SIGSTOP') // its memory stays, and its connections
    const receipt = await store.set('key', 'new', { ttlMilliseconds: 60_000 })
    expect(receipt.missed).toEqual(['redis'])
    server.signal('SIGCONT')
    await waitUntil(() => redisState(store) === 'up')
    const [fresh] = await open({ redis })
    expect(await fresh.get('key')).toBe('new')
  })

  it('passes on what was invalidated while it was down', async () => {
    const server = await startRedis()
    const redis = { url: server.url, prefix: 'p' }
    const [[one], [other]] = [await open({ redis }), await open({ redis })]
    await other.set('user:1', 'copy')
    await server.kill()
    await one.invalidate('user:*')
    expect(await other.get('user:1')).toBe('copy')
    await server.start()
    await waitUntil(() => other.peek('user:1') === undefined)
  })

  it('is waited for by nobody who opens a store', async () => {
    const server = await startRedis()
    await server.kill()
    const [store] = await open({ redis: { url: server.url, prefix: 'p' } })
    await store.set('key', 1, { ttlMilliseconds: 60_000 })
    expect(await store.get('key')).toBe(1)
    await server.start()
    await waitUntil(() => redisState(store) === 'up')
  })
})

describe('a disk that fails', () => {
  it('fails the write that asked for it, and has it once it is well', async () => {
    const location = await temporaryDirectory()
    const level = new FailingLevel(location)
    const disk = await openLevelLayer({ location, createDatabase: () => level })
    const memory = new MemoryLayer()
    const changes: LayerChange[] = []
    const onState = (change: LayerChange) => void changes.push(change)
    const stack = new LayerStack({ memory, below: [disk], onState })
    onTestFinished(() => stack.close())
    level.failures = 1
    await expect(stack.write('key', recordOf('v', 1))).rejects.toMatchObject({
      code: 'STORAGE_UNAVAILABLE',
    })
    expect(textIn(await stack.read('key'))).toBe('v')
    await waitUntil(() => changes.at(-1)?.type === 'up')
    expect(textIn(await disk.read('key'))).toBe('v')
  })
})

describe('what is kept for a layer that is down', () => {
  it('is bounded, and what did not fit is removed when the layer is back', async () => {
    const time = manualTime()
    const below = new MemoryLayer({ time })
    let down = false
    const layer = new Proxy(below, {
      get(target, property) {
        if (property === 'name') return 'below'
        const method = Reflect.get(target, property) as unknown
        if (typeof method !== 'function') return method
        return (...args: unknown[]) =>
          down && property !== 'close'
            ? Promise.reject(new Error('down'))
            : (method as (...args: unknown[]) => unknown).apply(target, args)
      },
    })
    const memory = new MemoryLayer({ time })
    const stack = new LayerStack({ memory, below: [layer], time, missedMax: 50 })
    onTestFinished(() => stack.close())
    for (let index = 0; index < 120; index++) await stack.write(`key${index}`, recordOf('old', 1))
    down = true
    for (let index = 0; index < 110; index++) {
      await stack.store(`key${index}`, recordOf('new', 2 + index), ['below'])
      expect(stack.statistics[1]?.missed).toBeLessThanOrEqual(50)
    }
    down = false
    await time.advanceAsync(10_000)
    await waitUntil(() => stack.whole)
    await memory.remove(KeyPattern.parse('*'), stampAt(1000))
    for (let index = 0; index < 110; index++) {
      expect(['new', undefined]).toContain(textIn(await stack.read(`key${index}`)))
    }
    expect(textIn(await stack.read('key109'))).toBe('new')
  })
})
