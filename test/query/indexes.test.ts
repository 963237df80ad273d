import { describe, expect, it } from 'vitest'
import * as Y from 'yjs'
import { definePartition } from '../../src/model/partition-definition.ts'
import { openPartition } from '../../src/partition/open-partition.ts'
import type { Filter } from '../../src/query/filter-types.ts'
import type { LiveChange } from '../../src/query/live-query.ts'
import type { FindOptions, Found, PageOptions } from '../../src/query/queries.ts'
import { QueryableRegisters } from '../../src/query/queryable-registers.ts'
import { pull, syncAll, testHost } from '../partition/replica-model.ts'
import { openUsers, type User, usersOf } from './users.ts'

function crowd(size: number) {
  const opened = openUsers()
  opened.users.transact(() => {
    for (let index = 0; index < size; index++) {
      opened.users.set(`u${String(index).padStart(4, '0')}`, {
        name: index % 2 === 0 ? 'Ann' : 'Bob',
        status: `s${index % 10}`,
        age: index % 50,
        at: index,
        tags: [`t${index % 7}`, 'all'],
        owner: { town: `x${index % 20}` },
      })
    }
  })
  return opened
}

const keysOf = (found: readonly Found<unknown>[]) => found.map(({ key }) => key)

describe('a query is answered', () => {
  const { users } = crowd(1000)

  it.each<[string, Filter<User>, FindOptions, object]>([
    ['by one index', { status: 's3' }, {}, { plan: 'ordered', examined: 100, found: 100 }],
    ['by the name of one', { byStatus: 's3' }, {}, { examined: 100 }],
    ['by a range', { at: { $gte: 20, $lt: 30 } }, {}, { indexes: ['byHour'], found: 10 }],
    [
      'by several values in a bucket, each entry once',
      { at: { $in: [22, 21, 45] } },
      {},
      { indexes: ['byHour'], examined: 20, found: 3 },
    ],
    ['by buckets', { byHour: 7 }, {}, { indexes: ['byHour'], examined: 10, found: 10 }],
    [
      'by a field and the next',
      { status: 's3', age: 13 },
      {},
      { indexes: ['byStatusAndAge'], examined: 20 },
    ],
    ['by elements', { tags: 't3' }, {}, { indexes: ['byTag'], examined: 143 }],
    ['by a function', { initial: 'A', status: 's2' }, {}, { found: 100 }],
    [
      'by several',
      { tags: 't3', 'owner.town': { $in: ['x1', 'x2', 'x3'] } },
      {},
      { plan: 'intersection', found: 22 },
    ],
    [
      'by the parts of an $or',
      { $or: [{ status: 's1' }, { 'owner.town': 'x4' }] },
      {},
      { plan: 'union', found: 150 },
    ],
    [
      'in the order of an index',
      {},
      { sort: { status: -1 }, limit: 5 },
      { plan: 'ordered', examined: 5 },
    ],
    [
      'in the order of its second field',
      { status: 's3' },
      { sort: { age: -1 }, limit: 5 },
      { indexes: ['byStatusAndAge'], examined: 5 },
    ],
    ['by looking at all', { name: 'Ann' }, {}, { plan: 'scan', examined: 1000, found: 500 }],
    ['by nothing', { status: { $in: [] } }, {}, { examined: 0, found: 0 }],
  ])('%s', (_, filter, options, expected) => {
    expect(users.explain(filter, options)).toMatchObject(expected)
  })

  it('the same whichever indexes there are', () => {
    const filter = { status: { $in: ['s1', 's4'] }, age: { $gt: 10 } }
    const options = { sort: { 'owner.town': 1, at: -1 }, limit: 30 } as const
    const found = users.find(filter, options)
    const bare = openUsers({ doc: new Y.Doc() })
    for (const [key, value] of users.entries()) bare.users.set(key, value)
    for (const { name } of bare.users.indexes()) bare.users.dropIndex(name)
    expect(bare.users.explain(filter, options).plan).toBe('scan')
    expect(bare.users.find(filter, options)).toEqual(found)
  })
})

describe('indexes', () => {
  it('come and go', () => {
    const { users } = crowd(50)
    users.createIndex('byName', 'name')
    expect(users.explain({ byName: 'Ann' })).toMatchObject({ indexes: ['byName'], found: 25 })
    users.set('new', { name: 'Ann' })
    expect(users.count({ name: 'Ann' })).toBe(26)
    expect(users.indexes().find(({ name }) => name === 'byName')?.entries).toBe(51)
    expect(() => users.createIndex('byName', 'at')).toThrow(
      expect.objectContaining({ code: 'OPTION_INVALID' }),
    )
    users.dropIndex('byName')
    expect(users.explain({ name: 'Ann' }).plan).toBe('scan')
    expect(users.find({ byName: 'Ann' })).toEqual([])
    for (const call of [
      () => users.dropIndex('byName'),
      () => users.verifyIndexes('byName'),
      () => users.rebuildIndexes('byName'),
    ]) {
      expect(call).toThrow(expect.objectContaining({ code: 'INDEX_UNKNOWN' }))
    }
  })

  it('mean their field, whatever other indexes are named', () => {
    const indexes = { a: 'b', z: 'a', b: 'c' }
    const definition = definePartition<object>({ name: 'n', policy: 'manual', indexes })
    const rows = openPartition(
      definition,
      testHost(),
      QueryableRegisters,
    ) as QueryableRegisters<object>
    rows.set('k', { a: 1, b: 2, c: 3 })
    const count = (filter: object) => rows.count({ ...filter })
    expect([count({ z: 1 }), count({ a: 2 }), count({ b: 3 }), count({ c: 3 })]).toEqual([
      1, 1, 1, 1,
    ])
    expect([count({ z: 2 }), count({ a: 1 }), count({ a: 3 }), count({ b: 2 })]).toEqual([
      0, 0, 0, 0,
    ])
  })

  it.each<[string, unknown]>([
    ['a', 5],
    ['a', ''],
    ['a', []],
    ['a', ['x', 'x']],
    ['a', 'x.__proto__'],
    ['a', { on: 'x', bucket: 0 }],
    ['a', { on: 'x', bucket: 1, by: 2 }],
    ['a', { bucket: 1 }],
    ['$a', 'x'],
    ['a.b', 'x'],
    ['__proto__', 'x'],
    ['at', { on: 'at', bucket: 5 }],
    ['a', ['a', 'x']],
  ])('cannot be %s: %j', (name, choice) => {
    const { users } = openUsers()
    const indexes = JSON.parse(`{${JSON.stringify(name)}: ${JSON.stringify(choice)}}`)
    expect(() => users.createIndex(name, choice as never)).toThrow(
      expect.objectContaining({ code: 'OPTION_INVALID' }),
    )
    expect(() => definePartition({ name: 'a', policy: 'manual', indexes })).toThrow(
      expect.objectContaining({ code: 'PARTITION_INVALID' }),
    )
  })

  it('are of partitions of keys with values alone, and at most 32', () => {
    for (const policy of ['crdt', 'log', 'counter', 'budget'] as const) {
      expect(() => definePartition({ name: 'a', policy, indexes: { b: 'c' } })).toThrow(
        expect.objectContaining({ code: 'PARTITION_INVALID' }),
      )
    }
    const { users } = openUsers()
    for (let index = users.indexes().length; index < 32; index++)
      users.createIndex(`i${index}`, 'a')
    expect(() => users.createIndex('more', 'a')).toThrow(
      expect.objectContaining({ code: 'OPTION_INVALID' }),
    )
  })

  it('whose function throws hold the entry as one without, and are reported once', () => {
    const { users, host } = openUsers()
    users.set('a', { name: 'Ann', owner: { town: 'x' } })
    users.set('b', { name: 'Bob' })
    users.set('c', { name: 'Cy', owner: null })
    expect(keysOf(users.find({ parts: 'x' }))).toEqual(['a'])
    expect(keysOf(users.find({ parts: null }))).toEqual(['b', 'c'])
    expect(host.reported.map(({ code }) => code)).toEqual(['INDEX_FAILED'])
    expect(users.verifyIndexes()).toEqual([])
  })

  it('that say something else each time are found out, and made anew', () => {
    let offset = 0
    const definition = definePartition<number>({
      name: 'n',
      policy: 'last-write-wins',
      indexes: { shifted: value => value + offset },
    })
    const numbers = openPartition(
      definition,
      testHost(),
      QueryableRegisters,
    ) as QueryableRegisters<number>
    for (let value = 0; value < 5; value++) numbers.set(`k${value}`, value)
    expect(keysOf(numbers.find({ shifted: 3 }))).toEqual(['k3'])
    expect(numbers.verifyIndexes()).toEqual([])
    offset = 1
    expect(numbers.verifyIndexes('shifted')).toHaveLength(5)
    expect(numbers.verifyIndexes()[0]).toEqual({
      index: 'shifted',
      kind: 'different',
      key: 'k0',
      held: [[0]],
      expected: [[1]],
    })
    numbers.rebuildIndexes()
    expect(numbers.verifyIndexes()).toEqual([])
    expect(keysOf(numbers.find({ shifted: 3 }))).toEqual(['k2'])
  })

  it('cannot be broken by what a function does to a value', () => {
    const definition = definePartition<{ at: Date }>({
      name: 'n',
      policy: 'last-write-wins',
      indexes: { byAt: 'at', late: ({ at }) => at.setFullYear(3000) > 0 },
    })
    const host = testHost()
    const events = openPartition(definition, host, QueryableRegisters) as QueryableRegisters<{
      at: Date
    }>
    events.set('a', { at: new Date(5) })
    expect(events.count({ late: true })).toBe(1)
    expect(keysOf(events.find({ at: new Date(5) }))).toEqual(['a'])
    expect(events.verifyIndexes()).toEqual([])
  })

  it('hold lists whose products are long as entries that may be anything', () => {
    const { users } = openUsers()
    users.createIndex('products', ['tags', 'age'])
    const long = Array.from({ length: 200 }, (_, index) => index)
    users.set('long', { tags: long, age: long })
    users.set('short', { tags: [3], age: [4] })
    expect(users.indexes().find(({ name }) => name === 'products')?.loose).toBe(1)
    expect(keysOf(users.find({ tags: 3, age: 4 }))).toEqual(['long', 'short'])
    users.delete('long')
    expect(keysOf(users.find({ tags: 3, age: 4 }))).toEqual(['short'])
    expect(users.verifyIndexes()).toEqual([])
  })
})

describe('what a reader finds', () => {
  it('follows its policy while writes stand side by side', () => {
    const Manual = usersOf('manual')
    const [ann, bob, cy] = [1, 2, 3].map(writer =>
      openUsers({ writer, actor: `actor-${writer}` }, Manual),
    ) as [ReturnType<typeof openUsers>, ReturnType<typeof openUsers>, ReturnType<typeof openUsers>]
    for (const { users } of [ann, bob, cy]) users.count()
    ann.users.set('k', { status: 'active' })
    bob.host.time.advance(5)
    bob.users.set('k', { status: 'away' })
    syncAll([ann.host, bob.host, cy.host])
    const active = [ann, bob, cy].map(({ users }) => users.count({ byStatus: 'active' }))
    expect(active).toEqual([1, 0, 0])
    cy.users.resolve('k', { status: 'active' })
    syncAll([ann.host, bob.host, cy.host])
    expect([ann, bob, cy].map(({ users }) => users.count({ byStatus: 'active' }))).toEqual([
      1, 1, 1,
    ])
  })

  it('is what it wrote, within transactions and within listeners', () => {
    const { users } = crowd(20)
    const active = () => keysOf(users.find({ status: 'fresh' }, { sort: { at: -1 } }))
    users.transact(() => {
      users.set('a', { status: 'fresh', at: 1 })
      expect(active()).toEqual(['a'])
      expect(users.count({ byStatus: 'fresh' })).toBe(1)
      expect(users.explain({ status: 'fresh' }).plan).toBe('scan')
      expect(() => users.live({})).toThrow(expect.objectContaining({ code: 'OPTION_INVALID' }))
    })
    const seen: string[][] = []
    const leave = users.subscribe(() => {
      leave()
      users.set('c', { status: 'fresh', at: 3 })
      seen.push(active())
    })
    users.set('b', { status: 'fresh', at: 2 })
    expect(seen).toEqual([['c', 'b', 'a']])
    expect(() =>
      users.transact(() => {
        users.delete('a')
        throw new Error('no')
      }),
    ).toThrow('no')
    expect(active()).toEqual(['c', 'b', 'a'])
  })

  it('ends with the handle', () => {
    const { users } = crowd(5)
    const live = users.live()
    const told: unknown[] = []
    live.subscribe(changes => told.push(changes))
    users.close()
    for (const call of [
      () => users.find(),
      () => users.page(),
      () => users.count(),
      () => users.live(),
      () => users.indexes(),
      () => users.createIndex('a', 'b'),
    ]) {
      expect(call).toThrow(expect.objectContaining({ code: 'CLOSED' }))
    }
    expect(live.results).toHaveLength(5)
    live.end()
    expect(told).toEqual([])
  })
})

describe('pages', () => {
  it('go on behind the last entry, whatever is written meanwhile', () => {
    const { users } = crowd(40)
    const options = { sort: { age: -1 }, limit: 10 } as const
    const first = users.page({}, options)
    for (const { key } of first.results) users.delete(key)
    users.set('zz', { age: 1000 })
    users.set('between', { age: 29.5 })
    const second = users.page({}, { ...options, after: first.next })
    expect(keysOf(second.results)[0]).toBe('between')
    expect(keysOf(second.results)).toHaveLength(10)
    const third = users.page({}, { ...options, after: second.next, limit: 100 })
    expect(third.next).toBeUndefined()
    expect(keysOf([...second.results, ...third.results])).toHaveLength(31)
  })

  it('take no cursor of another query, nor one that was made up', () => {
    const { users } = crowd(40)
    const { next = '' } = users.page({ status: 's1' }, { limit: 1 })
    expect(users.page({ byStatus: 's1' }, { limit: 2, after: next }).results).toHaveLength(2)
    const [signature, , key, place] = JSON.parse(next) as unknown[]
    const cursors: [Filter<User>, PageOptions, unknown][] = [
      [{ status: 's2' }, {}, next],
      [{ status: 's1' }, { sort: { age: 1 } }, next],
      [{ status: /s1/ }, {}, next],
      ...[
        'x',
        '5',
        'null',
        '[]',
        '{"a":1}',
        JSON.stringify([signature, [1], key, place]),
        JSON.stringify([signature, [], 5, place]),
        JSON.stringify([signature, [], key]),
        JSON.stringify([signature, {}, key, place]),
        5,
        {},
      ].map((cursor): [Filter<User>, PageOptions, unknown] => [{ status: 's1' }, {}, cursor]),
    ]
    for (const [filter, options, after] of cursors) {
      expect(() => users.page(filter, { ...options, after: after as never })).toThrow(
        expect.objectContaining({ code: 'CURSOR_INVALID' }),
      )
    }
    const sorted = users.page({ status: 's1' }, { limit: 1, sort: { at: 1 } }).next as string
    for (const bad of ['{}', '["date"]', '["x",1]', '["opaque",5]', '["bigint","x"]']) {
      const [sign, , ...rest] = JSON.parse(sorted) as unknown[]
      const after = JSON.stringify([sign, [JSON.parse(bad)], ...rest])
      const call = () => users.page({ status: 's1' }, { sort: { at: 1 }, after })
      if (bad === '["date"]') expect(call().results).toBeDefined()
      else expect(call).toThrow(expect.objectContaining({ code: 'CURSOR_INVALID' }))
    }
  })
})

describe('a live query', () => {
  it('tells what comes, goes, changes and moves, once for each transaction', () => {
    const { users, host } = openUsers()
    for (const [key, age] of Object.entries({ a: 1, b: 2, c: 3, d: 4 })) users.set(key, { age })
    const live = users.live({ age: { $gt: 0 } }, { sort: { age: 1 }, limit: 3 })
    const told: LiveChange<Found<User>>[][] = []
    live.subscribe(changes => told.push([...changes]))
    const kinds = () =>
      told.splice(0).map(changes => changes.map(({ kind, index }) => [kind, index]))
    users.set('e', { age: 2.5 })
    expect(kinds()).toEqual([
      [
        ['removed', 2],
        ['added', 2],
      ],
    ])
    users.set('b', { age: 2, name: 'Bob' })
    expect(kinds()).toEqual([[['changed', 1]]])
    users.set('a', { age: 2.2 })
    expect(kinds()).toEqual([[['moved', 1]]])
    users.set('d', { age: 9 })
    users.set('x', { age: -1 })
    expect(kinds()).toEqual([])
    users.delete('b')
    expect(kinds()).toEqual([
      [
        ['removed', 0],
        ['added', 2],
      ],
    ])
    const other = openUsers({ writer: 77 })
    pull(host, other.host)
    other.users.transact(() => {
      other.users.set('a', { age: 0 })
      other.users.set('f', { age: 1 })
    })
    pull(other.host, host)
    expect(kinds()).toHaveLength(1)
    expect(keysOf(live.results)).toEqual(['f', 'e', 'c'])
    live.end()
    users.set('g', { age: 1 })
    expect(kinds()).toEqual([])
    expect(keysOf(live.results)).toEqual(['f', 'e', 'c'])
  })
})
