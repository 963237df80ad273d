import { describe, expect, it } from 'vitest'
import { agent, globalScope, room, type Scope } from '../../src/index.ts'
import { definePartition } from '../../src/model/partition-definition.ts'
import { scopePattern } from '../../src/model/scope-pattern.ts'
import { openQueries, queriesOver, type ScopedFound } from '../../src/query/scoped-queries.ts'
import { settle, startPair } from '../history/pair.ts'

interface User {
  readonly status: string
  readonly age: number
}
const Users = definePartition<User>({
  name: 'users',
  policy: 'last-write-wins',
  indexes: { byStatus: 'status', byStatusAndAge: ['status', 'age'] },
})
const Bots = definePartition<User>({ name: 'bots', policy: 'manual' })
const Notes = definePartition({ name: 'notes', policy: 'crdt' })

const placed = (found: readonly ScopedFound<User>[]) =>
  found.map(({ scope, partition, key }) => `${scope}/${partition}/${key}`)

async function threeRooms() {
  const { ann, bob } = await startPair()
  for (const [index, name] of ['r1', 'r2', 'r3'].entries()) {
    const users = await ann.open(room(name), Users)
    users.set('ann', { status: 'active', age: index })
    users.set('bob', { status: 'away', age: 10 - index })
    users.close()
  }
  const bots = await ann.open(room('r1'), Bots)
  bots.set('ann', { status: 'active', age: 1 })
  bots.close()
  return { ann, bob }
}

describe('queries over several scopes', () => {
  it('say where results are from, in one order, page by page', async () => {
    const { ann } = await threeRooms()
    const queries = await openQueries<User>(
      ann,
      [Users, Bots],
      [room('r1'), room('r2'), room('r3')],
    )
    expect(placed(queries.find({ status: 'active' }, { sort: { age: -1 } }))).toEqual([
      'room:r3/users/ann',
      'room:r2/users/ann',
      'room:r1/bots/ann',
      'room:r1/users/ann',
    ])
    expect(queries.count({ byStatus: 'away' })).toBe(3)
    expect(
      queries
        .explain({ status: 'away' })
        .map(({ plan }) => plan)
        .slice(0, 3),
    ).toEqual(Array(3).fill('ordered'))
    for (const sort of [undefined, { age: 1 }, { age: -1 }, { status: -1, age: -1 }] as const) {
      const all = placed(queries.find({}, sort && { sort }))
      const paged: string[] = []
      let after: string | undefined
      do {
        const page = queries.page({}, { ...(sort && { sort }), limit: 2, after })
        paged.push(...placed(page.results))
        after = page.next
      } while (after !== undefined)
      expect(paged).toEqual(all)
      expect(new Set(all).size).toBe(7)
    }
    queries.close()
    expect(() => queries.find()).toThrow(expect.objectContaining({ code: 'CLOSED' }))
  })

  it('stay open over all of them', async () => {
    const { ann, bob } = await threeRooms()
    const queries = await openQueries<User>(bob, Users, [room('r1'), room('r2'), room('r3')])
    await settle(ann, bob)
    const live = queries.live({ status: 'active' }, { sort: { age: 1 }, limit: 2 })
    expect(placed(live.results)).toEqual(['room:r1/users/ann', 'room:r2/users/ann'])
    const told: string[] = []
    live.subscribe(changes => told.push(...changes.map(({ kind }) => kind)))
    const far = await ann.open(room('r3'), Users)
    far.set('cy', { status: 'active', age: -5 })
    await settle(ann, bob)
    expect(told).toEqual(['removed', 'added'])
    expect(placed(live.results)).toEqual(['room:r3/users/cy', 'room:r1/users/ann'])
  })

  it('are of the scopes that a pattern names and the replica has', async () => {
    const { ann } = await threeRooms()
    expect((await ann.scopes(Users)).map(String)).toEqual(['room:r1', 'room:r2', 'room:r3'])
    expect((await ann.scopes(Bots)).map(String)).toEqual(['room:r1'])
    const queries = await openQueries<User>(ann, Users, 'room:*')
    expect(queries.places.map(({ scope }) => String(scope))).toEqual([
      'room:r1',
      'room:r2',
      'room:r3',
    ])
    queries.close()
    await expect(openQueries(ann, Users, 'chamber:*')).rejects.toMatchObject({
      code: 'SCOPE_INVALID',
    })
    await expect(openQueries(ann, Notes, [room('r1')])).rejects.toMatchObject({
      code: 'OPTION_INVALID',
    })
    const many = Array.from({ length: 1001 }, (_, index) => room(`r${index}`))
    await expect(openQueries(ann, Users, many)).rejects.toMatchObject({ code: 'OPTION_INVALID' })
    const users = await ann.open(room('r1'), Users)
    const own = { scope: room('r1'), partition: 'users', handle: users }
    expect(() => queriesOver([own, own])).toThrow(
      expect.objectContaining({ code: 'OPTION_INVALID' }),
    )
    expect(placed(queriesOver([own]).find({ status: 'away' }))).toEqual(['room:r1/users/bob'])
  })
})

describe('a pattern of scopes', () => {
  const scopes: Scope[] = [
    globalScope,
    agent('a1'),
    agent('a2'),
    agent('*'),
    agent('a1').room('r1'),
    agent('a1').room('r2').conversation('c'),
    room('r1'),
    room('r2').conversation('c'),
  ]
  it.each([
    ['global', ['global']],
    ['agent:*', ['agent:a1', 'agent:a2', 'agent:*']],
    ['agent:%2A', ['agent:*']],
    ['agent:a1', ['agent:a1']],
    ['agent:*/room:r1', ['agent:a1/room:r1']],
    ['agent:a1/**', ['agent:a1', 'agent:a1/room:r1', 'agent:a1/room:r2/conversation:c']],
    ['room:*/conversation:*', ['room:r2/conversation:c']],
    ['**', scopes.map(String)],
    ['global/**', scopes.map(String)],
  ])('%s', (pattern, expected) => {
    expect(scopes.filter(scopePattern(pattern)).map(String)).toEqual(expected)
  })

  it.each([
    '',
    '*',
    'agent',
    'agent:',
    'room:*/agent:*',
    'agent:a b',
    '**/room:*',
    'global/room:*',
  ])('is none: %j', pattern => {
    expect(() => scopePattern(pattern)).toThrow(expect.objectContaining({ code: 'SCOPE_INVALID' }))
  })
})
