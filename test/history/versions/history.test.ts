import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { defineHistory, type HistoryDefinition } from '../../../src/history/history-definition.ts'
import {
  type ConcurrentWrite,
  type History,
  openHistory,
} from '../../../src/history/versions/history.ts'
import {
  createMemoryStorage,
  definePartition,
  openReplica,
  type Replica,
  room,
} from '../../../src/index.ts'
import { type ManualTime, manualTime } from '../../support/manual-time.ts'
import { apart, settle, startPair } from '../pair.ts'
import { type User, Users, UsersHistory } from '../users.ts'

const here = room('r1')
const coded = (code: string) => expect.objectContaining({ code })
const contents = <Value>(view: Iterable<[string, Value]>) => Object.fromEntries(view)

async function openPair(definition: HistoryDefinition<User, 'last-write-wins'> = UsersHistory) {
  const pair = await startPair()
  const { ann, bob } = pair
  return {
    ...pair,
    anns: await ann.open(here, Users),
    bobs: await bob.open(here, Users),
    annHistory: await openHistory(ann, here, definition),
    bobHistory: await openHistory(bob, here, definition),
  }
}

async function alone<Result>(
  run: (parts: { time: ManualTime; replica: Replica }) => Promise<Result>,
): Promise<Result> {
  const time = manualTime()
  const replica = await openReplica({ actor: 'ann', storage: createMemoryStorage(), time })
  try {
    return await run({ time, replica })
  } finally {
    await replica.close()
  }
}

describe('versions', () => {
  it('are seen by everybody, and compared', async () => {
    const { ann, bob, anns, annHistory, bobHistory } = await openPair()
    anns.set('a', { name: 'A' })
    anns.set('b', { name: 'B' })
    const first = annHistory.snapshot('first')
    anns.set('a', { name: 'AA' })
    anns.delete('b')
    anns.set('c', { name: 'C' })
    const second = annHistory.snapshot('second')
    await settle(ann, bob)
    expect(bobHistory.versions()).toEqual([second, first])
    expect(contents(bobHistory.at('first'))).toEqual({ a: { name: 'A' }, b: { name: 'B' } })
    expect(bobHistory.diff('first', 'second')).toMatchObject([
      { key: 'a', kind: 'changed', before: { name: 'A' }, after: { name: 'AA' } },
      { key: 'b', kind: 'removed' },
      { key: 'c', kind: 'added' },
    ])
    expect(bobHistory.diff(second.id)).toEqual([])
    bobHistory.deleteVersion('first')
    expect(() => bobHistory.at('first')).toThrow(coded('VERSION_UNKNOWN'))
  })

  it('keeps the last of those with a name, and of the automatic ones', async () => {
    const definition = defineHistory({ of: Users, versionsMax: 3, automaticChanges: 2 })
    const { anns, annHistory } = await openPair(definition)
    for (let n = 0; n < 10; n++) anns.set('a', { name: String(n) })
    for (let n = 0; n < 5; n++) annHistory.snapshot(`v${n}`)
    const names = annHistory.versions().map(({ name }) => name)
    expect(names.filter(name => name !== undefined)).toEqual(['v4', 'v3', 'v2'])
    expect(names).toHaveLength(6)
    expect(() => annHistory.rollback('v0')).toThrow(coded('VERSION_UNKNOWN'))
    expect(contents(anns)).toEqual({ a: { name: '9' } })
  })

  it('are kept whole when they are larger than one value may be', async () => {
    await alone(async ({ replica, time }) => {
      const Blobs = definePartition<string, 'last-write-wins'>({
        name: 'blobs',
        policy: 'last-write-wins',
      })
      const history = await openHistory(replica, here, defineHistory({ of: Blobs }), { time })
      const blobs = await replica.open(here, Blobs)
      for (let n = 0; n < 8; n++) blobs.set(`k${n}`, String(n).repeat(300_000))
      history.snapshot('big')
      for (let n = 0; n < 8; n++) blobs.delete(`k${n}`)
      history.rollback('big')
      expect(blobs.get('k7')).toBe('7'.repeat(300_000))
      expect(history.diff('big')).toEqual([])
    })
  })
})

describe('time travel', () => {
  it('shows the state at any time, and does not change with it', async () => {
    await alone(async ({ replica, time }) => {
      const users = await replica.open(here, Users)
      users.set('old', { name: 'before the trail' })
      time.advance(10)
      const history = await openHistory(replica, here, UsersHistory, { time })
      const moments: [number, unknown][] = []
      const step = (fn: () => void) => {
        fn()
        moments.push([time.now(), contents(users)])
        time.advance(10)
      }
      step(() => users.set('a', { name: '1' }))
      step(() => users.set('a', { name: '2' }))
      step(() => users.delete('a'))
      step(() => users.set('old', { name: 'changed' }))
      step(() => users.set('a', { name: '3' }))
      const views = moments.map(([at]) => history.at(at))
      users.set('a', { name: 'later' })
      expect(views.map(contents)).toEqual(moments.map(([, state]) => state))
      expect(contents(history.at(moments[0]?.[0] as number))).toEqual({
        old: { name: 'before the trail' },
        a: { name: '1' },
      })
      expect(
        history.diff(new Date(moments[2]?.[0] as number), moments[4]?.[0] as number),
      ).toHaveLength(2)
      expect(() => history.at(Number.NaN)).toThrow(coded('OPTION_INVALID'))
      expect(() => history.at('nothing')).toThrow(coded('VERSION_UNKNOWN'))
    })
  })

  it('reads siblings of that time by the policy, the same everywhere', async () => {
    const { ann, bob, anns, bobs, annHistory, bobHistory } = await openPair()
    await apart([ann, bob], () => {
      anns.set('a', { name: 'A' })
      bobs.set('a', { name: 'B' })
    })
    const at = Date.now()
    while (Date.now() === at);
    anns.set('a', { name: 'merged' })
    await settle(ann, bob)
    expect(contents(annHistory.at(at))).toEqual({ a: { name: 'B' } })
    expect(contents(bobHistory.at(at))).toEqual({ a: { name: 'B' } })
  })

  it('is declared of a partition', () => {
    expect(() => defineHistory({} as Parameters<typeof defineHistory>[0])).toThrow(
      expect.objectContaining({ code: 'PARTITION_INVALID' }),
    )
  })

  it('refuses what is older than the retention', async () => {
    await alone(async ({ replica, time }) => {
      const definition = defineHistory({ of: Users, retentionMilliseconds: 10_000 })
      const history = await openHistory(replica, here, definition, { time })
      const users = await replica.open(here, Users)
      const start = time.now()
      users.set('a', { name: 'a' })
      await time.advanceAsync(60_000)
      expect(() => history.at(start)).toThrow(coded('HISTORY_TRIMMED'))
      expect(() => history.undo('ann', { since: start })).toThrow(coded('HISTORY_TRIMMED'))
      expect(contents(history.at(time.now()))).toEqual({ a: { name: 'a' } })
    })
  })
})

describe('a rollback', () => {
  it('is a change that peers merge; concurrent writes survive and are reported', async () => {
    const { ann, bob, anns, bobs, annHistory, bobHistory } = await openPair()
    anns.set('a', { name: 'good' })
    anns.set('b', { name: 'good' })
    annHistory.snapshot('good')
    anns.set('a', { name: 'bad' })
    anns.set('b', { name: 'bad' })
    await settle(ann, bob)
    const heard: ConcurrentWrite<User>[] = []
    annHistory.onConcurrent(write => heard.push(write))
    await apart([ann, bob], () => {
      bobs.set('a', { name: 'of bob' })
      bobs.set('c', { name: 'new' })
      expect(annHistory.rollback('good').changes).toHaveLength(2)
    })
    bobs.set('b', { name: 'after' })
    await settle(ann, bob)
    for (const history of [annHistory, bobHistory]) {
      const [reversal] = history.reversals()
      expect(reversal).toMatchObject({ kind: 'rollback', target: 'good', actor: 'ann' })
      const { concurrent = [] } = reversal ?? {}
      expect(concurrent.map(({ key }) => key)).toContain('a')
      expect(concurrent.map(({ key }) => key)).not.toContain('b')
    }
    expect(heard.map(({ change }) => change.key)).toContain('a')
    expect(
      anns
        .siblings('a')
        .map(({ value }) => value?.name)
        .sort(),
    ).toEqual(['good', 'of bob'])
    expect(anns.conflicts()).toMatchObject([{ key: 'a' }])
    expect(anns.get('c')).toEqual({ name: 'new' })
    expect(anns.get('b')).toEqual({ name: 'after' })
    expect(annHistory.audit.changes({ cause: 'rollback good' })).toHaveLength(2)
  })

  it('only tells what it would do, goes to a time too, and can itself be rolled back', async () => {
    await alone(async ({ replica, time }) => {
      const history = await openHistory(replica, here, UsersHistory, { time })
      const users = await replica.open(here, Users)
      users.set('a', { name: '1' })
      const then = time.now()
      time.advance(10)
      users.set('a', { name: '2' })
      history.snapshot('two')
      expect(history.rollback(then, { dryRun: true }).changes).toHaveLength(1)
      expect(users.get('a')).toEqual({ name: '2' })
      expect(history.reversals()).toEqual([])
      history.rollback(then)
      expect(users.get('a')).toEqual({ name: '1' })
      history.rollback('two')
      expect(users.get('a')).toEqual({ name: '2' })
      history.rollback('two')
      expect(history.reversals()).toHaveLength(3)
    })
  })

  it('is the owner’s alone where one is declared', async () => {
    const Owned = defineHistory({ of: Users, owner: 'ann' })
    const { ann, bob, anns, bobs, annHistory, bobHistory } = await openPair(Owned)
    anns.set('a', { name: 'a' })
    annHistory.snapshot('v')
    await settle(ann, bob)
    bobs.set('a', { name: 'b' })
    for (const forbidden of [
      () => bobHistory.snapshot('mine'),
      () => bobHistory.rollback('v'),
      () => bobHistory.undo('ann', { since: 0 }),
      () => bobHistory.deleteVersion('v'),
    ]) {
      expect(forbidden).toThrow(coded('OWNER_ONLY'))
    }
    expect(bobs.get('a')).toEqual({ name: 'b' })
    // A version that somebody else has put there is not shown.
    const free = await openHistory(bob, here, UsersHistory)
    free.snapshot('forged')
    expect(bobHistory.versions().map(({ name }) => name)).toEqual(['v'])
  })

  it('writes nothing when a value breaks the schema of now', async () => {
    await alone(async ({ replica, time }) => {
      const Loose = definePartition<User, 'last-write-wins'>({
        name: 'users',
        policy: 'last-write-wins',
      })
      const loose = await replica.open(here, Loose)
      const history = await openHistory(replica, here, UsersHistory, { time })
      loose.set('a', { name: 1 } as never)
      loose.set('b', { name: 'b' })
      history.snapshot('broken')
      loose.set('b', { name: 'c' })
      loose.set('a', { name: 'fine' })
      expect(() => history.rollback('broken')).toThrow(coded('VALUE_INVALID'))
      expect(contents(loose)).toEqual({ a: { name: 'fine' }, b: { name: 'c' } })
      expect(history.reversals()).toEqual([])
    })
  })
})

describe('an undo', () => {
  it('takes back what one actor did, and lists what others built on it', async () => {
    const { ann, bob, anns, bobs, annHistory, bobHistory } = await openPair()
    anns.set('a', { name: 'ann' })
    anns.set('b', { name: 'ann' })
    await settle(ann, bob)
    const since = Date.now()
    bobs.set('a', { name: 'bob 1' })
    bobs.set('a', { name: 'bob 2' })
    bobs.delete('b')
    bobs.set('c', { name: 'bob' })
    bobs.set('d', { name: 'bob' })
    await settle(ann, bob)
    anns.set('d', { name: 'ann on bob' })
    const plan = annHistory.undo('bob', { since, dryRun: true })
    expect(anns.get('a')).toEqual({ name: 'bob 2' })
    const done = annHistory.undo('bob', { since })
    expect({ ...done, id: undefined }).toEqual(plan)
    expect(done.undone).toHaveLength(5)
    expect(done.derived).toMatchObject([{ key: 'd', actor: 'ann' }])
    await settle(ann, bob)
    expect(contents(bobs)).toEqual({
      a: { name: 'ann' },
      b: { name: 'ann' },
      d: { name: 'ann on bob' },
    })
    expect(bobHistory.reversals()).toMatchObject([{ kind: 'undo', target: 'bob', concurrent: [] }])
  })

  it('leaves the other of two siblings standing', async () => {
    const { ann, bob, anns, bobs, annHistory } = await openPair()
    anns.set('a', { name: 'base' })
    await settle(ann, bob)
    const since = Date.now()
    await apart([ann, bob], () => {
      anns.set('a', { name: 'of ann' })
      bobs.set('a', { name: 'of bob' })
    })
    annHistory.undo('bob', { since })
    expect(anns.siblings('a').map(({ value }) => value)).toEqual([{ name: 'of ann' }])
  })

  it('brings nothing back that somebody else has replaced, too', async () => {
    const Joined = definePartition<string[]>({
      name: 'joined',
      policy: siblings => siblings.flatMap(({ value }) => value ?? []).sort(),
    })
    const { ann, bob } = await startPair()
    const anns = await ann.open(here, Joined)
    const bobs = await bob.open(here, Joined)
    const history = await openHistory(ann, here, defineHistory({ of: Joined }))
    const other = await openHistory(bob, here, defineHistory({ of: Joined }))
    anns.set('a', ['base'])
    await settle(ann, bob)
    const since = Date.now()
    await apart([ann, bob], () => {
      anns.set('a', ['of ann'])
      bobs.set('a', ['of bob'])
    })
    expect(anns.get('a')).toEqual(['of ann', 'of bob'])
    expect(other.at(Date.now()).get('a')).toEqual(['of ann', 'of bob'])
    history.undo('bob', { since })
    expect(anns.get('a')).toEqual(['of ann'])
  })

  it('leaves alone what it cannot know', async () => {
    const { fleet, ann, annHistory, anns } = await openPair()
    const eve = await fleet.open('eve')
    const eves = await eve.open(here, Users)
    eves.set('a', { name: 'evil' })
    await settle(eve, ann)
    annHistory.audit.adopt()
    expect(annHistory.undo('eve', { since: 0 })).toMatchObject({ changes: [], unknown: ['a'] })
    expect(anns.get('a')).toEqual({ name: 'evil' })
  })
})

it('finds the state of every moment again, on every replica', async () => {
  const step = fc.record({
    who: fc.constantFrom('ann', 'bob'),
    key: fc.constantFrom('a', 'b', 'c'),
    value: fc.option(fc.string({ maxLength: 3 })),
  })
  const read = (history: History<User>, at: number) => contents(history.at(at))
  await fc.assert(
    fc.asyncProperty(fc.array(step, { maxLength: 10 }), async steps => {
      const time = manualTime()
      const { fleet } = await startPair()
      const ann = await fleet.open('ann', { time })
      const bob = await fleet.open('bob', { time })
      const users = { ann: await ann.open(here, Users), bob: await bob.open(here, Users) }
      const annHistory = await openHistory(ann, here, UsersHistory, { time })
      const bobHistory = await openHistory(bob, here, UsersHistory, { time })
      const moments: [number, unknown][] = []
      for (const { who, key, value } of steps) {
        if (value === null) users[who as 'ann'].delete(key)
        else users[who as 'ann'].set(key, { name: value })
        await settle(ann, bob)
        moments.push([time.now(), contents(users.ann)])
        time.advance(1)
      }
      for (const [at, state] of moments) {
        expect(read(annHistory, at)).toEqual(state)
        expect(read(bobHistory, at)).toEqual(state)
      }
      for (const replica of [ann, bob]) await replica.close()
    }),
    { numRuns: 8 },
  )
})
