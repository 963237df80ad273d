import { describe, expect, it, onTestFinished } from 'vitest'
import { z } from 'zod'
import {
  conversation,
  createMemoryStorage,
  defineEvents,
  definePartition,
  openReplica,
  type Replica,
  room,
} from '../../../src/index.ts'
import { type CleanerOptions, openCleaner } from '../../../src/observe/cleanup/cleaner.ts'
import type { Layer, LayerRecord } from '../../../src/storage/layers/layer.ts'
import { openArchiveLayer } from '../../../src/storage/layers/level-layer.ts'
import { apart, settle } from '../../history/pair.ts'
import { startFleet } from '../../replica/fleet.ts'
import { type ManualTime, manualTime } from '../../support/manual-time.ts'
import { temporaryDirectory } from '../../support/temporary-directory.ts'

const hour = 3_600_000
const day = 24 * hour
const here = room('r1')
const chat = room('r1').conversation('c1')

interface Session {
  readonly user: string
  readonly expiresAt?: number
}
const Sessions = definePartition<Session>({ name: 'sessions', policy: 'last-write-wins' })
const Users = definePartition<{ name: string }>({ name: 'users', policy: 'last-write-wins' })
const Thread = definePartition<string, 'log'>({ name: 'thread', policy: 'log' })
const partitions = [Sessions, Users, Thread]

async function openArchive(time: ManualTime): Promise<Layer> {
  const archive = await openArchiveLayer({ location: await temporaryDirectory(), time })
  onTestFinished(() => archive.close())
  return archive
}

async function open(options: Omit<CleanerOptions, 'partitions'>) {
  const time = options.time as ManualTime
  const replica = await openReplica({ actor: 'ann', storage: createMemoryStorage(), time })
  onTestFinished(() => replica.close())
  const cleaner = await openCleaner(replica, { partitions, ...options })
  return { replica, cleaner, time }
}

/** Runs a promise while a manual clock gives turns to whoever sleeps. */
async function turning<Result>(time: ManualTime, work: Promise<Result>): Promise<Result> {
  let over = false
  const done = work.finally(() => {
    over = true
  })
  done.catch(() => undefined) // it is awaited below
  while (!over) {
    time.advance(0)
    await new Promise(resolve => setImmediate(resolve))
  }
  return done
}

describe('cleanup', () => {
  it('ends keys by their age or by what they say, and shows it before', async () => {
    const time = manualTime()
    const { replica, cleaner } = await open({
      time,
      rules: {
        'by age': { does: 'expire', partition: 'users', afterMilliseconds: day, archive: false },
        'by field': {
          does: 'expire',
          partition: 'sessions',
          field: 'expiresAt',
          afterMilliseconds: 0,
          archive: false,
        },
      },
    })
    const sessions = await replica.open(here, Sessions)
    const users = await replica.open(here, Users)
    sessions.set('short', { user: 'a', expiresAt: time.now() + hour })
    sessions.set('long', { user: 'a', expiresAt: time.now() + 9 * day })
    sessions.set('endless', { user: 'a' })
    users.set('old', { name: 'old' })
    time.advance(day)
    users.set('new', { name: 'new' })
    time.advance(hour)
    const plan = await turning(time, cleaner.plan())
    expect(plan).toMatchObject({ count: 2, complete: true, problems: [] })
    expect(plan.items).toMatchObject([
      { rule: 'by age', document: 'room:r1/users', does: 'delete', count: 1, keys: ['old'] },
      { rule: 'by field', document: 'room:r1/sessions', does: 'delete', keys: ['short'] },
    ])
    expect([users.has('old'), sessions.has('short')]).toEqual([true, true])
    expect(await turning(time, cleaner.run())).toEqual(plan)
    expect([...users.keys(), ...sessions.keys()]).toEqual(['new', 'long', 'endless'])
    expect((await turning(time, cleaner.run())).count).toBe(0)
  })

  it('retires conversations that are idle for 7 days, archives them first, and restores', async () => {
    const time = manualTime()
    const archive = await openArchive(time)
    const { replica, cleaner } = await open({
      time,
      archive,
      rules: { idle: { does: 'retire', scope: 'room:*/conversation:*' } },
    })
    const thread = await replica.open(chat, Thread)
    const users = await replica.open(chat, Users)
    const busy = await replica.open(room('r1').conversation('c2'), Users)
    const outside = await replica.open(here, Users)
    thread.appendAll(['one', 'two'])
    for (const of of [users, busy, outside]) of.set('ann', { name: 'Ann' })
    time.advance(6 * day)
    busy.set('bob', { name: 'Bob' })
    expect((await turning(time, cleaner.run())).count).toBe(0)
    time.advance(day + 1)
    expect(await turning(time, cleaner.run())).toMatchObject({ count: 3, problems: [] })
    expect([thread.length, users.size, busy.size, outside.size]).toEqual([0, 0, 2, 1])
    const archived = []
    for await (const batch of cleaner.archived(`${chat}/thread`)) archived.push(...batch.entries)
    expect(archived.map(({ value }) => value)).toEqual(['one', 'two'])
    expect(await cleaner.restore(chat, Users)).toBe(1)
    expect(users.get('ann')).toEqual({ name: 'Ann' })
    expect(await cleaner.restore(chat, Users)).toBe(0)
  })

  it('leaves the rest of a scope that is written to while it is retired', async () => {
    const time = manualTime()
    const archive = await openArchive(time)
    const rules = { idle: { does: 'retire', scope: 'conversation:*' } } as const
    const late: (() => void)[] = []
    const writing: Layer = {
      ...{ name: archive.name, shared: archive.shared },
      ...{ read: key => archive.read(key), keys: pattern => archive.keys(pattern) },
      write: async (key, record) => {
        await archive.write(key, record)
        late.shift()?.() // somebody writes before what was archived is gone
      },
    } as Layer
    const { replica, cleaner } = await open({ time, archive: writing, rules })
    const [users, thread] = [
      await replica.open(conversation('c1'), Users),
      await replica.open(conversation('c1'), Thread),
    ]
    const other = await replica.open(conversation('c2'), Users)
    for (const of of [users, other]) {
      of.transact(() => {
        for (let index = 0; index < 250; index++) of.set(`user ${index}`, { name: `${index}` })
      })
    }
    thread.appendAll(['one', 'two'])
    time.advance(8 * day)
    late.push(
      () => undefined,
      () => thread.append('three'),
    )
    const report = await turning(time, cleaner.run())
    expect(report).toMatchObject({ count: 100 + 250, complete: true, problems: [] })
    expect([users.size, thread.length, other.size]).toEqual([150, 3, 0])

    time.advance(8 * day)
    late.push(() => users.set('new', { name: 'new' }))
    expect((await turning(time, cleaner.run())).count).toBe(0)
    expect([users.size, thread.length]).toEqual([151, 3])
    time.advance(8 * day)
    expect((await turning(time, cleaner.run())).count).toBe(154)
    expect([users.size, thread.length]).toEqual([0, 0])
  })

  it('leaves an orphan whose parent comes while it is archived', async () => {
    const time = manualTime()
    const archive = await openArchive(time)
    let late = () => {}
    const writing = {
      write: async (key: string, record: LayerRecord) => {
        await archive.write(key, record)
        late()
      },
    } as Layer
    const rules = {
      orphans: { does: 'clear-orphans', partition: 'sessions', field: 'user', parent: 'users' },
    } as const
    const { replica, cleaner } = await open({ time, archive: writing, rules })
    const sessions = await replica.open(here, Sessions)
    const users = await replica.open(here, Users)
    sessions.set('1', { user: 'ann' })
    sessions.set('2', { user: 'bob' })
    time.advance(2 * day)
    late = () => users.set('ann', { name: 'Ann' })
    expect((await turning(time, cleaner.run())).count).toBe(1)
    expect([...sessions.keys()]).toEqual(['1'])
  })

  it('takes nothing away that could not be archived', async () => {
    const time = manualTime()
    const archive = await openArchive(time)
    const rules = {
      old: { does: 'trim', partition: 'thread', scope: 'conversation:*', afterMilliseconds: day },
    } as const
    const { replica, cleaner } = await open({ time, archive, rules })
    const thread = await replica.open(conversation('c1'), Thread)
    thread.append('one')
    time.advance(2 * day)
    await archive.close()
    await expect(turning(time, cleaner.run())).rejects.toMatchObject({ code: 'CLOSED' })
    expect(thread.length).toBe(1)
  })

  it('clears orphans when their parent had time to arrive', async () => {
    const time = manualTime()
    const { replica, cleaner } = await open({
      time,
      rules: {
        orphans: {
          does: 'clear-orphans',
          partition: 'sessions',
          field: 'user',
          parent: 'users',
          archive: false,
        },
      },
    })
    const sessions = await replica.open(here, Sessions)
    const users = await replica.open(here, Users)
    users.set('ann', { name: 'Ann' })
    sessions.set('1', { user: 'ann' })
    sessions.set('2', { user: 'bob' })
    expect((await turning(time, cleaner.run())).count).toBe(0)
    time.advance(day + 1)
    sessions.set('3', { user: 'carl' })
    await turning(time, cleaner.run())
    expect([...sessions.keys()].sort()).toEqual(['1', '3'])
  })

  it('reaps what tells of old deletions', async () => {
    const time = manualTime()
    const rules = { dead: { does: 'reap', partition: 'users' } } as const
    const { replica, cleaner } = await open({ time, rules })
    const users = await replica.open(here, Users)
    users.set('ann', { name: 'Ann' })
    users.delete('ann')
    time.advance(29 * day)
    expect((await turning(time, cleaner.run())).count).toBe(0)
    time.advance(2 * day)
    expect((await turning(time, cleaner.run())).count).toBe(1)
    expect([...users.tombstones()]).toEqual([])
  })

  it('keeps to its budget, and goes on where it stopped', async () => {
    const time = manualTime()
    const archive = await openArchive(time)
    const rules = { all: { does: 'expire', partition: 'users', afterMilliseconds: 0 } } as const
    const { replica, cleaner } = await open({ time, archive, rules })
    const users = await replica.open(here, Users)
    users.transact(() => {
      for (let index = 0; index < 1000; index++) users.set(`user ${index}`, { name: `${index}` })
    })
    time.advance(1)
    const first = await turning(time, cleaner.run({ operationsMax: 350 }))
    expect(first).toMatchObject({ count: 400, complete: false })
    const aborted = await turning(time, cleaner.run({ signal: AbortSignal.abort() }))
    expect(aborted).toMatchObject({ count: 0, complete: false })
    expect(await turning(time, cleaner.run())).toMatchObject({ count: 600, complete: true })
    expect(await cleaner.restore(here, Users)).toBe(1000)
  })

  it('runs by itself until it is stopped', async () => {
    const time = manualTime()
    const rules = {
      all: { does: 'expire', partition: 'users', afterMilliseconds: 0, archive: false },
    } as const
    const { replica, cleaner } = await open({ time, rules })
    const users = await replica.open(here, Users)
    const told: number[] = []
    users.set('a', { name: 'a' })
    time.advance(1)
    cleaner.start(hour, report => told.push('count' in report ? report.count : -1))
    await turning(
      time,
      until(() => told.length === 1),
    )
    users.set('b', { name: 'b' })
    time.advance(hour)
    await turning(
      time,
      until(() => told.length === 2),
    )
    cleaner.stop()
    users.set('c', { name: 'c' })
    time.advance(2 * hour)
    await turning(time, cleaner.close())
    expect(told).toEqual([1, 1])
    expect([...users.keys()]).toEqual(['c'])
  })
})

describe('rules of cleanup', () => {
  it('may be state that all replicas share, and one that is none is left out and named', async () => {
    const time = manualTime()
    const { replica, cleaner } = await open({ time })
    const users = await replica.open(here, Users)
    users.set('a', { name: 'a' })
    cleaner.retention.set('ours', {
      does: 'expire',
      scope: 'room:r1',
      partition: 'users',
      afterMilliseconds: 0,
      archive: false,
    })
    cleaner.retention.set('to an archive', { does: 'retire', scope: 'room:*' })
    cleaner.retention.set('none', { does: 'burn' } as never)
    cleaner.retention.set('unfit', { does: 'reap', partition: 'thread' })
    const thread = await replica.open(here, Thread)
    thread.append('x')
    time.advance(1)
    const report = await turning(time, cleaner.run())
    expect(report.count).toBe(1)
    expect(report.problems.map(({ code }) => code)).toEqual(Array(3).fill('OPTION_INVALID'))
  })

  it('cannot be about a log of events, which is not trimmed by hand either', async () => {
    const replica = await openReplica({ actor: 'ann', storage: createMemoryStorage() })
    onTestFinished(() => replica.close())
    const { partition } = defineEvents({ name: 'orders', events: { placed: z.string() } })
    const old = { does: 'trim', partition: 'orders', afterMilliseconds: 0, archive: false } as const
    const refused = expect.objectContaining({ code: 'OPTION_INVALID' })
    const options = { partitions: [...partitions, partition], rules: { old } }
    await expect(openCleaner(replica, options)).rejects.toEqual(refused)
    const orders = await replica.open(here, partition)
    const placed = orders.append({ type: 'placed', data: 'tea' })
    expect(() => orders.trim([placed])).toThrow(refused)
    expect(orders.length).toBe(1)
  })

  it('end in a code where they are wrong', async () => {
    const replica = await openReplica({ actor: 'ann', storage: createMemoryStorage() })
    onTestFinished(() => replica.close())
    const counter = definePartition({ name: 'n', policy: 'counter' })
    const wrong: CleanerOptions[] = [
      { partitions: [counter] },
      { partitions, rules: { a: { does: 'retire', scope: 'room:*' } } },
      { partitions, rules: { a: { does: 'reap', partition: 'No/Name' } } },
      {
        partitions,
        rules: { a: { does: 'reap', partition: 'users', scope: 'conversation:*/room:*' } },
      },
      { partitions, rules: { a: { does: 'expire', partition: 'users', afterMilliseconds: -1 } } },
    ]
    for (const options of wrong) {
      await expect(openCleaner(replica, options)).rejects.toMatchObject({ code: 'OPTION_INVALID' })
    }
  })
})

describe('cleanup on replicas that do not agree', () => {
  it('brings nothing back and loses nothing that was concurrent', async () => {
    const fleet = await startFleet()
    const [ann, bob] = [await fleet.open('ann'), await fleet.open('bob')]
    const [anns, bobs] = [await ann.open(here, Users), await bob.open(here, Users)]
    for (const key of ['idle', 'edited', 'new']) anns.set(key, { name: key })
    await settle(ann, bob)
    const rules = {
      all: { does: 'expire', partition: 'users', afterMilliseconds: 0, archive: false },
      dead: { does: 'reap', partition: 'users', afterMilliseconds: 0 },
    } as const
    const cleaners = await Promise.all(
      [ann, bob].map(replica => openCleaner(replica as Replica, { partitions: [Users], rules })),
    )
    await apart([ann, bob], () => bobs.set('edited', { name: 'by bob' }))
    await new Promise(resolve => setTimeout(resolve, 2))
    ann.disconnect()
    bob.disconnect()
    await cleaners[0]?.run()
    await new Promise(resolve => setTimeout(resolve, 2))
    await cleaners[0]?.run()
    bobs.set('edited', { name: 'again' })
    await settle(ann, bob)
    for (const users of [anns, bobs]) {
      expect(users.get('edited')).toEqual({ name: 'again' })
      expect([users.has('idle'), users.has('new')]).toEqual([false, false])
    }
  })
})

describe('clearing orphans', () => {
  it('leaves those whose parent was deleted by one and written by another', async () => {
    const fleet = await startFleet()
    const [ann, bob] = [await fleet.open('ann'), await fleet.open('bob')]
    const [anns, bobs] = [await ann.open(here, Users), await bob.open(here, Users)]
    const sessions = await ann.open(here, Sessions)
    anns.set('u', { name: 'u' })
    sessions.set('disputed', { user: 'u' })
    sessions.set('orphan', { user: 'nobody' })
    await settle(ann, bob)
    await apart([ann, bob], () => {
      bobs.set('u', { name: 'by bob' })
      for (let written = Date.now(); Date.now() - written < 2; );
      anns.delete('u') // the later one, which is read
    })
    expect([anns.has('u'), anns.conflicts().length]).toEqual([false, 1])
    const rules = {
      orphans: {
        does: 'clear-orphans',
        partition: 'sessions',
        field: 'user',
        parent: 'users',
        afterMilliseconds: 0,
        archive: false,
      },
    } as const
    const cleaner = await openCleaner(ann as Replica, { partitions, rules })
    expect((await cleaner.run()).count).toBe(1)
    expect([...sessions.keys()]).toEqual(['disputed'])
    await cleaner.close()
  })
})

async function until(condition: () => boolean): Promise<void> {
  while (!condition()) await new Promise(resolve => setImmediate(resolve))
}
