import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { z } from 'zod'
import { defineHistory } from '../../../src/history/history-definition.ts'
import { openMigrated } from '../../../src/history/migrations/migrated-partition.ts'
import {
  defineMigrations,
  type MigrationStep,
  storedPartition,
} from '../../../src/history/migrations/migration-definition.ts'
import { openHistory } from '../../../src/history/versions/history.ts'
import { createMemoryStorage, definePartition, openReplica, room } from '../../../src/index.ts'
import { apart, settle, startPair } from '../pair.ts'

const here = room('r1')
const coded = (code: string) => expect.objectContaining({ code })
const contents = <Value>(view: Iterable<[string, Value]>) => Object.fromEntries(view)

// Version 1: a balance is a number. 2: it is available and locked. 3: it has a currency, too.
const policy = 'last-write-wins'
const V1 = defineMigrations({
  of: definePartition<number, typeof policy>({ name: 'balances', policy }),
  steps: [],
})
interface Split {
  available: number
  locked: number
  since?: number | undefined
}
const toSplit: MigrationStep = {
  to: 2,
  up: (balance: number, { time }) => ({ available: balance, locked: 0, since: time }),
  down: ({ available, locked }: Split) => available + locked,
}
const splitSchema = z.object({
  available: z.number().nonnegative(),
  locked: z.number(),
  since: z.number().optional(),
})
const V2 = defineMigrations({
  of: definePartition({ name: 'balances', policy, version: 2, schema: splitSchema }),
  steps: [toSplit],
})
const V3 = defineMigrations({
  of: definePartition<Split & { currency: string }, typeof policy>({
    name: 'balances',
    policy,
    version: 3,
  }),
  steps: [toSplit, { to: 3, up: (split: Split) => ({ ...split, currency: 'EUR' }) }],
  owner: 'ann',
})

describe('a value beside a deletion', () => {
  it('counts as stored for whoever opens the partition, before or after they met', async () => {
    const { ann, bob } = await startPair()
    const before = await openMigrated(bob, here, V2)
    const old = await openMigrated(ann, here, V1)
    old.set('x', 5)
    await settle(ann, bob)
    await apart([ann, bob], () => {
      old.set('x', 6)
      before.delete('x') // the later one: of the same time, by the name of the actor
    })
    expect(before.get('x')).toBeUndefined()
    const after = await openMigrated(bob, here, V2)
    expect(after.status()).toEqual(before.status())
    expect(after.status()).toMatchObject({ active: 1, entries: { 1: 1 } })
    expect(after.migrate({ dryRun: true }).changes).toMatchObject([{ key: 'x', before: 6 }])
  })
})

describe('replicas on two versions', () => {
  it('read and write each other’s values, as far as steps lead back', async () => {
    const { ann, bob } = await startPair()
    const old = await openMigrated(ann, here, V1)
    const young = await openMigrated(bob, here, V2)
    old.set('x', 5)
    await settle(ann, bob)
    expect(young.get('x')).toMatchObject({ available: 5, locked: 0 })
    young.set('x', { available: 4, locked: 1 })
    young.set('y', { available: 7, locked: 0 })
    await settle(ann, bob)
    expect(contents(old)).toEqual({ x: 5, y: 7 })
    old.set('y', 8)
    await settle(ann, bob)
    expect(young.get('y')).toMatchObject({ available: 8, locked: 0 })
    expect(young.get('x')).toEqual({ available: 4, locked: 1 })
    expect(young.status()).toMatchObject({ version: 2, active: 1, entries: { 1: 1, 2: 1 } })
  })

  it('refuse clearly where no step leads back, and replace nothing that they cannot read', async () => {
    const { ann, bob } = await startPair()
    const old = await openMigrated(bob, here, V1)
    const young = await openMigrated(ann, here, V3)
    old.set('x', 5)
    await settle(ann, bob)
    const value = { available: 1, locked: 0, currency: 'USD' }
    expect(() => young.set('x', value)).toThrow(coded('MIGRATION_PENDING'))
    expect(() => young.transact(() => young.set('x', value))).toThrow(coded('MIGRATION_PENDING'))
    expect(young.migrate()).toMatchObject({ from: 1, to: 3, failures: [] })
    young.set('x', value)
    young.set('z', value)
    await settle(ann, bob)
    expect(() => old.get('x')).toThrow(coded('SCHEMA_NEWER'))
    expect(() => old.set('x', 1)).toThrow(coded('SCHEMA_NEWER'))
    expect(() => old.delete('x')).toThrow(coded('SCHEMA_NEWER'))
    expect([...old.keys()]).toEqual([])
    expect(old.problems().map(({ key, error }) => [key, error.code])).toEqual([
      ['x', 'SCHEMA_NEWER'],
      ['z', 'SCHEMA_NEWER'],
    ])
    expect(() => old.migrate()).toThrow(coded('SCHEMA_NEWER'))
    // It has upgraded.
    const upgraded = await openMigrated(bob, here, V3)
    expect(contents(upgraded)).toEqual({ x: value, z: value })
  })

  it('meet on a version in between where the steps behind it lead back', async () => {
    const { ann, bob } = await startPair()
    const { down: _, ...oneWay } = toSplit
    const middle = defineMigrations({ of: V2.of, steps: [oneWay] })
    const back: MigrationStep = {
      to: 3,
      up: (split: Split) => ({ ...split, currency: 'EUR' }),
      down: ({ currency: _, ...split }: Split & { currency: string }) => split,
    }
    const latest = defineMigrations({ of: V3.of, steps: [oneWay, back], owner: 'ann' })
    const old = await openMigrated(bob, here, V1)
    const young = await openMigrated(ann, here, latest)
    old.set('x', 5)
    await settle(ann, bob)
    const value = { available: 1, locked: 0, currency: 'USD' }
    expect(() => young.set('x', value)).toThrow(coded('MIGRATION_PENDING'))
    for (const wrong of [{ to: 4 }, { to: 0 }, { to: 1.5 }, { from: 2 }]) {
      expect(() => young.migrate(wrong)).toThrow(coded('OPTION_INVALID'))
    }
    expect(young.migrate({ from: 1, to: 2, dryRun: true })).toMatchObject({ from: 1, to: 2 })
    expect(young.status().active).toBe(1)
    expect(young.migrate({ from: 1, to: 2 })).toMatchObject({ from: 1, to: 2, failures: [] })
    young.set('y', value)
    await settle(ann, bob)
    const between = await openMigrated(bob, here, middle)
    expect(between.get('y')).toEqual({ available: 1, locked: 0 })
    expect(between.get('x')).toMatchObject({ available: 5, locked: 0 })
    expect(() => young.migrate({ to: 1 })).toThrow(coded('SCHEMA_NEWER'))
    expect(young.migrate()).toMatchObject({ from: 2, to: 3 })
    expect(young.status().active).toBe(3)
  })

  it('find a write of the old version beside one of the new one', async () => {
    const { ann, bob } = await startPair()
    const old = await openMigrated(ann, here, V1)
    const young = await openMigrated(bob, here, V2)
    await apart([ann, bob], () => {
      old.set('x', 5)
      young.set('x', { available: 1, locked: 1 })
      old.set('same', 3)
      young.set('same', { available: 3, locked: 0 })
    })
    expect(old.conflicts().map(({ key }) => key)).toEqual(['x'])
    expect(
      young
        .siblings('x')
        .map(({ value }) => value?.available)
        .sort(),
    ).toEqual([1, 5])
    young.resolve('x', { available: 6, locked: 0 })
    await settle(ann, bob)
    expect(old.get('x')).toBe(6)
    expect(old.conflicts()).toEqual([])
  })
})

describe('a migration', () => {
  it('gives the same wherever it is run, at once too, and is no conflict', async () => {
    const { ann, bob } = await startPair()
    const before = await ann.open(here, storedPartition(V1))
    for (let n = 0; n < 20; n++) before.set(`k${n}`, n)
    await settle(ann)
    const anns = await openMigrated(ann, here, V2)
    const bobs = await openMigrated(bob, here, V2)
    await settle(ann, bob)
    await apart([ann, bob], () => {
      anns.migrate()
      bobs.migrate()
      anns.migrate()
    })
    expect(contents(anns)).toEqual(contents(bobs))
    expect(contents(anns).k7).toMatchObject({ available: 7, locked: 0 })
    expect([...anns.conflicts(), ...bobs.conflicts()]).toEqual([])
    expect(anns.status().migrations).toEqual(bobs.status().migrations)
    expect(anns.status()).toMatchObject({ active: 2, entries: { 1: 20 } })
  })

  it('is tried first, and leaves everything as it is when an entry fails', async () => {
    const { ann, bob } = await startPair()
    const old = await openMigrated(ann, here, V1)
    old.set('fine', 5)
    old.set('overdrawn', -5)
    await settle(ann, bob)
    const young = await openMigrated(bob, here, V2)
    const plan = young.migrate({ dryRun: true })
    expect(plan.changes).toMatchObject([
      { key: 'fine', version: 1, before: 5, after: { available: 5 } },
    ])
    expect(plan.failures).toMatchObject([{ key: 'overdrawn', error: { code: 'MIGRATION_FAILED' } }])
    expect(() => young.migrate()).toThrow(coded('MIGRATION_FAILED'))
    await settle(ann, bob)
    expect(young.status().migrations).toEqual([])
    expect(contents(old)).toEqual({ fine: 5, overdrawn: -5 })
    old.delete('overdrawn')
    await settle(ann, bob)
    expect(young.migrate()).toMatchObject({ from: 1, to: 2 })
  })

  it('is refused where a step throws or looks at more than its value', async () => {
    const { ann } = await startPair()
    const old = await openMigrated(ann, here, V1)
    old.set('x', 1)
    let runs = 0
    const steps: [string, MigrationStep['up']][] = [
      [
        'throws',
        () => {
          throw new Error('no')
        },
      ],
      ['counts', () => ({ available: runs++, locked: 0 })],
      ['gives nothing', () => undefined],
      ['is asynchronous', async () => 1],
      ['cannot be stored', () => () => 1],
    ]
    for (const [, up] of steps) {
      const Bad = defineMigrations({
        of: definePartition<unknown, typeof policy>({ name: 'balances', policy, version: 2 }),
        steps: [{ to: 2, up }],
      })
      const bad = await openMigrated(ann, here, Bad)
      expect(() => bad.migrate()).toThrow(coded('MIGRATION_FAILED'))
      expect(bad.status().migrations).toEqual([])
      bad.close()
    }
    expect(contents(old)).toEqual({ x: 1 })
  })

  it('is the owner’s alone where one is declared; a mark by somebody else does not count', async () => {
    const { ann, bob } = await startPair()
    const old = await openMigrated(ann, here, V1)
    old.set('x', 1)
    await settle(ann, bob)
    const bobs = await openMigrated(bob, here, V3)
    expect(() => bobs.migrate()).toThrow(coded('OWNER_ONLY'))
    expect(() => bobs.migrate({ dryRun: true })).toThrow(coded('OWNER_ONLY'))
    const free = await openMigrated(bob, here, defineMigrations({ of: V3.of, steps: V3.steps }))
    free.migrate()
    expect(bobs.status().migrations).toEqual([])
    const anns = await openMigrated(ann, here, V3)
    await settle(ann, bob)
    anns.migrate()
    await settle(ann, bob)
    expect(bobs.status()).toMatchObject({ active: 3, migrations: [{ version: 3, actor: 'ann' }] })
  })

  it('needs a step to each version', () => {
    const of = definePartition({ name: 'p', policy, version: 3 })
    const step = (to: number): MigrationStep => ({ to, up: value => value })
    for (const steps of [[], [step(3), step(2)], [step(2)], [step(2), step(3), step(4)]]) {
      expect(() => defineMigrations({ of, steps })).toThrow(coded('PARTITION_INVALID'))
    }
  })
})

describe('a partition with migrations', () => {
  it('is a partition: transactions, schema, subscriptions, deletions', async () => {
    const { ann, bob } = await startPair()
    const anns = await openMigrated(ann, here, V2)
    const bobs = await openMigrated(bob, here, V2)
    const heard: unknown[] = []
    bobs.subscribe(changes => heard.push(...changes.map(({ key, value }) => [key, value])))
    const value = { available: 1, locked: 0 }
    expect(() => anns.set('x', { available: -1, locked: 0 })).toThrow(coded('VALUE_INVALID'))
    expect(() => anns.set('', value)).toThrow(coded('KEY_INVALID'))
    expect(() =>
      anns.transact(() => {
        anns.set('x', value)
        throw new Error('no')
      }),
    ).toThrow('no')
    anns.transact(() => {
      anns.set('x', value)
      expect(anns.get('x')).toEqual(value)
      anns.set('y', value)
      expect(anns.size).toBe(2)
      expect(anns.delete('y')).toBe(true)
    })
    await settle(ann, bob)
    expect(heard).toEqual([['x', value]])
    expect(bobs.delete('x')).toBe(true)
    await settle(ann, bob)
    expect(anns.has('x')).toBe(false)
    anns.close()
    expect(() => anns.get('x')).toThrow(coded('CLOSED'))
  })

  it('decides between forms of several versions by its own policy', async () => {
    const { ann, bob } = await startPair()
    const Greatest1 = defineMigrations({
      of: definePartition<number>({
        name: 'top',
        policy: siblings => Math.max(...siblings.map(({ value }) => value ?? 0)),
      }),
      steps: [],
    })
    const Greatest2 = defineMigrations({
      of: definePartition<{ n: number }>({
        name: 'top',
        version: 2,
        policy: siblings => ({ n: Math.max(...siblings.map(({ value }) => value?.n ?? 0)) }),
      }),
      steps: [{ to: 2, up: n => ({ n }), down: ({ n }) => n }],
    })
    const old = await openMigrated(ann, here, Greatest1)
    const young = await openMigrated(bob, here, Greatest2)
    await apart([ann, bob], () => {
      old.set('x', 9)
      young.set('x', { n: 5 })
    })
    expect([old.get('x'), young.get('x')]).toEqual([9, { n: 9 }])
  })

  it('has a history, which goes back over a migration', async () => {
    const replica = await openReplica({ actor: 'ann', storage: createMemoryStorage() })
    const old = await openMigrated(replica, here, V1)
    const history = await openHistory(replica, here, defineHistory({ of: storedPartition(V2) }))
    old.set('x', 5)
    history.snapshot('before')
    const young = await openMigrated(replica, here, V2)
    young.migrate()
    young.set('x', { available: 1, locked: 1 })
    history.rollback('before')
    expect(young.get('x')).toMatchObject({ available: 5, locked: 0 })
    await replica.close()
  })
})

it('shows the same to every version, whoever wrote what when', async () => {
  const step = fc.record({
    young: fc.boolean(),
    key: fc.constantFrom('a', 'b'),
    value: fc.option(fc.nat(9)),
    sync: fc.boolean(),
  })
  await fc.assert(
    fc.asyncProperty(fc.array(step, { maxLength: 12 }), async steps => {
      const { ann, bob } = await startPair()
      const old = await openMigrated(ann, here, V1)
      const young = await openMigrated(bob, here, V2)
      for (const { young: isYoung, key, value, sync } of steps) {
        if (value === null) (isYoung ? young : old).delete(key)
        else if (isYoung) young.set(key, { available: value, locked: 0 })
        else old.set(key, value)
        if (sync) await settle(ann, bob)
      }
      await settle(ann, bob)
      const totals = [...young].map(([key, { available, locked }]) => [key, available + locked])
      expect(Object.fromEntries(totals)).toEqual(contents(old))
      for (const replica of [ann, bob]) await replica.close()
    }),
    { numRuns: 12 },
  )
})
