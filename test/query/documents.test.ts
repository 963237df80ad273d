/** What the documents of AO and ElizaOS look up through indexes. */
import { describe, expect, it } from 'vitest'
import { definePartition, room } from '../../src/index.ts'
import { settle, startPair } from '../history/pair.ts'

const hour = 3_600_000

interface Memory {
  readonly userId: string
  readonly topic: string
  readonly timestamp: number
}
const Memories = definePartition<Memory>({
  name: 'memories',
  policy: 'last-write-wins',
  indexes: {
    userId: 'userId',
    hour: { on: 'timestamp', bucket: hour },
    topic: 'topic',
  },
})

describe('the state query engine of the ElizaOS document', () => {
  it('intersects users, hours and topics, also as others write', async () => {
    const { ann, bob } = await startPair()
    const [ofAnn, ofBob] = [
      await ann.open(room('r'), Memories),
      await bob.open(room('r'), Memories),
    ]
    expect(ofAnn.find({ topic: 'tea' })).toEqual([])
    for (let index = 0; index < 600; index++) {
      const topic = index % 3 === 0 ? 'tea' : 'rain'
      ofBob.set(`m${1000 + index}`, { userId: `u${index % 4}`, topic, timestamp: index * 60_000 })
    }
    await settle(ann, bob)
    const filter = { userId: 'u2', hour: 3, topic: 'tea' }
    const expected = [...ofBob]
      .filter(([, { userId, timestamp, topic }]) => {
        return userId === 'u2' && Math.floor(timestamp / hour) === 3 && topic === 'tea'
      })
      .map(([key]) => key)
    expect(ofAnn.find(filter).map(({ key }) => key)).toEqual(expected)
    expect(expected).toHaveLength(5)
    expect(ofAnn.explain(filter).examined).toBeLessThanOrEqual(60)
    expect(ofAnn.explain({ userId: 'u2', topic: 'tea' })).toMatchObject({
      plan: 'intersection',
      examined: 50,
      found: 50,
    })
  })

  it('finds the conversations that have been idle, for a cleanup', async () => {
    const { ann } = await startPair()
    const Conversations = definePartition<{ lastActivity: number }>({
      name: 'conversations',
      policy: 'last-write-wins',
      indexes: { byActivity: 'lastActivity' },
    })
    const conversations = await ann.open(room('r'), Conversations)
    for (let day = 0; day < 30; day++) conversations.set(`c${day}`, { lastActivity: day })
    const expired = conversations.find({ lastActivity: { $lt: 7 } }, { sort: { lastActivity: 1 } })
    expect(expired.map(({ key }) => key)).toEqual(['c0', 'c1', 'c2', 'c3', 'c4', 'c5', 'c6'])
    expect(conversations.explain({ lastActivity: { $lt: 7 } }).examined).toBe(7)
    for (const { key } of expired) conversations.delete(key)
    expect(conversations.count({ lastActivity: { $lt: 7 } })).toBe(0)
  })
})

interface User {
  readonly status: string
  readonly createdAt: number
}

describe('the indexes of the AO document', () => {
  it('are created, asked and rebuilt by name', async () => {
    const { ann, bob } = await startPair()
    const Users = definePartition<User>({ name: 'users', policy: 'last-write-wins' })
    const [users, far] = [await ann.open(room('r'), Users), await bob.open(room('r'), Users)]
    users.createIndex('usersByStatus', ({ status }) => status)
    users.createIndex('usersByDate', ({ createdAt }) =>
      new Date(createdAt).toISOString().slice(0, 7),
    )
    far.set('alice', { status: 'active', createdAt: Date.UTC(2025, 0, 31) })
    far.set('bob', { status: 'away', createdAt: Date.UTC(2025, 1, 1) })
    far.set('carol', { status: 'active', createdAt: Date.UTC(2025, 1, 2) })
    await settle(ann, bob)
    const keys = (filter: object) => users.find({ ...filter }).map(({ key }) => key)
    expect(keys({ usersByStatus: 'active' })).toEqual(['alice', 'carol'])
    expect(keys({ usersByDate: '2025-02' })).toEqual(['bob', 'carol'])
    expect(keys({ usersByDate: '2025-02', usersByStatus: 'active' })).toEqual(['carol'])
    far.set('alice', { status: 'away', createdAt: Date.UTC(2025, 0, 31) })
    far.delete('bob')
    await settle(ann, bob)
    expect(keys({ usersByStatus: 'away' })).toEqual(['alice'])
    expect(users.verifyIndexes()).toEqual([])
    users.rebuildIndexes('usersByStatus')
    expect(keys({ usersByStatus: 'active' })).toEqual(['carol'])
    expect(keys({ usersByStatus: 'nobody' })).toEqual([])
  })
})
