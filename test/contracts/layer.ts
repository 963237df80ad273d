/**
 * What every layer promises, the stack too. To adopt it:
 * `describeLayer('my layer', async time => ({ layer: openMyLayer(time), dispose: removeItsFiles }))`.
 */
import fc from 'fast-check'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import type { HybridTimestamp } from '../../src/clock/hybrid-clock.ts'
import { everyKey, KeyPattern } from '../../src/storage/layers/key-pattern.ts'
import {
  type Layer,
  type LayerRecord,
  type LayerStamp,
  layerStamp,
} from '../../src/storage/layers/layer.ts'
import { type ManualTime, manualTime } from '../support/manual-time.ts'

export interface LayerEnvironment {
  readonly layer: Layer
  dispose?(): Promise<void>
}

export function stampAt(time: number, writer = '0000000a'): LayerStamp {
  return layerStamp(time as HybridTimestamp, writer)
}

export function recordOf(
  text: string,
  time = 1,
  expiresAt: number = Number.POSITIVE_INFINITY,
): LayerRecord {
  return { stamp: stampAt(time), expiresAt, value: new TextEncoder().encode(text) }
}

/** The text of a record; undefined for none. */
export function textIn(record: LayerRecord | undefined): string | undefined {
  return record && new TextDecoder().decode(record.value)
}

export function describeLayer(
  name: string,
  makeEnvironment: (time: ManualTime) => Promise<LayerEnvironment>,
): void {
  describe(`${name} keeps the contract of a layer`, () => {
    let environment: LayerEnvironment
    let layer: Layer
    let time: ManualTime

    beforeEach(async () => {
      time = manualTime()
      environment = await makeEnvironment(time)
      layer = environment.layer
    })
    afterEach(async () => {
      await layer.close()
      await environment.dispose?.()
    })

    const textAt = async (key: string) => textIn(await layer.read(key))

    it('answers nothing for a key that was never written', async () => {
      expect(await layer.read('nothing')).toBeUndefined()
      expect(await layer.keys(everyKey)).toEqual([])
    })

    it('answers what was written, to the byte', async () => {
      const value = Uint8Array.from({ length: 70_000 }, (_, index) => (index * 7) % 256)
      await layer.write('bytes', { stamp: stampAt(3), expiresAt: Number.POSITIVE_INFINITY, value })
      const record = await layer.read('bytes')
      expect(record?.stamp).toBe(stampAt(3))
      expect(record?.expiresAt).toBe(Number.POSITIVE_INFINITY)
      expect(record?.value).toEqual(value)
    })

    it('keeps an empty value', async () => {
      await layer.write('empty', recordOf(''))
      expect(await textAt('empty')).toBe('')
    })

    it('answers the later of two records, in whatever order they come', async () => {
      await layer.write('key', recordOf('newer', 2))
      await layer.write('key', recordOf('older', 1))
      expect(await textAt('key')).toBe('newer')
      await layer.write('key', recordOf('newest', 3))
      expect(await textAt('key')).toBe('newest')
    })

    it('takes writes and removals in the order of the calls, without waiting in between', async () => {
      await Promise.all([
        layer.write('key', recordOf('a'.repeat(5000), 1)),
        layer.remove(KeyPattern.of('key'), stampAt(2)),
        layer.write('key', recordOf('b', 3)),
        layer.write('other', recordOf('c', 4)),
        layer.remove(KeyPattern.parse('o*'), stampAt(5)),
      ])
      expect(await textAt('key')).toBe('b')
      expect(await textAt('other')).toBeUndefined()
    })

    it('removes only what is older', async () => {
      await layer.write('user:1', recordOf('old', 1))
      await layer.write('user:2', recordOf('new', 5))
      await layer.write('room:1', recordOf('other', 1))
      await layer.remove(KeyPattern.parse('user:*'), stampAt(3))
      await layer.remove(KeyPattern.of('user:2'), stampAt(5))
      expect(await textAt('user:1')).toBeUndefined()
      expect(await textAt('user:2')).toBe('new')
      expect(await textAt('room:1')).toBe('other')
    })

    it('takes pattern characters in a key for what they are', async () => {
      const keys = ['a*b', 'a?b', 'a\\b', 'a[b]', 'a^b', 'axb', 'a/ü 😀']
      for (const key of keys) await layer.write(key, recordOf(key))
      for (const key of keys) expect(await layer.keys(KeyPattern.of(key))).toEqual([key])
      await layer.remove(KeyPattern.of('a*b'), stampAt(9))
      expect((await layer.keys(everyKey)).sort()).toEqual(keys.slice(1).sort())
      expect((await layer.keys(KeyPattern.parse('a?b'))).sort()).toEqual(
        ['a?b', 'a\\b', 'a^b', 'axb'].sort(),
      )
    })

    it('answers nothing once a record has ended, and sweeps it', async () => {
      await layer.write('short', recordOf('s', 1, time.now() + 500))
      await layer.write('long', recordOf('l', 1, time.now() + 100_000))
      expect(await textAt('short')).toBe('s')
      time.advance(500)
      expect(await textAt('short')).toBeUndefined()
      expect(await layer.keys(everyKey)).toEqual(['long'])
      await layer.sweep()
      expect(await textAt('long')).toBe('l')
      await layer.write('short', recordOf('again', 2))
      expect(await textAt('short')).toBe('again')
      await layer.sweep()
      expect(await textAt('short')).toBe('again')
    })

    it('rejects every call after it was closed', async () => {
      await layer.write('key', recordOf('v'))
      await layer.close()
      await layer.close()
      await expect(layer.read('key')).rejects.toMatchObject({ code: 'CLOSED' })
      await expect(layer.write('key', recordOf('v'))).rejects.toMatchObject({ code: 'CLOSED' })
      await expect(layer.remove(everyKey, stampAt(1))).rejects.toMatchObject({ code: 'CLOSED' })
      await expect(layer.keys(everyKey)).rejects.toMatchObject({ code: 'CLOSED' })
    })

    it('is a map from keys to their latest records, whatever is done', async () => {
      const key = fc.constantFrom('a', 'ab', 'b', 'b*')
      const step = fc.oneof(
        fc.record({ type: fc.constant('write' as const), key, time: fc.nat(40) }),
        fc.record({
          type: fc.constant('remove' as const),
          pattern: fc.constantFrom('a', 'a*', '*', 'b\\*'),
        }),
      )
      let round = 0
      await fc.assert(
        fc.asyncProperty(fc.array(step, { maxLength: 12 }), async steps => {
          round += 1
          const model = new Map<string, number>()
          const start = round * 1000
          // What is removed is older than all that follows, as a clock makes it.
          let floor = start
          for (const one of steps) {
            if (one.type === 'write') {
              const at = floor + one.time
              await layer.write(one.key, recordOf(`${at}`, at))
              model.set(one.key, Math.max(at, model.get(one.key) ?? 0))
              continue
            }
            floor += 50
            const pattern = KeyPattern.parse(one.pattern)
            await layer.remove(pattern, stampAt(floor))
            for (const known of [...model.keys()]) if (pattern.matches(known)) model.delete(known)
          }
          for (const known of ['a', 'ab', 'b', 'b*']) {
            const expected = model.get(known)
            expect(await textAt(known)).toBe(expected === undefined ? undefined : `${expected}`)
          }
          await layer.remove(everyKey, stampAt(start + 999))
        }),
        { numRuns: 15 },
      )
    })
  })
}
