/** Whatever is written and merged, queries through indexes say what mingo says of every entry. */
import fc from 'fast-check'
import { Query } from 'mingo'
import { describe, expect, it } from 'vitest'
import { compareKeys, type IndexKey } from '../../src/query/index-key.ts'
import type { LiveChange } from '../../src/query/live-query.ts'
import type { Found } from '../../src/query/queries.ts'
import type { QueryableRegisters } from '../../src/query/queryable-registers.ts'
import { syncAll } from '../partition/replica-model.ts'
import { type OpenUsers, openUsers, type User, usersOf } from './users.ts'

const scalar = fc.oneof(
  fc.constantFrom<unknown>('active', 'away', '', null, true, false, 1n, Number.NaN),
  fc.integer({ min: -3, max: 12 }),
  fc.integer({ min: 0, max: 40 }).map(time => new Date(time)),
)
const anything = fc.oneof(
  { weight: 5, arbitrary: scalar },
  fc.array(scalar, { maxLength: 3 }),
  fc.array(fc.array(scalar, { maxLength: 2 }), { maxLength: 2 }),
  fc.record({ town: scalar }),
  fc.array(fc.record({ town: scalar }), { maxLength: 2 }),
  fc.array(fc.integer({ min: 0, max: 5 }), { maxLength: 3 }).map(members => new Set(members)),
)
/** Mostly one type a field, so that conditions meet something; sometimes anything. */
const user = fc.record(
  {
    name: fc.constantFrom('Ann', 'Bob', 'Cy'),
    status: fc.oneof({ weight: 6, arbitrary: fc.constantFrom('active', 'away') }, anything),
    age: fc.oneof({ weight: 6, arbitrary: fc.integer({ min: 0, max: 12 }) }, anything),
    at: fc.oneof({ weight: 6, arbitrary: fc.integer({ min: 0, max: 40 }) }, anything),
    tags: fc.oneof(
      { weight: 6, arbitrary: fc.array(fc.constantFrom('a', 'b', 'c'), { maxLength: 3 }) },
      anything,
    ),
    owner: fc.oneof(fc.record({ town: fc.constantFrom('x', 'y') }), anything),
  },
  { requiredKeys: [] },
)
const tame = fc.record({
  status: fc.constantFrom('active', 'away'),
  age: fc.integer({ min: 0, max: 12 }),
  at: fc.integer({ min: 0, max: 40 }),
})

const field = fc.constantFrom('status', 'age', 'at', 'tags', 'owner.town', 'name', 'tags.0')
const operand = fc.oneof(
  fc.constantFrom<unknown>('active', 'away', 'a', 'x', 'Ann', true),
  fc.integer({ min: -1, max: 40 }),
  fc.integer({ min: 0, max: 40 }).map(time => new Date(time)),
)
const comparison = fc
  .tuple(fc.constantFrom('$gt', '$gte', '$lt', '$lte'), operand)
  .map(([operator, value]) => ({ [operator]: value }))
const compared = scalar.filter(value => typeof value !== 'bigint')
const condition = fc.oneof(
  { weight: 4, arbitrary: operand },
  { weight: 2, arbitrary: compared },
  fc.array(compared, { maxLength: 2 }),
  { weight: 3, arbitrary: comparison },
  fc.tuple(comparison, comparison).map(([a, b]) => ({ ...a, ...b })),
  fc.array(compared, { maxLength: 4 }).map($in => ({ $in })),
  fc.array(operand, { minLength: 1, maxLength: 2 }).map($all => ({ $all })),
  compared.map($ne => ({ $ne })),
  fc.boolean().map($exists => ({ $exists })),
  comparison.map($not => ({ $not })),
  comparison.map($elemMatch => ({ $elemMatch })),
  fc.constant({ $regex: '^A' }),
)
const fields = fc
  .array(fc.tuple(field, condition), { maxLength: 3 })
  .map(pairs => Object.fromEntries(pairs))
const filter = fc.oneof(
  { weight: 4, arbitrary: fields },
  fc.array(fields, { minLength: 1, maxLength: 3 }).map($or => ({ $or })),
  fc.array(fields, { minLength: 1, maxLength: 2 }).map($and => ({ $and })),
  fc.tuple(fields, fields).map(([a, b]) => ({ ...a, $nor: [b] })),
)
const direction = fc.constantFrom<1 | -1>(1, -1)
const sort = fc
  .array(fc.tuple(fc.constantFrom('age', 'status', 'tags', 'at', 'owner.town', '_id'), direction), {
    maxLength: 2,
  })
  .map(pairs => Object.fromEntries(pairs) as Record<string, 1 | -1>)
const limit = fc.option(fc.integer({ min: 1, max: 6 }), { nil: undefined })

const write = fc.record({
  by: fc.nat(2),
  key: fc.constantFrom(...'abcdefghijkl'),
  value: fc.option(user),
  pullsFrom: fc.option(fc.nat(2)),
})
type Write = typeof write extends fc.Arbitrary<infer Type> ? Type : never

const query = fc.record({ filter, sort, limit })

function play({ by, key, value, pullsFrom }: Write, replicas: readonly OpenUsers[]): void {
  const { host, users } = replicas[by] as OpenUsers
  host.time.advance(1)
  if (value === null) users.delete(key)
  else users.set(key, value)
  const other = pullsFrom === null ? undefined : replicas[pullsFrom]
  if (other !== undefined) syncAll([other.host, host])
}

/** What mingo says of everything, in the order of keys. */
function scanned(users: QueryableRegisters<User>, filter: object): [string, User][] {
  const query = new Query(filter as never, {})
  return [...users.entries()]
    .filter(([, value]) => query.test(withArrays(value) as never))
    .sort(([a], [b]) => (a < b ? -1 : 1))
}

/** Sets are matched as the arrays of their members. */
function withArrays(value: object): object {
  const fields = Object.entries(value)
  return Object.fromEntries(fields.map(([name, of]) => [name, of instanceof Set ? [...of] : of]))
}

function keysOf(found: readonly Found<User>[]): string[] {
  return found.map(({ key }) => key)
}

function replay(
  results: readonly Found<User>[],
  changes: readonly LiveChange<Found<User>>[],
): Found<User>[] {
  const next = [...results]
  for (const change of changes) {
    if (change.kind !== 'added') {
      const [before] = next.splice(change.kind === 'moved' ? change.from : change.index, 1)
      expect(before).toEqual(change.previous)
    }
    if (change.kind !== 'removed') next.splice(change.index, 0, change.result)
  }
  return next
}

describe.each(['last-write-wins', 'merge', 'manual'] as const)('queries under %s', policy => {
  const open = () =>
    [1, 2, 3].map(writer => openUsers({ writer, actor: `actor-${writer}` }, usersOf(policy)))

  it('find through indexes what mingo finds in every entry', () => {
    fc.assert(
      fc.property(
        fc.array(write, { maxLength: 40 }),
        fc.array(query, { minLength: 1, maxLength: 6 }),
        (writes, queries) => {
          const replicas = open()
          for (const [step, one] of writes.entries()) {
            play(one, replicas)
            // Indexes are there from early on, and are kept up from then on.
            if (step === 3) for (const { users } of replicas) users.count()
          }
          for (const { users } of replicas) {
            for (const { filter, sort, limit } of queries) {
              const expected = scanned(users, filter)
              expect(users.find(filter)).toEqual(expected.map(([key, value]) => ({ key, value })))
              expect(users.count(filter)).toBe(expected.length)
              const sorted = keysOf(users.find(filter, { sort }))
              expect(sorted.toSorted()).toEqual(expected.map(([key]) => key))
              expect(keysOf(users.find(filter, { sort, ...(limit && { limit }) }))).toEqual(
                sorted.slice(0, limit),
              )
              expect(pages(users, { filter, sort, limit: limit ?? 3 })).toEqual(sorted)
            }
            expect(users.verifyIndexes()).toEqual([])
          }
        },
      ),
      { numRuns: 30 },
    )
  })

  it('tell live what becomes of their results', () => {
    fc.assert(
      fc.property(
        fc.array(write, { maxLength: 10 }),
        fc.array(write, { maxLength: 25 }),
        fc.array(query, { minLength: 1, maxLength: 4 }),
        (before, after, queries) => {
          const replicas = open()
          for (const one of before) play(one, replicas)
          const { users } = replicas[0] as OpenUsers
          const live = queries.map(({ filter, sort, limit }) => {
            const options = { sort, ...(limit && { limit }) }
            const query = users.live(filter, options)
            const told = { query, filter, options, results: query.results }
            query.subscribe(changes => {
              told.results = replay(told.results, changes)
              expect(told.results).toEqual(users.find(filter, options))
            })
            return told
          })
          for (const one of after) {
            play(one, replicas)
            for (const { query, filter, options, results } of live) {
              expect(results).toEqual(users.find(filter, options))
              expect(query.results).toEqual(results)
            }
          }
        },
      ),
      { numRuns: 100 },
    )
  })
})

function pages(
  users: QueryableRegisters<User>,
  { filter, ...options }: { filter: object; sort: Record<string, 1 | -1>; limit: number },
): string[] {
  const keys: string[] = []
  let after: string | undefined
  do {
    const page = users.page(filter as never, { ...options, after })
    keys.push(...keysOf(page.results as Found<User>[]))
    after = page.next
  } while (after !== undefined)
  return keys
}

describe('a sort', () => {
  const value = fc.array(tame, { maxLength: 30 })
  it('is that of mingo where fields hold one type, and of keys among equals', () => {
    fc.assert(
      fc.property(value, sort, limit, (values, sort, limit) => {
        const { users } = openUsers()
        for (const [index, one] of values.entries()) users.set(`k${100 + index}`, one)
        const byKey = [...users.entries()].sort(([a], [b]) => (a < b ? -1 : 1))
        const directionOfTies = Object.values(sort).at(-1) ?? 1
        const documents = byKey.map(([_id, of]) => ({ ...of, _id }))
        if (directionOfTies === -1) documents.reverse()
        const expected = new Query({}, {})
          .find<{ _id: string }>(documents)
          .sort(Object.keys(sort).length > 0 ? sort : { _id: 1 })
          .all()
        const found = users.find({}, { sort, ...(limit && { limit }) })
        expect(keysOf(found)).toEqual(expected.map(({ _id }) => _id).slice(0, limit))
      }),
      { numRuns: 40 },
    )
  })

  it('is one order over all types', () => {
    const keys = fc.array(
      fc.oneof(scalar, fc.constant(undefined)).map(key => key as IndexKey),
      { minLength: 3, maxLength: 3 },
    )
    fc.assert(
      fc.property(keys, ([a, b, c]) => {
        expect(compareKeys(a, b)).toBe(-compareKeys(b, a) || 0)
        if (compareKeys(a, b) <= 0 && compareKeys(b, c) <= 0) {
          expect(compareKeys(a, c)).toBeLessThanOrEqual(0)
        }
      }),
    )
  })
})
