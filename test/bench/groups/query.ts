/** Queries over 100,000 entries: through indexes, against mingo over all of them in the same run. */
import { Query } from 'mingo'
import * as Y from 'yjs'
import type { IndexChoices } from '../../../src/model/index-definition.ts'
import { definePartition } from '../../../src/model/partition-definition.ts'
import { openPartition } from '../../../src/partition/open-partition.ts'
import type { Filter, Sort } from '../../../src/query/filter-types.ts'
import { QueryableRegisters } from '../../../src/query/queryable-registers.ts'
import { testHost } from '../../partition/replica-model.ts'
import type { Benchmark } from '../figure.ts'

interface User {
  readonly name: string
  readonly status: string
  readonly age: number
  readonly at: number
  readonly tags: readonly string[]
}

const entries = 100_000
/** So that one of them has 100 users. */
const statuses = 1_000
const changes = 50_000
const liveChanges = 2_000

const indexes: IndexChoices<User> = {
  byStatus: 'status',
  byAge: 'age',
  byHour: { on: 'at', bucket: 3_600_000 },
  byStatusAndTime: ['status', 'at'],
  byTag: 'tags',
}

function userOf(index: number): User {
  const status = `status ${index % statuses}`
  const tags = [`tag ${index % 50}`, `tag ${index % 70}`]
  return { name: `user ${index}`, status, age: index % 90, at: index * 1_000, tags }
}

function open(own: IndexChoices<User>, doc = new Y.Doc()): QueryableRegisters<User> {
  const Users = definePartition<User>({ name: 'users', policy: 'last-write-wins', indexes: own })
  const host = testHost({ doc, checkPolicies: false })
  return openPartition(Users, host, QueryableRegisters) as QueryableRegisters<User>
}

function filled(own: IndexChoices<User>, doc = new Y.Doc()): QueryableRegisters<User> {
  const users = open(own, doc)
  users.transact(() => {
    for (let index = 0; index < entries; index++) users.set(`user ${index}`, userOf(index))
  })
  return users
}

function milliseconds(work: () => void): number {
  const start = performance.now()
  work()
  return performance.now() - start
}

/** With an index for ranges of times that are shorter than an hour. */
const indexesByTime: IndexChoices<User> = { ...indexes, byTime: 'at' }

/** A query a time, against mingo over everything; `found` is how many it has to find. */
function query(
  figure: string,
  { filter, sort, limit }: { filter: Filter<User>; sort?: Sort; limit?: number },
  found: number,
  { times = 200, own = indexes } = {},
): Benchmark {
  let users: QueryableRegisters<User> | undefined
  return {
    figures: { [figure]: 'ms' },
    run() {
      users ??= filled(own)
      const asked = users
      const options = { ...(sort && { sort }), ...(limit !== undefined && { limit }) }
      asked.find(filter, options)
      let results = 0
      const taken = milliseconds(() => {
        for (let time = 0; time < times; time++) results += asked.find(filter, options).length
      })
      if (results !== found * times) throw new Error(`${results / times} found, not ${found}`)
      const all = [...asked.entries()].map(([_id, value]) => ({ ...value, _id }))
      const baseline = milliseconds(() => {
        const cursor = new Query(filter as never, {}).find(all)
        if (sort !== undefined) cursor.sort(sort)
        if (limit !== undefined) cursor.limit(limit)
        if (cursor.all().length !== found) throw new Error('mingo finds something else')
      })
      return { [figure]: { value: taken / times, baseline } }
    },
  }
}

/** A thousandth of a step through all keys that looks like none. */
function keyAt(change: number): string {
  return `user ${(change * 7919) % entries}`
}

/**
 * Microseconds for a change of an indexed field; the index's part is what it takes beyond none. Now and
 * then somebody asks, since an index may leave work for that.
 */
function perChange(
  users: QueryableRegisters<User>,
  round: number,
  asked?: 'status' | 'at',
): number {
  const taken = milliseconds(() => {
    for (let change = 0; change < changes; change++) {
      const user = userOf(change * 31 + round + 1)
      users.set(keyAt(change), user)
      if (asked !== undefined && change % 100 === 0) users.count({ [asked]: user[asked] })
    }
  })
  return (taken * 1000) / changes
}

const aMoment = { filter: { at: { $gte: 5_000_000, $lt: 5_100_000 } } }

export const benchmarks: readonly Benchmark[] = [
  query('find-100', { filter: { status: 'status 7' } }, 100),
  query('find-range-100', aMoment, 100, { own: indexesByTime }),
  // Through the hour in which they are, of 3,600 users.
  query('find-in-bucket-100', aMoment, 100),
  query('find-intersection', { filter: { tags: { $all: ['tag 7'] }, age: 7 } }, 350),
  query('find-sorted-20', { filter: { status: 'status 7' }, sort: { at: -1 }, limit: 20 }, 20),
  query('find-first-20', { filter: {}, sort: { age: -1 }, limit: 20 }, 20),
  query('scan', { filter: { name: 'user 7' } }, 1, { times: 3 }),
  {
    figures: { 'build-100k': 'ms' },
    run() {
      const users = filled({})
      users.count()
      return { 'build-100k': milliseconds(() => users.createIndex('byStatus', 'status')) }
    },
  },
  {
    figures: { upkeep: 'us', 'upkeep-time': 'us' },
    run() {
      const [plain, byStatus, byTime] = [
        filled({}),
        filled({ byStatus: 'status' }),
        filled({ byTime: 'at' }),
      ]
      for (const users of [byStatus, byTime]) users.count()
      perChange(plain, 0)
      perChange(byStatus, 0, 'status')
      perChange(byTime, 0, 'at')
      const baseline = perChange(plain, 1)
      const status = perChange(byStatus, 1, 'status') - baseline
      const time = perChange(byTime, 1, 'at') - baseline
      if (byStatus.verifyIndexes().length > 0) throw new Error('the index has gone wrong')
      return { upkeep: { value: status, baseline }, 'upkeep-time': { value: time, baseline } }
    },
  },
  {
    // From the call of `set`, or from the update of another replica, until the listener has returned.
    figures: { 'live-local': 'ms', 'live-remote': 'ms' },
    run() {
      const users = filled(indexes)
      const [ours, theirs] = [new Y.Doc(), new Y.Doc()]
      const near = filled(indexes, ours)
      Y.applyUpdate(theirs, Y.encodeStateAsUpdate(ours))
      const far = open({}, theirs)
      let told = 0
      for (const one of [users, near]) {
        const live = one.live({ age: { $gte: 40 } }, { sort: { at: -1 }, limit: 50 })
        live.subscribe(() => {
          told += 1
        })
      }
      const local = milliseconds(() => {
        for (let change = 0; change < liveChanges; change++) users.set(keyAt(change), last(change))
      })
      const updates: Uint8Array[] = []
      theirs.on('update', update => updates.push(update))
      for (let change = 0; change < liveChanges; change++) far.set(keyAt(change), last(change))
      const remote = milliseconds(() => {
        for (const update of updates) Y.applyUpdate(ours, update)
      })
      if (told !== 2 * liveChanges) throw new Error(`told ${told} times`)
      return { 'live-local': local / liveChanges, 'live-remote': remote / liveChanges }
    },
  },
]

/** A user who comes first among the results. */
function last(change: number): User {
  return { ...userOf(change), age: 50, at: (entries + change) * 1_000 }
}
