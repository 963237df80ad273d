/**
 * What every storage promises, composites and simulated ones too. To adopt it:
 * `describeStorage('my storage', async () => ({ open: openMyStorage, dispose: removeItsFiles }))`.
 */
import fc from 'fast-check'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import * as Y from 'yjs'
import type { Storage } from '../../src/storage/storage.ts'
import { updateSaying } from './sample-update.ts'
import { runAgainstModel, storageOperations } from './storage-model.ts'

export interface StorageEnvironment {
  /** Opens the one storage of this environment; again after it was closed. */
  open(): Promise<Storage>
  dispose(): Promise<void>
}

export interface StorageContract {
  /** Whether an `open` after a `close` finds what was stored. Default true. */
  persistent?: boolean
}

export function describeStorage(
  name: string,
  makeEnvironment: () => Promise<StorageEnvironment>,
  { persistent = true }: StorageContract = {},
): void {
  describe(`${name} keeps the contract of a storage`, () => {
    let environment: StorageEnvironment
    let storage: Storage

    beforeEach(async () => {
      environment = await makeEnvironment()
      storage = await environment.open()
    })
    afterEach(async () => {
      await storage.close()
      await environment.dispose()
    })

    const stored = async (document: string) =>
      (await storage.load(document)).updates.map(({ clock, update }) => [clock, [...update]])
    const [one, two, three] = [updateSaying('one', 1), updateSaying('two', 2), updateSaying('3', 3)]

    describe('logs', () => {
      it('loads nothing for a document that is not stored', async () => {
        expect(await storage.load('room:a/notes')).toEqual({ updates: [], damaged: [] })
        expect(await storage.documents()).toEqual([])
      })

      it('gives back the bytes in order, with clocks that grow by one', async () => {
        const first = await storage.append('doc', one)
        expect(await storage.append('doc', two)).toBe(first + 1)
        expect(await stored('doc')).toEqual([
          [first, [...one]],
          [first + 1, [...two]],
        ])
        expect(await storage.load('doc')).toMatchObject({ damaged: [] })
      })

      it('takes bytes as they are, even none', async () => {
        const first = await storage.append('doc', Uint8Array.of())
        await storage.append('doc', Uint8Array.of(255, 0, 255))
        expect(await stored('doc')).toEqual([
          [first, []],
          [first + 1, [255, 0, 255]],
        ])
      })

      it('takes updates larger than any group of writes', async () => {
        const large = new Uint8Array(5_000_000).fill(7)
        await Promise.all([storage.append('doc', one), storage.append('doc', large)])
        const { updates } = await storage.load('doc')
        expect(updates.map(({ update }) => update.length)).toEqual([one.length, large.length])
      })

      it('keeps the order of appends that do not wait for one another', async () => {
        const clocks = await Promise.all(
          Array.from({ length: 2500 }, (_, n) => storage.append(`doc${n % 3}`, Uint8Array.of(n))),
        )
        for (const which of [0, 1, 2]) {
          const own = clocks.filter((_, n) => n % 3 === which)
          expect(own).toEqual(own.map((_, index) => (own[0] as number) + index))
          const updates = (await stored(`doc${which}`)).map(([, update]) => update)
          expect(updates).toEqual(own.map((_, index) => [(index * 3 + which) % 256]))
        }
      })

      it('shows every append that has resolved to a load issued after it', async () => {
        const check = async (n: number) => {
          const clock = await storage.append('doc', Uint8Array.of(n))
          const { updates } = await storage.load('doc')
          expect(updates.some(update => update.clock === clock)).toBe(true)
        }
        await Promise.all(Array.from({ length: 50 }, (_, n) => check(n)))
      })

      it('keeps what it was given when the caller later reuses the array', async () => {
        const bytes = one.slice()
        const first = await storage.append('doc', bytes)
        bytes.fill(0)
        expect(await stored('doc')).toEqual([[first, [...one]]])
      })

      it('keeps documents apart, whatever their names', async () => {
        const names = [
          'a',
          'ab',
          'a/b',
          'update',
          'v1',
          'damaged/a/',
          'zzzzzzz',
          'zzzzzzzz',
          'é',
          '🙂',
        ]
        names.push('agent:a%2Fb/room:r1/users', 'n'.repeat(4096))
        await Promise.all(names.map((name, n) => storage.append(name, Uint8Array.of(n))))
        await storage.remove('a')
        for (const [n, name] of names.entries()) {
          const updates = (await stored(name)).map(([, update]) => update)
          expect(updates).toEqual(name === 'a' ? [] : [[n]])
        }
        expect([...(await storage.documents())].sort()).toEqual(names.slice(1).sort())
        expect((await storage.records('')).size).toBe(0)
      })
    })

    describe('replace', () => {
      it('puts one update in the place of those up to a clock, and keeps the later ones', async () => {
        await storage.append('doc', one)
        const through = await storage.append('doc', two)
        const later = await storage.append('doc', three)
        const merged = Y.mergeUpdates([one, two])
        await storage.replace('doc', through, merged)
        expect(await stored('doc')).toEqual([
          [through, [...merged]],
          [later, [...three]],
        ])
        expect(await storage.append('doc', one)).toBe(later + 1)
      })

      it('keeps its place among writes that do not wait for one another', async () => {
        const through = await storage.append('doc', one)
        const before = storage.append('doc', two)
        const replaced = storage.replace('doc', through, three)
        const after = storage.append('doc', one)
        await Promise.all([before, replaced, after])
        expect(await stored('doc')).toEqual([
          [through, [...three]],
          [await before, [...two]],
          [await after, [...one]],
        ])
      })

      it('does nothing to a document that was removed or replaced further since', async () => {
        const first = await storage.append('gone', one)
        await storage.remove('gone')
        await storage.replace('gone', first, two)
        expect(await stored('gone')).toEqual([])
        await storage.append('gone', three)
        await storage.replace('gone', first, two)
        expect((await stored('gone')).map(([, update]) => update)).toEqual([[...three]])

        const old = await storage.append('doc', one)
        const last = await storage.append('doc', two)
        await storage.replace('doc', last, three)
        await storage.replace('doc', old, one)
        expect(await stored('doc')).toEqual([[last, [...three]]])
      })
    })

    describe('remove', () => {
      it('removes a document with its log, and nothing else', async () => {
        await storage.append('doc', one)
        await storage.append('other', two)
        await storage.writeRecord('doc', three)
        await storage.remove('doc')
        await storage.remove('never stored')
        expect(await stored('doc')).toEqual([])
        expect(await storage.documents()).toEqual(['other'])
        expect((await storage.records('doc')).size).toBe(1)
      })

      it('lets the document be written anew, behind its old clocks', async () => {
        const old = await storage.append('doc', one)
        await storage.remove('doc')
        const clock = await storage.append('doc', two)
        expect(clock).toBeGreaterThan(old)
        expect(await stored('doc')).toEqual([[clock, [...two]]])
        expect(await storage.documents()).toEqual(['doc'])
      })
    })

    describe('records', () => {
      it('are written, overwritten and removed', async () => {
        await storage.writeRecord('a', one)
        await storage.writeRecord('b', Uint8Array.of())
        await storage.writeRecord('a', two)
        await storage.writeRecord('c', three)
        await storage.writeRecord('c', undefined)
        await storage.writeRecord('never written', undefined)
        expect([...(await storage.records(''))]).toEqual([
          ['a', two],
          ['b', Uint8Array.of()],
        ])
      })

      it('are found by prefix, in the order of their keys', async () => {
        const keys = ['a/', 'a/1', 'a/10', 'a/2', 'a/\u{ffff}', 'a/🙂']
        for (const key of ['b', 'a', 'A/1', ...keys].reverse()) await storage.writeRecord(key, one)
        expect([...(await storage.records('a/')).keys()]).toEqual(keys)
        expect((await storage.records('')).size).toBe(keys.length + 3)
        expect((await storage.records('x')).size).toBe(0)
      })
    })

    describe('close', () => {
      it('waits for the writes under way, and may be called again', async () => {
        const writes = [storage.append('doc', one), storage.writeRecord('key', two)]
        await Promise.all([storage.close(), storage.close()])
        await Promise.all(writes)
        await storage.close()
      })

      it('makes every later call reject', async () => {
        const closing = storage.close()
        const calls = () => [
          storage.load('doc'),
          storage.append('doc', one),
          storage.replace('doc', 0, one),
          storage.remove('doc'),
          storage.documents(),
          storage.records(''),
          storage.writeRecord('key', one),
        ]
        const early = Promise.allSettled(calls())
        await closing
        for (const outcome of [...(await early), ...(await Promise.allSettled(calls()))]) {
          expect(outcome).toMatchObject({ status: 'rejected', reason: { code: 'CLOSED' } })
        }
      })

      it.runIf(persistent)('keeps everything for the next open', async () => {
        const first = await storage.append('doc', one)
        await storage.append('doc', two)
        await storage.replace('doc', first, three)
        await storage.writeRecord('key', one)
        await storage.append('removed', one)
        await storage.remove('removed')
        const before = await stored('doc')
        await storage.close()
        storage = await environment.open()
        expect(await stored('doc')).toEqual(before)
        expect(await storage.documents()).toEqual(['doc'])
        expect([...(await storage.records(''))]).toEqual([['key', one]])
        expect(await storage.append('doc', three)).toBe(first + 2)
      })
    })

    it('does what a simple model does, whatever is written at once', async () => {
      await fc.assert(
        fc.asyncProperty(storageOperations, async operations => {
          await storage.close()
          await environment.dispose()
          environment = await makeEnvironment()
          storage = await environment.open()
          await runAgainstModel(storage, operations)
        }),
        { numRuns: 25 },
      )
    })
  })
}
