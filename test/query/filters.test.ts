import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { StatemeshError } from '../../src/base/error.ts'
import type { Filter } from '../../src/query/filter-types.ts'
import { safePattern } from '../../src/query/safe-pattern.ts'
import { openUsers, type User } from './users.ts'

function refused(run: () => unknown, code = 'FILTER_INVALID'): void {
  let thrown: unknown
  try {
    run()
  } catch (error) {
    thrown = error
  }
  expect(thrown).toBeInstanceOf(StatemeshError)
  expect((thrown as StatemeshError).code).toBe(code)
}

function withAnn() {
  const { users } = openUsers()
  users.set('ann', { name: 'Ann', status: 'active', age: 3, tags: ['a', 'b'] })
  users.set('bob', { name: 'Bob', status: 'away', age: 5, tags: [] })
  return users
}

let ran = 0
const run = () => {
  ran += 1
  return true
}
let deep: unknown = { age: 1 }
for (let depth = 0; depth < 40; depth++) deep = { $and: [deep] }

describe('a filter is refused that', () => {
  it.each<[string, unknown]>([
    ['is no object', 5],
    ['is null', null],
    ['is a list', [{ age: 3 }]],
    ['is a function', run],
    ['is of a class', new Map([['age', 3]])],
    ['runs code', { $where: run }],
    ['runs code given as text', { $where: 'return true' }],
    ['runs code in an expression', { $expr: { $function: { body: run, args: [], lang: 'js' } } }],
    ['runs code within', { $or: [{ $and: [{ $where: run }] }] }],
    ['runs code on a field', { age: { $where: run } }],
    ['runs code on elements', { tags: { $elemMatch: { $where: run } } }],
    ['runs code behind $not', { age: { $not: { $function: run } } }],
    ['brings a schema', { $jsonSchema: {} }],
    ['has an unknown operator', { age: { $near: 3 } }],
    ['has an operator for fields at the top', { $gt: 3 }],
    ['has an operator among fields', { owner: { town: 'x', $gt: 3 } }],
    ['has an operator in a value', { owner: { $eq: { town: { $gt: 'a' } } } }],
    ['goes through __proto__', { ['__proto__']: { age: 3 } }],
    ['goes through __proto__ in a path', { 'owner.__proto__.town': 3 }],
    ['goes through a constructor', { 'constructor.name': 'Object' }],
    ['names an empty path', { '': 3 }],
    ['names half a path', { 'owner.': 3 }],
    ['names a very long path', { ['a'.repeat(300)]: 3 }],
    ['compares with undefined', { age: undefined }],
    ['compares with a function', { age: run }],
    ['compares with a Map', { age: new Map() }],
    ['compares with a bigint', { age: 3n }],
    ['compares with a symbol', { age: Symbol('a') }],
    ['looks for what is above null', { age: { $gt: null } }],
    ['looks for what is above NaN', { age: { $gt: Number.NaN } }],
    ['looks for what is above a list', { age: { $lte: [3] } }],
    ['looks in no list', { age: { $in: 3 } }],
    ['has alternatives that are no list', { $or: { age: 3 } }],
    ['has no alternatives', { $or: [] }],
    ['asks for a size of -1', { tags: { $size: -1 } }],
    ['asks for an unknown type', { age: { $type: 'decimal128' } }],
    ['asks for existence with a number', { age: { $exists: 1 } }],
    ['divides by zero', { age: { $mod: [0, 0] } }],
    ['negates a value', { age: { $not: 3 } }],
    ['has options without a pattern', { name: { $options: 'i' } }],
    ['has a pattern that is malformed', { name: { $regex: '(' } }],
    ['has a pattern with a memory', { name: /a/g }],
    ['has a pattern that repeats a repetition', { name: { $regex: '(a+)+$' } }],
    ['has such a pattern in a list', { name: { $in: [/(a*)*b/] } }],
    ['names a compound index', { byStatusAndAge: 3 }],
    ['is too deep', deep],
    ['is too large', { age: { $in: Array.from({ length: 20_000 }, (_, index) => index) } }],
  ])('%s', (_, filter) => {
    const users = withAnn()
    refused(() => users.find(filter as never))
    refused(() => users.count(filter as never))
    refused(() => users.live(filter as never))
    expect(ran).toBe(0)
  })

  it('has a value with a key that leads to a prototype', () => {
    const users = withAnn()
    const hostile = JSON.parse('{"owner": {"__proto__": {"town": "x"}}}')
    expect(users.find(hostile)).toEqual([])
    expect(({} as { town?: unknown }).town).toBeUndefined()
  })
})

describe('a sort is refused that', () => {
  it.each<[string, unknown]>([
    ['is a text', 'age'],
    ['has a direction of its own', { age: 'up' }],
    ['has a direction of 0', { age: 0 }],
    ['goes through a prototype', { 'a.__proto__': 1 }],
    ['names an operator', { $natural: 1 }],
    ['has too many fields', Object.fromEntries([...'abcdefghi'].map(name => [name, 1]))],
  ])('%s', (_, sort) => refused(() => withAnn().find({}, { sort: sort as never })))

  it.each([-1, 1.5, '3', Number.NaN, Number.POSITIVE_INFINITY])('a limit of %s', limit => {
    refused(() => withAnn().find({}, { limit: limit as never }), 'OPTION_INVALID')
    refused(() => withAnn().page({}, { limit: limit as never }), 'OPTION_INVALID')
    refused(() => withAnn().live({}, { limit: limit as never }), 'OPTION_INVALID')
  })
})

describe('a filter', () => {
  it('is copied, so that it may be changed afterwards', () => {
    const users = withAnn()
    const filter = { status: { $in: ['active'] } }
    const live = users.live(filter)
    filter.status.$in.push('away')
    users.set('cy', { status: 'away' })
    users.set('dan', { status: 'active' })
    expect(live.results.map(({ key }) => key)).toEqual(['ann', 'dan'])
  })

  it('finds in Sets and Maps as in arrays and objects', () => {
    const { users } = openUsers()
    users.set('a', { tags: new Set(['x', 'y']), owner: new Map([['town', 'here']]) })
    users.set('b', { tags: new Set(['y']), owner: new Map([['town', 'there']]) })
    users.set('c', { tags: new Set(['z']), owner: { town: new Date(5) } })
    const keys = (filter: Filter<User>) => users.find(filter).map(({ key }) => key)
    expect(keys({ tags: 'y' })).toEqual(['a', 'b'])
    expect(keys({ byTown: 'here' })).toEqual(['a'])
    expect(keys({ 'owner.town': new Date(5) })).toEqual(['c'])
    expect(users.explain({ byTag: 'y' }).indexes).not.toEqual([])
    for (const { value } of users.find({ tags: 'x' })) (value.tags as Set<string>).add('z')
    expect(keys({ tags: 'z' })).toEqual(['c'])
  })

  it('means values that are no objects by _value, and keys by _id', () => {
    const { users } = openUsers()
    for (let value = 0; value < 9; value++) users.set(`k${value}`, value as never)
    users.set('text', '5' as never)
    users.set('list', [5] as never)
    const keys = (filter: Filter<User>) => users.find(filter).map(({ key }) => key)
    expect(keys({ _value: { $gte: 7 } })).toEqual(['k7', 'k8'])
    expect(keys({ _value: 5 })).toEqual(['k5', 'list'])
    expect(keys({ anything: 5 })).toEqual([])
    expect(keys({ _id: { $in: ['k1', 'nobody', 'text'] } })).toEqual(['k1', 'text'])
    users.dropIndex('byKey')
    expect(users.explain({ _id: 'k1' })).toMatchObject({ plan: 'keys', examined: 1 })
  })
})

describe('a pattern', () => {
  it.each([
    '(a+)+',
    '(a*)*',
    '(a|a)*',
    '(a|b)+c',
    '((a?){2})+',
    '(?:a+)*',
    '(?<n>a+)+',
    '([a-z]+)*$',
    '(.*)\\1',
    '(?<n>a)\\k<n>',
    '(?=a)b',
    '(?<!a)b',
    'a*b*c*d*',
    'a{1,5000}',
    '(a{2,}){3}',
    'a)',
    '[',
    '*',
    'x'.repeat(257),
  ])('is refused: %s', pattern => refused(() => safePattern(pattern)))

  it.each([
    '^ann',
    'a+b',
    '[(*+]+',
    '\\(\\*\\+',
    '(?:ab)?c',
    '(ab){2}',
    'a|b',
    '.*b.*',
    '\\d{1,3}',
  ])('is taken: %s', pattern =>
    expect(safePattern(pattern).source).toBe(new RegExp(pattern).source),
  )

  it('that is taken is quick on every text', () => {
    const part = fc.constantFrom('a', 'b', '.', '[ab]', '(', ')', '*', '+', '?', '{2}', '|', '\\w')
    const pattern = fc.array(part, { maxLength: 14 }).map(parts => parts.join(''))
    const text = `${'ab'.repeat(30)}!`
    fc.assert(
      fc.property(pattern, source => {
        let expression: RegExp
        try {
          expression = safePattern(source)
        } catch {
          return
        }
        // One that takes a time exponential in 61 characters does not come back.
        expression.test(text)
        expression.test('a'.repeat(60))
      }),
      { numRuns: 2000 },
    )
  })
})
