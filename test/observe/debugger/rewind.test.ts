import { describe, expect, test } from 'vitest'
import * as Y from 'yjs'
import { definePartition, seededRandom } from '../../../src/index.ts'
import { sizeOf } from '../../../src/observe/debugger/document-state.ts'
import { rewind } from '../../../src/observe/debugger/rewind.ts'
import { openPartition } from '../../../src/partition/open-partition.ts'
import { mergeLog } from '../../../src/storage/merge-log.ts'
import { type TestHost, testHost } from '../../partition/replica-model.ts'
import { manualTime } from '../../support/manual-time.ts'
import { testSeed } from '../../support/seed.ts'

const Users = definePartition<unknown>({ name: 'users', policy: 'last-write-wins' })
const Events = definePartition<string>({ name: 'events', policy: 'log' })
const document = 'room:r1/users'

/** What a store writes down: every update, in the order in which it came. */
function storeOf(host: TestHost): Uint8Array[] {
  const updates: Uint8Array[] = []
  host.doc.on('update', update => updates.push(update))
  return updates
}

const at = (updates: readonly Uint8Array[], time: number) =>
  rewind({ updates, trail: [], document }, { time })

/** The values of the keys, without those that are deleted. */
function valuesOf(told: ReturnType<typeof rewind>): Record<string, unknown> {
  if (told.state.kind === 'empty') return {}
  if (told.state.kind !== 'registers') throw new Error(`a ${told.state.kind}`)
  const live = Object.entries(told.state.keys).filter(([, { value }]) => value !== undefined)
  return Object.fromEntries(live.map(([key, { value }]) => [key, value]))
}

describe('rewinding registers by their stored updates', () => {
  test('gives every moment that was, whoever wrote in whatever order', () => {
    const random = seededRandom(testSeed())
    const time = manualTime()
    const hosts = [testHost({ actor: 'ann', time }), testHost({ actor: 'bob', time })] as const
    const store = storeOf(hosts[0])
    const users = hosts.map(host => openPartition(Users, host))
    const past: { time: number; values: Record<string, unknown> }[] = []
    for (let step = 0; step < 60; step++) {
      const draw = random.uint32()
      const writer = users[draw % 2] as (typeof users)[0]
      const key = `k${draw % 5}`
      time.advance(5)
      if (draw % 7 === 0) writer.delete(key)
      else writer.set(key, step)
      // Everybody has everything before the next write, so there is one history.
      for (const [from, to] of [hosts, [...hosts].reverse()] as TestHost[][]) {
        Y.applyUpdate(to?.doc as Y.Doc, Y.encodeStateAsUpdate(from?.doc as Y.Doc))
      }
      past.push({
        time: time.now(),
        values: Object.fromEntries(users[0]?.entries() ?? []),
      })
    }
    for (const { time: moment, values } of past) {
      const told = at(store, moment)
      expect(valuesOf(told)).toEqual(values)
      expect(told).toMatchObject({ basis: 'updates', unknown: [], problems: [] })
    }
    expect(valuesOf(at(store, (past[0]?.time as number) - 1))).toEqual({})
  })

  test('has the siblings of then', () => {
    const time = manualTime()
    const [ann, bob] = [testHost({ actor: 'ann', time }), testHost({ actor: 'bob', time })]
    const store = storeOf(ann)
    const [ofAnn, ofBob] = [openPartition(Users, ann), openPartition(Users, bob)]
    ofAnn.set('k', 'a')
    time.advance(1)
    ofBob.set('k', 'b')
    Y.applyUpdate(ann.doc, Y.encodeStateAsUpdate(bob.doc))
    const conflict = time.now()
    time.advance(10)
    ofAnn.set('k', 'both')
    const then = at(store, conflict).state
    const { k } = (then as Extract<typeof then, { kind: 'registers' }>).keys
    expect([k?.value, k?.siblings?.map(({ value }) => value)]).toEqual(['b', ['a']])
    expect(valuesOf(at(store, time.now()))).toEqual({ k: 'both' })
  })

  test('names the keys whose values of then a compaction has taken', () => {
    const time = manualTime()
    const host = testHost({ time })
    const store = storeOf(host)
    const users = openPartition(Users, host)
    users.set('old', 1)
    users.set('changed', 1)
    const then = time.now()
    time.advance(10)
    users.set('changed', 2)
    const told = at([mergeLog(store)], then)
    expect(valuesOf(told)).toEqual({ old: 1 })
    expect(told).toMatchObject({ basis: 'entries', unknown: ['changed'] })
    time.advance(10)
    const late = store.length
    users.set('old', 3)
    expect(valuesOf(at([mergeLog(store.slice(0, late)), ...store.slice(late)], then + 10))).toEqual(
      {
        old: 1,
        changed: 2,
      },
    )
  })
})

describe('rewinding other kinds', () => {
  test('cuts a log at a time, compacted or not', () => {
    const time = manualTime()
    const host = testHost({ time })
    const store = storeOf(host)
    const events = openPartition(Events, host)
    events.append('a')
    const then = time.now()
    time.advance(10)
    events.append('b')
    for (const updates of [store, [mergeLog(store)]]) {
      const { state } = at(updates, then)
      expect(state).toMatchObject({ kind: 'log', entries: [{ value: 'a' }] })
      expect(sizeOf(state).items).toBe(1)
    }
  })

  test('goes by stored updates where nothing is stamped, and says so for a time', () => {
    const host = testHost()
    const store = storeOf(host)
    const hits = openPartition(definePartition({ name: 'hits', policy: 'counter' }), host)
    hits.increment('x', 1)
    hits.increment('x', 2)
    const afterUpdates = (updates: number) =>
      rewind({ updates: store, trail: [], document }, { updates }).state
    expect(afterUpdates(1)).toEqual({ kind: 'counter', keys: { x: 1 } })
    expect(afterUpdates(9)).toEqual({ kind: 'counter', keys: { x: 3 } })
    expect(afterUpdates(0)).toEqual({ kind: 'empty' })
    expect(() => at(store, Date.now())).toThrow(expect.objectContaining({ code: 'OPTION_INVALID' }))
  })
})
