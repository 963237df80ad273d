import { describe, expect, onTestFinished, test } from 'vitest'
import {
  agent,
  createMemoryStorage,
  defineHistory,
  definePartition,
  diffStates,
  openHistory,
  openReplica,
  type Replica,
  room,
  StateDebugger,
  type Storage,
  systemTime,
  type WatchedChange,
  watchPartition,
} from '../../../src/index.ts'
import { pathText } from '../../../src/observe/debugger/state-diff.ts'
import { startFleet } from '../../replica/fleet.ts'
import { waitUntil } from '../../support/wait-until.ts'

const Users = definePartition<unknown>({ name: 'users', policy: 'last-write-wins' })
const Events = definePartition<string>({ name: 'events', policy: 'log' })
const Hits = definePartition({ name: 'hits', policy: 'counter' })
const Spend = definePartition({ name: 'spend', policy: 'budget' })
const Notes = definePartition({ name: 'notes', policy: 'crdt' })
const here = room('r1')

async function alone(storage: Storage = createMemoryStorage()): Promise<Replica> {
  const replica = await openReplica({ actor: 'ann', storage })
  onTestFinished(() => replica.close())
  return replica
}

describe('a snapshot', () => {
  test('tells kind and content from what is stored alone, of every kind', async () => {
    const replica = await alone()
    const users = await replica.open(here, Users)
    users.set('alice', { name: 'Alice', tags: new Set(['x']) })
    await replica.flush({ level: 'local' }) // what one turn writes is one update
    users.set('bob', 1)
    await replica.flush({ level: 'local' })
    users.delete('bob')
    ;(await replica.open(here, Events)).append('began')
    ;(await replica.open(here, Hits)).increment('page', 3)
    const spend = await replica.open(here, Spend)
    await spend.mint('tokens', 10)
    await spend.debit('tokens', 4)
    const notes = await replica.open(agent('a1'), Notes)
    notes.text('t').insert(0, 'hello')
    notes.map('m').set('list', [1])

    const look = replica.debugger()
    expect(await look.documents()).toEqual([
      'agent:a1/notes',
      'room:r1/events',
      'room:r1/hits',
      'room:r1/spend',
      'room:r1/users',
    ])
    const stored = await look.snapshot('room:r1/users')
    expect(stored).toMatchObject({
      scope: 'room:r1',
      partition: 'users',
      updates: 3,
      items: 1,
      conflicts: 0,
      incomplete: false,
      problems: [],
      damaged: [],
    })
    expect(stored.state).toMatchObject({
      kind: 'registers',
      keys: {
        alice: { value: { name: 'Alice', tags: { $: 'set', of: ['x'] } }, by: 'ann' },
        bob: { by: 'ann' },
      },
    })
    expect(stored.state).not.toHaveProperty('keys.bob.value')
    const stateOf = async (document: string) => (await look.snapshot(document)).state
    expect(await stateOf('room:r1/events')).toMatchObject({
      kind: 'log',
      entries: [{ value: 'began', by: 'ann', seq: 0 }],
    })
    expect(await stateOf('room:r1/hits')).toEqual({ kind: 'counter', keys: { page: 3 } })
    expect(await stateOf('room:r1/spend')).toEqual({
      kind: 'budget',
      keys: { tokens: { balance: 6, minted: { ann: 10 }, spent: { ann: 4 } } },
    })
    expect(await stateOf('agent:a1/notes')).toMatchObject({
      kind: 'crdt',
      roots: {
        t: { type: 'text', delta: [{ insert: 'hello' }] },
        m: { type: 'map', entries: { list: { type: 'value', value: [1] } } },
      },
    })
  })

  test('shows siblings, and changes nothing, clientIDs and budgets included', async () => {
    const fleet = await startFleet()
    const storage = createMemoryStorage()
    const [ann, bob] = [await fleet.open('ann', { storage }), await fleet.open('bob')]
    const [ofAnn, ofBob] = [await ann.open(here, Users), await bob.open(here, Users)]
    const spend = await ann.open(here, Spend)
    await spend.mint('tokens', 10)
    await Promise.all([ann.synced(), bob.synced()])
    ann.disconnect()
    bob.disconnect()
    ofAnn.set('k', 'a')
    ofBob.set('k', 'b')
    ann.connect()
    bob.connect()
    await waitUntil(() => ofAnn.conflicts().length === 1)
    const look = ann.debugger()
    const before = await look.update('room:r1/spend')
    const { state, conflicts } = await look.snapshot('room:r1/users')
    expect(conflicts).toBe(1)
    expect(state).toMatchObject({ keys: { k: { siblings: [expect.anything()] } } })
    await look.snapshot('room:r1/spend')
    expect(await look.update('room:r1/spend')).toEqual(before)
    await expect(look.snapshot('room:r1/nothing')).rejects.toMatchObject({
      code: 'DOCUMENT_UNKNOWN',
    })
  })
})

describe('a difference', () => {
  test('lists each place within values, and between two stores', async () => {
    const [one, two] = [await alone(), await alone()]
    const [ofOne, ofTwo] = [await one.open(here, Users), await two.open(here, Users)]
    ofOne.set('alice', { name: 'Alice', tags: ['a', 'b'], address: { city: 'Rome' } })
    ofTwo.set('alice', { name: 'Alice', tags: ['b', 'c'], address: { city: 'Oslo' } })
    ;(await two.open(here, Hits)).increment('x')
    const differences = await one.debugger().diff(two.debugger())
    expect(differences.map(({ document, kind }) => [document, kind])).toEqual([
      ['room:r1/hits', 'added'],
      ['room:r1/users', 'changed'],
    ])
    const places = differences[1]?.changes.map(({ path, kind }) => [pathText(path), kind])
    expect(places).toContainEqual(['keys.alice.value.address.city', 'changed'])
    expect(places).toContainEqual(['keys.alice.value.tags[1]', 'added'])
    expect(await one.debugger().diff(one.debugger())).toEqual([])
  })

  test('knows items of lists again by their id, and hostile names', () => {
    const item = (id: string, text: string) => ({ id, text })
    const before = { list: [item('a', '1'), item('b', '2')] }
    const after = { list: [item('b', '3'), item('a', '1')] }
    const { changes, equal } = diffStates(before, after)
    expect(equal).toBe(false)
    expect(changes.map(({ kind }) => kind).sort()).toEqual(['changed', 'moved'])
    const hostile = JSON.parse('{"__proto__": {"x": 1}, "constructor": 2}')
    const paths = diffStates({}, hostile).changes.map(({ path }) => path.join())
    expect(paths.sort()).toEqual(['__proto__', 'constructor'])
    expect(({} as { x?: number }).x).toBeUndefined()
    expect(diffStates(hostile, JSON.parse(JSON.stringify(hostile))).equal).toBe(true)
  })
})

describe('rewinding a replica', () => {
  test('has what the stored updates tell, also after a restart', async () => {
    const storage = createMemoryStorage()
    const replica = await alone(storage)
    const users = await replica.open(here, Users)
    users.set('alice', 1)
    const then = systemTime.now()
    await waitUntil(() => systemTime.now() > then)
    users.set('alice', 2)
    const told = await replica.debugger().rewind('room:r1/users', { time: then })
    expect(told.state).toMatchObject({ keys: { alice: { value: 1 } } })
    expect(told.updates).toEqual({ taken: 1, stored: 2 })
  })

  test('reads the audit trail where there is one, whatever compaction has taken', async () => {
    const storage = createMemoryStorage()
    const replica = await alone(storage)
    const history = await openHistory(replica, here, defineHistory({ of: Users }))
    const users = await replica.open(here, Users)
    users.set('alice', { name: 'first' })
    users.set('gone', 1)
    const then = systemTime.now()
    await waitUntil(() => systemTime.now() > then)
    users.set('alice', { name: 'second' })
    users.delete('gone')
    users.set('late', 1)
    const look = replica.debugger()
    const compacted = new StateDebugger({
      documents: () => storage.documents(),
      load: async document => {
        return { updates: [{ clock: 0, update: await look.update(document) }], damaged: [] }
      },
    })
    const { state, basis, unknown } = await compacted.rewind('room:r1/users', { time: then })
    expect({ basis, unknown }).toEqual({ basis: 'trail', unknown: [] })
    const { keys } = state as { keys: Record<string, { value: unknown }> }
    expect(Object.entries(keys).map(([key, { value }]) => [key, value])).toEqual([
      ['alice', { name: 'first' }],
      ['gone', 1],
    ])
    expect([...history.at(then).keys()].sort()).toEqual(['alice', 'gone'])
  })
})

describe('watching', () => {
  test('tells what each transaction changed within values, from here and elsewhere', async () => {
    const fleet = await startFleet()
    const [ann, bob] = [await fleet.open('ann'), await fleet.open('bob')]
    const [ofAnn, ofBob] = [await ann.open(here, Users), await bob.open(here, Users)]
    const seen: WatchedChange[] = []
    const stop = watchPartition(ofAnn, change => seen.push(change))
    ofAnn.set('alice', { name: 'Alice', at: new Date(5) })
    await ann.flush()
    await waitUntil(() => ofBob.has('alice'))
    ofBob.set('alice', { name: 'Eve', at: new Date(5) })
    await waitUntil(() => seen.length === 2)
    stop()
    ofAnn.set('alice', 1)
    expect(seen.map(({ origin }) => origin)).toEqual(['local', 'remote'])
    expect(seen[1]?.changes).toEqual([
      { path: ['alice', 'name'], kind: 'changed', before: 'Alice', after: 'Eve' },
    ])
  })

  test('works on every kind of partition', async () => {
    const replica = await alone()
    const told: string[] = []
    const tell = ({ changes }: WatchedChange) => {
      for (const { path, before, after } of changes) {
        told.push(`${pathText(path.slice(-2))} ${JSON.stringify(before)} ${JSON.stringify(after)}`)
      }
    }
    const hits = await replica.open(here, Hits)
    hits.increment('page')
    watchPartition(hits, tell)
    hits.increment('page', 2)
    const spend = await replica.open(here, Spend)
    watchPartition(spend, tell)
    await spend.mint('tokens', 5)
    const events = await replica.open(here, Events)
    watchPartition(events, ({ changes }) => told.push(String(changes[0]?.after)))
    events.append('began')
    const notes = await replica.open(here, Notes)
    notes.text('t').insert(0, 'a')
    watchPartition(notes, tell)
    notes.text('t').insert(1, 'b')
    expect(told).toEqual(['page 1 3', 'tokens undefined 5', 'began', '[0].insert "a" "ab"'])
  })
})
