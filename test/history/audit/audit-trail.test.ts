import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import * as Y from 'yjs'
import { openAudit } from '../../../src/history/audit/audit-trail.ts'
import { defineHistory } from '../../../src/history/history-definition.ts'
import { createMemoryStorage, definePartition, openReplica, room } from '../../../src/index.ts'
import { manualTime } from '../../support/manual-time.ts'
import { apart, settle, startPair } from '../pair.ts'
import { type User, Users, UsersHistory } from '../users.ts'

const here = room('r1')
const day = 24 * 60 * 60 * 1000

async function open() {
  const pair = await startPair()
  const { ann, bob } = pair
  return {
    ...pair,
    anns: await ann.open(here, Users),
    bobs: await bob.open(here, Users),
    annTrail: await openAudit(ann, here, UsersHistory),
    bobTrail: await openAudit(bob, here, UsersHistory),
  }
}

describe('an audit trail', () => {
  it('records who changed what, from what, to what, and why', async () => {
    const { ann, bob, anns, bobs, annTrail, bobTrail } = await open()
    anns.set('alice', { name: 'Alice' })
    await settle(ann, bob)
    bobTrail.because('ticket 7', () => bobs.set('alice', { name: 'Alicia' }))
    await settle(ann, bob)
    anns.delete('alice')
    await settle(ann, bob)
    expect(bobTrail.changes({ key: 'alice', oldestFirst: true })).toMatchObject([
      { actor: 'ann', value: { name: 'Alice' }, previous: undefined, cause: undefined },
      { actor: 'bob', value: { name: 'Alicia' }, previous: { name: 'Alice' }, cause: 'ticket 7' },
      { actor: 'ann', value: undefined, previous: { name: 'Alicia' }, deleted: true },
    ])
    expect(annTrail.changes()).toEqual(bobTrail.changes())
    expect(annTrail.changes()[0]?.document).toBe('room:r1/users')
    expect(annTrail.verify()).toEqual({ changes: 3, problems: [] })
    expect(bobTrail.verify().problems).toEqual([])
  })

  it('goes on over tombstones that are reaped, and what comes in late for them', async () => {
    const { ann, bob, anns, bobs, annTrail, bobTrail } = await open()
    anns.set('alice', { name: 'Alice' })
    await settle(ann, bob)
    await apart([ann, bob], () => {
      bobs.set('alice', { name: 'late' })
      anns.delete('alice')
      while (anns.reap(['alice'], Date.now()) === 0); // within a millisecond
    })
    // Which of the two is the newer is up to chance where both came within a millisecond.
    const reaped = bobs.siblings('alice').filter(sibling => sibling.reaped)
    expect([reaped.length, bobs.siblings('alice').length]).toEqual([1, 2])
    expect([annTrail, bobTrail].map(trail => trail.verify().problems)).toEqual([[], []])
  })

  it('records both of two changes that did not see each other, and the answer to them', async () => {
    const { ann, bob, anns, bobs, annTrail } = await open()
    await apart([ann, bob], () => {
      anns.set('alice', { name: 'A' })
      bobs.set('alice', { name: 'B' })
    })
    anns.resolve('alice', { name: 'AB' })
    const [answer] = annTrail.changes({ key: 'alice' })
    expect(answer?.replaced.map(({ actor, value }) => [actor, value])).toEqual([
      ['bob', { name: 'B' }],
      ['ann', { name: 'A' }],
    ])
    expect(annTrail.verify().problems).toEqual([])
  })

  it('is asked by key, actor, cause and time', async () => {
    const time = manualTime()
    const replica = await openReplica({ actor: 'ann', storage: createMemoryStorage(), time })
    const trail = await openAudit(replica, here, UsersHistory, { time })
    const own = await replica.open(here, Users)
    const others = await replica.open(here, Users, { actor: 'carl' })
    own.set('a', { name: '1' })
    time.advance(1000)
    const from = time.now()
    others.set('a', { name: '2' })
    trail.because('import', () =>
      own.transact(() => {
        own.set('b', { name: '3' })
        own.set('c', { name: '4' })
      }),
    )
    const names = (query: Parameters<typeof trail.changes>[0]) =>
      trail.changes({ oldestFirst: true, ...query }).map(({ value }) => value?.name)
    expect(names({})).toEqual(['1', '2', '3', '4'])
    expect(names({ key: 'a' })).toEqual(['1', '2'])
    expect(names({ actor: 'carl' })).toEqual(['2'])
    expect(names({ cause: 'import' })).toEqual(['3', '4'])
    expect(names({ since: from })).toEqual(['2', '3', '4'])
    expect(names({ until: from - 1 })).toEqual(['1'])
    expect(names({ oldestFirst: false, limit: 1 })).toHaveLength(1)
    for (const query of [{ since: -1 }, { limit: Number.NaN }]) {
      expect(() => trail.changes(query)).toThrow(
        expect.objectContaining({ code: 'OPTION_INVALID' }),
      )
    }
    expect(() => trail.because('', () => 1)).toThrow(
      expect.objectContaining({ code: 'OPTION_INVALID' }),
    )
    await replica.close()
  })

  it('keeps the cause of what a listener writes, and records once however many trails are open', async () => {
    const { ann, anns, annTrail } = await open()
    const second = await openAudit(ann, here, UsersHistory)
    anns.subscribe(changes => {
      if (changes[0]?.key !== 'a') return
      annTrail.because('reaction', () => anns.set('b', { name: 'b' }))
    })
    annTrail.because('first', () => anns.set('a', { name: 'a' }))
    const causes = annTrail.changes({ oldestFirst: true }).map(({ key, cause }) => [key, cause])
    expect(causes).toEqual([
      ['a', 'first'],
      ['b', 'reaction'],
    ])
    expect(second.size).toBe(2)
    expect(second.verify()).toEqual({ changes: 2, problems: [] })
    second.close()
    expect(() => second.changes()).toThrow(expect.objectContaining({ code: 'CLOSED' }))
  })

  it('keeps a digest of what is too large', async () => {
    const Blobs = definePartition<string>({ name: 'blobs', policy: 'last-write-wins' })
    const replica = await openReplica({ actor: 'ann', storage: createMemoryStorage() })
    const trail = await openAudit(replica, here, defineHistory({ of: Blobs }))
    const blobs = await replica.open(here, Blobs)
    blobs.set('a', 'x'.repeat(600_000))
    blobs.set('a', 'y'.repeat(600_000))
    expect(trail.changes().map(({ kept, value }) => [kept, value?.length])).toEqual([
      [false, undefined],
      [true, 600_000],
    ])
    expect(trail.verify().problems).toEqual([])
    await replica.close()
  })
})

describe('tampering', () => {
  it('shows: a change without a record, and one that is adopted afterwards', async () => {
    const { fleet, ann, bob, anns, annTrail, bobTrail } = await open()
    const eve = await fleet.open('eve')
    const eves = await eve.open(here, Users)
    anns.set('a', { name: 'a' })
    await settle(ann, eve)
    eves.set('a', { name: 'evil' })
    await settle(eve, ann)
    expect(annTrail.verify().problems).toMatchObject([{ kind: 'unrecorded', key: 'a' }])
    // What is written over it does not hide it.
    anns.set('a', { name: 'again' })
    expect(annTrail.verify().problems).toMatchObject([{ kind: 'hidden', key: 'a' }])
    eves.set('b', { name: 'evil' })
    await settle(eve, ann)
    expect(annTrail.adopt()).toBe(1)
    await settle(ann, bob)
    expect(bobTrail.changes({ key: 'b' })).toMatchObject([{ actor: 'eve', adopted: true }])
    expect(bobTrail.verify().problems).toMatchObject([{ kind: 'hidden' }])
    expect(bobTrail.adopt()).toBe(0)
  })

  it('shows: records that were removed, put in another name, or say something else', async () => {
    const { ann, bob, anns, annTrail, bobTrail } = await open()
    anns.set('a', { name: 'a' })
    anns.set('b', { name: 'b' })
    await settle(ann, bob)
    const log = definePartition<unknown, 'log'>({ name: 'users-audit', policy: 'log' })
    const raw = await bob.open(here, { ...log, policy: 'crdt' as const })
    const [first] = bobTrail.changes({ key: 'a' })
    const forger = await bob.open(here, log)
    const { writer, timestamp, clock } = first as NonNullable<typeof first>
    forger.append({ k: 'c', w: writer, t: timestamp, a: 'ann', c: clock, v: { name: 'c' }, s: [] })
    forger.append({ nonsense: true })
    const lane = [...raw.doc.share.keys()].find(root => root === `lane:${writer}`) as string
    raw.doc.get(lane, Y.Array).delete(0, 1)
    await settle(bob, ann)
    const kinds = annTrail.verify().problems.map(({ kind }) => kind)
    expect(kinds).toEqual(expect.arrayContaining(['chain', 'invalid', 'forged']))
  })
})

it('takes the record of a writer before any other’s, whichever came first', async () => {
  const { ann, bob, anns, annTrail, bobTrail } = await open()
  const log = definePartition<unknown, 'log'>({ name: 'users-audit', policy: 'log' })
  const forger = await bob.open(here, log)
  bob.disconnect()
  anns.set('a', { name: 'true' })
  const [first] = annTrail.changes()
  const { writer, timestamp, clock } = first as NonNullable<typeof first>
  const forged = {
    k: 'a',
    w: writer,
    t: timestamp,
    a: 'ann',
    c: clock,
    v: { name: 'false' },
    s: [],
  }
  forger.append(forged)
  forger.append({ ...forged, f: true })
  expect(bobTrail.changes()).toMatchObject([{ value: { name: 'false' } }])
  await settle(ann, bob)
  for (const trail of [annTrail, bobTrail]) {
    expect(trail.changes()).toMatchObject([{ value: { name: 'true' } }])
    expect(trail.verify().problems).toMatchObject([{ error: { code: 'ENTRY_FORGED' } }])
  }
})

describe('the retention of a trail', () => {
  const Short = defineHistory({ of: Users, retentionMilliseconds: 2 * day })

  it('drops whole logs, and leaves no gap in those that stay', async () => {
    const time = manualTime()
    const replica = await openReplica({ actor: 'ann', storage: createMemoryStorage(), time })
    const trail = await openAudit(replica, here, Short, { time })
    const users = await replica.open(here, Users)
    for (let n = 0; n < 10; n++) {
      users.set('a', { name: String(n) })
      await time.advanceAsync(day)
    }
    const names = trail.changes({ oldestFirst: true }).map(({ value }) => value?.name)
    expect(names).toEqual(['8', '9'])
    expect(trail.horizon).toBe(time.now() - 2 * day)
    expect(trail.verify().problems).toEqual([])
    expect(await trail.prune()).toBeGreaterThan(2)
    expect(await trail.prune()).toBe(0)
    expect(trail.changes()).toHaveLength(2)
    await replica.close()
  })

  it('goes on with the logs of another time, also when the replica ends first', async () => {
    const time = manualTime()
    const replica = await openReplica({ actor: 'ann', storage: createMemoryStorage(), time })
    const trail = await openAudit(replica, here, Short, { time })
    const problems: unknown[] = []
    trail.onProblem(problem => problems.push(problem))
    await replica.close()
    await time.advanceAsync(10 * day)
    expect(problems).toEqual([])
    await expect(openAudit(replica, here, Short)).rejects.toThrow(
      expect.objectContaining({ code: 'CLOSED' }),
    )
  })

  it('leaves no timer behind when the replica ends', async () => {
    const time = manualTime()
    const replica = await openReplica({ actor: 'ann', storage: createMemoryStorage(), time })
    const before = time.pending
    await openAudit(replica, here, Short, { time })
    const closed = await openAudit(replica, here, Short, { time })
    expect(time.pending).toBeGreaterThan(before)
    closed.close()
    await replica.close()
    expect(time.pending).toBe(0)
  })

  it('is pruned by the owner alone where one is declared', async () => {
    const replica = await openReplica({ actor: 'ann', storage: createMemoryStorage() })
    const trail = await openAudit(replica, here, defineHistory({ of: Users, owner: 'bob' }))
    await expect(trail.prune()).rejects.toThrow(expect.objectContaining({ code: 'OWNER_ONLY' }))
    await replica.close()
  })

  it('is at least a second, of registers only', () => {
    expect(() => defineHistory({ of: Users, retentionMilliseconds: 5 })).toThrow(
      expect.objectContaining({ code: 'OPTION_INVALID' }),
    )
    const Log = definePartition({ name: 'log', policy: 'log' })
    expect(() => defineHistory({ of: Log })).toThrow(
      expect.objectContaining({ code: 'PARTITION_INVALID' }),
    )
  })
})

it('converges with the state it tells of, whatever is written when', async () => {
  const step = fc.record({
    who: fc.constantFrom('ann', 'bob'),
    key: fc.constantFrom('a', 'b'),
    value: fc.option(fc.string({ maxLength: 3 })),
    sync: fc.boolean(),
  })
  await fc.assert(
    fc.asyncProperty(fc.array(step, { maxLength: 12 }), async steps => {
      const { fleet, ann, bob, anns, bobs, annTrail, bobTrail } = await open()
      for (const { who, key, value, sync } of steps) {
        const users = who === 'ann' ? anns : bobs
        if (value === null) users.delete(key)
        else users.set(key, { name: value } as User)
        if (sync) await settle(ann, bob)
      }
      await settle(ann, bob)
      expect(annTrail.changes()).toEqual(bobTrail.changes())
      expect(annTrail.verify().problems).toEqual([])
      for (const replica of [ann, bob]) await replica.close()
      fleet.cut()
    }),
    { numRuns: 12 },
  )
})
