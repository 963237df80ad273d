import { describe, expect, it } from 'vitest'
import * as Y from 'yjs'
import type { StatemeshError } from '../../src/base/error.ts'
import { systemTime } from '../../src/base/time.ts'
import {
  type CompactingStorage,
  type CompactionOptions,
  type CompactionReport,
  withCompaction,
} from '../../src/storage/compaction.ts'
import { openLevelStorage } from '../../src/storage/level-storage.ts'
import { createMemoryStorage } from '../../src/storage/memory-storage.ts'
import { mergeLog } from '../../src/storage/merge-log.ts'
import type { DamagedRecord, Storage } from '../../src/storage/storage.ts'
import { textOf, updateSaying, updatesWriting } from '../contracts/sample-update.ts'
import { describeStorage } from '../contracts/storage.ts'
import { type ManualTime, manualTime } from '../support/manual-time.ts'
import { temporaryDirectory } from './directory.ts'

const raise = (problem: unknown): never => {
  throw problem
}
const quiet = { time: systemTime, onDamaged: raise, onError: raise }

describeStorage(
  'memory with compaction',
  async () => ({
    open: async () => withCompaction(createMemoryStorage(), quiet),
    dispose: async () => {},
  }),
  { persistent: false },
)

describeStorage('LevelDB with compaction', async () => {
  const { path, remove } = await temporaryDirectory()
  const open = async () => withCompaction(await openLevelStorage({ location: path }), quiet)
  return { open, dispose: remove }
})

interface Setting {
  storage: CompactingStorage
  inner: Storage
  time: ManualTime
  reports: CompactionReport[]
  errors: [StatemeshError, string][]
  damaged: DamagedRecord[]
  /** Lets the pause pass and waits until the compaction that it starts has ended. */
  compactNext(): Promise<void>
}

function setting(options: Partial<CompactionOptions> = {}, inner = createMemoryStorage()): Setting {
  const time = manualTime()
  const reports: CompactionReport[] = []
  const errors: [StatemeshError, string][] = []
  const damaged: DamagedRecord[] = []
  let ended = () => {}
  const storage = withCompaction(inner, {
    time,
    updatesMax: 10,
    onCompacted: report => {
      reports.push(report)
      ended()
    },
    onError: (error, document) => {
      errors.push([error, document])
      ended()
    },
    onDamaged: found => damaged.push(...found),
    ...options,
  })
  const compactNext = async () => {
    const done = new Promise<void>(resolve => {
      ended = resolve
    })
    time.advance(1000)
    await done
    await new Promise(resolve => setImmediate(resolve))
  }
  return { storage, inner, time, reports, errors, damaged, compactNext }
}

const words = Array.from({ length: 30 }, (_, n) => `word${n} `)
const updates = updatesWriting(words)

async function appendAll(storage: Storage, some: readonly Uint8Array[]): Promise<void> {
  await Promise.all(some.map(update => storage.append('doc', update)))
}

async function textIn(storage: Storage): Promise<string> {
  return textOf((await storage.load('doc')).updates.map(({ update }) => update))
}

describe('a log that still grows', () => {
  it('is left alone until it has been quiet for a while', async () => {
    const { storage, time, reports, compactNext } = setting()
    await appendAll(storage, updates.slice(0, 12))
    time.advance(900)
    await appendAll(storage, updates.slice(12, 15))
    time.advance(100)
    expect(time.pending).toBe(1)
    expect(reports).toEqual([])
    await compactNext()
    expect(reports).toMatchObject([{ before: { updates: 15 }, after: { updates: 1 } }])
  })

  it('is compacted all the same when it has grown very long', async () => {
    const { storage, time, compactNext, reports } = setting({ updatesMax: 1 })
    time.advance(900)
    await appendAll(storage, updates)
    await compactNext()
    expect(reports).toHaveLength(1)
  })
})

describe('a log that grows long', () => {
  it('is merged into one update by a timer, not by the append', async () => {
    const { storage, inner, time, reports, compactNext } = setting({ pauseMilliseconds: 70 })
    await appendAll(storage, updates.slice(0, 9))
    expect(time.pending).toBe(0)
    await appendAll(storage, updates.slice(9, 12))
    expect(time.pending).toBe(1)
    time.advance(69)
    expect(time.pending).toBe(1)
    expect((await inner.load('doc')).updates).toHaveLength(12)
    await compactNext()
    const log = (await inner.load('doc')).updates
    expect(log.map(({ clock }) => clock)).toEqual([11])
    expect(await textIn(inner)).toBe(words.slice(0, 12).join(''))
    const bytes = updates.slice(0, 12).reduce((sum, { length }) => sum + length, 0)
    expect(reports).toMatchObject([
      { document: 'doc', before: { updates: 12, bytes }, after: { updates: 1 } },
    ])
    expect(reports[0]?.after.bytes).toBe(log[0]?.update.length)
    expect(time.pending).toBe(0)
  })

  it('is merged when it is only read and never appended to', async () => {
    const { storage, inner, time, compactNext } = setting()
    await appendAll(inner, updates)
    await storage.load('doc')
    expect(time.pending).toBe(1)
    await compactNext()
    expect((await storage.load('doc')).updates).toHaveLength(1)
    expect(time.pending).toBe(0)
  })

  it('is merged by bytes, a large document only after as many bytes as it has', async () => {
    const { storage, time, compactNext } = setting({ updatesMax: 1000, bytesMax: 1000 })
    await appendAll(storage, [updateSaying('x'.repeat(5000), 7)])
    await appendAll(storage, [updateSaying('y', 8)])
    await compactNext()
    await appendAll(storage, [updateSaying('z'.repeat(3000), 9)])
    expect(time.pending).toBe(0)
    await appendAll(storage, [updateSaying('z'.repeat(3000), 10)])
    expect(time.pending).toBe(1)
    await storage.close()
  })

  it('keeps what is appended while it is being merged', async () => {
    const { storage, inner, compactNext } = setting({
      mergeLog: async log => {
        await appendAll(storage, updates.slice(10, 15))
        return mergeLog(log)
      },
    })
    await appendAll(storage, updates.slice(0, 10))
    await compactNext()
    const log = (await inner.load('doc')).updates
    expect(log.map(({ clock }) => clock)).toEqual([9, 10, 11, 12, 13, 14])
    expect(await textIn(inner)).toBe(words.slice(0, 15).join(''))
  })

  it('stays removed when it is removed while it is being merged', async () => {
    const merging = setting({
      mergeLog: async log => {
        await merging.storage.remove('doc')
        return mergeLog(log)
      },
    })
    await appendAll(merging.storage, updates.slice(0, 10))
    await merging.compactNext()
    expect(await merging.inner.documents()).toEqual([])
  })
})

describe('a log that has been left alone', () => {
  it('is merged although it is short, with a report of its bytes before and after', async () => {
    const { storage, time, reports } = setting({ updatesMax: 1000, ageMilliseconds: 60_000 })
    for (const update of updatesWriting(Array(30).fill('x'))) await storage.append('short', update)
    await time.advanceAsync(30_000)
    for (const update of updatesWriting(Array(5).fill('y')))
      await storage.append('too short', update)
    for (const update of updatesWriting(Array(25).fill('z'))) await storage.append('young', update)
    await time.advanceAsync(32_000)
    expect(reports.map(({ document }) => document)).toEqual(['short'])
    expect(reports[0]?.before.updates).toBe(30)
    expect(reports[0]?.after.updates).toBe(1)
    expect(reports[0]?.after.bytes).toBeLessThan((reports[0]?.before.bytes ?? 0) / 5)
    await time.advanceAsync(90_000)
    expect(reports.map(({ document }) => document)).toEqual(['short', 'young'])
    await storage.close()
    expect(time.pending).toBe(0)
  })
})

describe('compact', () => {
  it('merges at once, one document after another, and reports', async () => {
    let running = 0
    const { storage } = setting({
      mergeLog: async log => {
        running += 1
        expect(running).toBe(1)
        await new Promise(resolve => setImmediate(resolve))
        running -= 1
        return mergeLog(log)
      },
    })
    await appendAll(storage, updates.slice(0, 3))
    await storage.append('b', updateSaying('x'))
    await storage.append('b', updateSaying('y', 2))
    const reports = await Promise.all([storage.compact('doc'), storage.compact('b')])
    expect(reports).toMatchObject([{ document: 'doc' }, { document: 'b' }])
    expect(await storage.compact('doc')).toBeUndefined()
    expect(await storage.compact('never stored')).toBeUndefined()
  })

  it('is waited for by close, and refused after it', async () => {
    const { storage } = setting()
    await appendAll(storage, updates.slice(0, 3))
    const compaction = storage.compact('doc')
    await Promise.resolve()
    await storage.close()
    expect(await compaction).toMatchObject({ before: { updates: 3 } })
    await expect(storage.compact('doc')).rejects.toMatchObject({ code: 'CLOSED' })
  })
})

describe('a compaction that fails', () => {
  it('is reported, changes nothing, and is tried again after as much again', async () => {
    const { storage, inner, time, errors, reports, compactNext } = setting()
    await appendAll(storage, updates.slice(0, 9))
    await appendAll(storage, [Uint8Array.of(255, 255, 255)])
    await compactNext()
    expect(errors).toMatchObject([[{ code: 'UPDATE_INVALID' }, 'doc']])
    expect(reports).toEqual([])
    expect((await inner.load('doc')).updates).toHaveLength(10)
    await appendAll(storage, updates.slice(9, 18))
    expect(time.pending).toBe(0)
    await appendAll(storage, updates.slice(18, 19))
    expect(time.pending).toBe(1)
    await expect(storage.compact('doc')).rejects.toMatchObject({ code: 'UPDATE_INVALID' })
    await storage.close()
  })

  it('does not keep other documents from theirs', async () => {
    const { storage, inner, errors, compactNext } = setting()
    const broken = Array.from({ length: 10 }, () => storage.append('bad', Uint8Array.of(255)))
    await Promise.all(broken)
    await appendAll(storage, updates)
    await compactNext()
    expect(errors).toHaveLength(1)
    await compactNext()
    expect((await inner.load('doc')).updates).toHaveLength(1)
  })

  it('hands on the damage that its reading found', async () => {
    const memory = createMemoryStorage()
    const record = { document: 'doc', clock: 5, reason: 'a flipped bit' }
    const inner: Storage = Object.assign(Object.create(memory), {
      load: async (document: string) => ({ ...(await memory.load(document)), damaged: [record] }),
      replace: memory.replace.bind(memory),
      append: memory.append.bind(memory),
    })
    const { storage, damaged } = setting({}, inner)
    await appendAll(storage, updates.slice(0, 3))
    await storage.compact('doc')
    expect(damaged).toEqual([record])
  })
})

describe('mergeLog', () => {
  it('drops deleted content', () => {
    const document = new Y.Doc()
    const log: Uint8Array[] = []
    document.on('update', update => log.push(update))
    const map = document.getMap('map')
    for (let n = 0; n < 1000; n++) map.set('key', `value ${n}`.repeat(10))
    const merged = mergeLog(log)
    expect(merged.length).toBeLessThan(Y.mergeUpdates(log).length / 100)
    const copy = new Y.Doc()
    Y.applyUpdate(copy, merged)
    expect(copy.getMap('map').toJSON()).toEqual(map.toJSON())
  })

  // As one update with the rest, it would make all of that wait for what is missing.
  it('refuses a log with an update that waits for a missing one', () => {
    const [first, , third] = updates as [Uint8Array, Uint8Array, Uint8Array]
    expect(() => mergeLog([first, third])).toThrow(expect.objectContaining({ code: 'UPDATE_GAP' }))
    expect(textOf([mergeLog(updates)])).toBe(textOf(updates))
  })

  it('refuses a log with deletions that wait for what they delete', () => {
    const document = new Y.Doc()
    document.getText('text').insert(0, 'secret')
    const before = Y.encodeStateVector(document)
    document.getText('text').delete(0, 6)
    const deletion = Y.encodeStateAsUpdate(document, before)
    expect(() => mergeLog([deletion, updateSaying('other', 5)])).toThrow(
      expect.objectContaining({ code: 'UPDATE_GAP' }),
    )
  })

  it('refuses what Yjs cannot apply', () => {
    expect(() => mergeLog([Uint8Array.of(1, 1, 1)])).toThrow(
      expect.objectContaining({ code: 'UPDATE_INVALID' }),
    )
  })
})
