/** Redis under the contract of a layer, against a real server. */
import { randomUUID } from 'node:crypto'
import { describe, expect, it } from 'vitest'
import { KeyPattern } from '../../../src/storage/layers/key-pattern.ts'
import { openRedisLayer } from '../../../src/storage/layers/redis-layer.ts'
import { describeLayer, recordOf, stampAt, textIn } from '../../contracts/layer.ts'
import { redisAnswers, redisPrefix, redisUrl, removePrefix } from '../../support/redis.ts'
import { waitUntil } from '../../support/wait-until.ts'

const answers = await redisAnswers()

if (answers) {
  describeLayer('Redis', async time => {
    const prefix = `statemesh-test:${randomUUID()}`
    return {
      layer: await openRedisLayer({ url: redisUrl, prefix, time }),
      dispose: () => removePrefix(prefix),
    }
  })
}

describe.skipIf(!answers)('processes that share Redis', () => {
  it('read what another wrote, and nothing once Redis has ended it', async () => {
    const options = { url: redisUrl, prefix: redisPrefix() }
    const [one, other] = [await openRedisLayer(options), await openRedisLayer(options)]
    // As long as this machine takes to read it in time.
    for (let lasts = 150, read = ''; read !== 'shared'; lasts *= 2) {
      await one.write('key', recordOf('shared', lasts, Date.now() + lasts))
      read = textIn(await other.read('key')) ?? ''
    }
    await waitUntil(async () => (await other.read('key')) === undefined)
    await Promise.all([one.close(), other.close()])
  })

  it('do not bring back with a late write what another removed', async () => {
    const options = { url: redisUrl, prefix: redisPrefix() }
    const [one, other] = [await openRedisLayer(options), await openRedisLayer(options)]
    await one.remove(KeyPattern.of('key'), stampAt(5))
    await other.write('key', recordOf('late', 4))
    expect(await one.read('key')).toBeUndefined()
    expect(await one.keys(KeyPattern.parse('*'))).toEqual([])
    await other.write('key', recordOf('new', 6))
    expect(textIn(await one.read('key'))).toBe('new')
    await Promise.all([one.close(), other.close()])
  })
})

describe('an address of Redis', () => {
  it('that is malformed is refused', async () => {
    const opening = openRedisLayer({ url: 'http://nowhere', prefix: 'p' })
    await expect(opening).rejects.toMatchObject({ code: 'OPTION_INVALID' })
  })

  it('where nothing listens gives a layer that is down', async () => {
    const layer = await openRedisLayer({ url: 'redis://127.0.0.1:1', prefix: 'p' })
    await expect(layer.read('key')).rejects.toMatchObject({ code: 'LAYER_UNAVAILABLE' })
    await layer.close()
    await expect(layer.read('key')).rejects.toMatchObject({ code: 'CLOSED' })
  })
})
