/** Tombstones that are taken away, and what comes in afterwards. */
import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import * as Y from 'yjs'
import { definePartition } from '../../src/model/partition-definition.ts'
import { openPartition } from '../../src/partition/open-partition.ts'
import type { RegisterPartition } from '../../src/partition/register/register-partition.ts'
import { type ManualTime, manualTime } from '../support/manual-time.ts'
import { pull, syncAll, type TestHost, testHost } from './replica-model.ts'

const Data = definePartition<string>({ name: 'data', policy: 'last-write-wins' })

interface Node {
  readonly host: TestHost
  readonly data: RegisterPartition<string>
}

function node(writer: number, time: ManualTime): Node {
  const host = testHost({ actor: `actor ${writer}`, writer, time, checkPolicies: false })
  return { host, data: openPartition(Data, host) }
}

function reapAll({ host, data }: Node): number {
  return data.reap(
    [...data.tombstones()].map(([key]) => key),
    host.time.now(),
  )
}

describe('reaping tombstones', () => {
  it('leaves nothing of the key, here and elsewhere', () => {
    const time = manualTime()
    const [ann, bob] = [node(1, time), node(2, time)]
    ann.data.set('a', 'x')
    pull(ann.host, bob.host)
    bob.data.delete('a')
    time.advance(10)
    expect(reapAll(bob)).toBe(1)
    pull(bob.host, ann.host)
    expect(ann.data.siblings('a')).toEqual([])
    expect([...ann.data.tombstones()]).toEqual([])
    expect([...ann.host.doc.getMap('reg').keys()]).toEqual([])
    expect(reapAll(bob)).toBe(0)
  })

  it('leaves young ones, those of the future and those in a conflict', () => {
    const time = manualTime()
    const [ann, bob] = [node(1, time), node(2, time)]
    for (const key of ['young', 'disputed']) ann.data.set(key, key)
    pull(ann.host, bob.host)
    ann.data.delete('disputed')
    bob.data.set('disputed', 'kept')
    pull(bob.host, ann.host)
    time.advance(10)
    const between = time.now()
    ann.data.delete('young')
    expect(ann.data.reap(['young', 'disputed', 'nothing'], between)).toBe(0)
    expect(ann.data.reap(['young'], time.now() + 1_000_000)).toBe(0)
    expect(ann.data.siblings('disputed')).toHaveLength(2)
  })

  it('keeps a late write that had not seen the deletion in conflict with it', () => {
    const time = manualTime()
    const [ann, bob] = [node(1, time), node(2, time)]
    ann.data.set('a', 'x')
    pull(ann.host, bob.host)
    bob.data.set('a', 'offline for long')
    bob.data.set('b', 'offline for long')
    time.advance(10)
    ann.data.delete('a')
    time.advance(10)
    reapAll(ann)
    const told: unknown[] = []
    ann.data.onConflict(change => told.push(change))
    syncAll([ann.host, bob.host])
    for (const { data } of [ann, bob]) {
      expect(data.get('a')).toBeUndefined()
      expect(data.siblings('a').map(({ deleted }) => deleted)).toEqual([true, false])
      expect(data.conflicts().map(({ key }) => key)).toEqual(['a'])
      expect(data.get('b')).toBe('offline for long')
    }
    expect(told).not.toHaveLength(0)
    bob.data.set('a', 'decided')
    syncAll([ann.host, bob.host])
    expect(ann.data.get('a')).toBe('decided')
    expect(ann.data.conflicts()).toEqual([])
  })

  it('keeps that conflict when it goes on', () => {
    const time = manualTime()
    const [ann, bob] = [node(1, time), node(2, time)]
    ann.data.set('a', 'x')
    ann.data.set('b', 'x')
    pull(ann.host, bob.host)
    bob.data.set('a', 'offline for long')
    time.advance(10)
    ann.data.delete('a')
    time.advance(10)
    reapAll(ann)
    pull(bob.host, ann.host)
    ann.data.delete('b')
    time.advance(10)
    expect(reapAll(ann)).toBe(1)
    syncAll([ann.host, bob.host])
    for (const { data } of [ann, bob]) {
      expect(data.get('a')).toBeUndefined()
      expect(data.conflicts().map(({ key }) => key)).toEqual(['a'])
    }
  })

  it('goes on in another row where much was reaped in no order', () => {
    const time = manualTime()
    const [ann, bob] = [node(1, time), node(2, time)]
    const keys = Array.from({ length: 20_000 }, (_, index) => `key ${index}`)
    ann.data.transact(() => {
      for (const key of keys) ann.data.set(key, 'x')
    })
    ann.data.transact(() => {
      for (const key of keys) ann.data.delete(key)
    })
    time.advance(10)
    const odd = keys.filter((_, index) => index % 2 === 1)
    for (let at = 0; at < odd.length; at += 1000) {
      expect(ann.data.reap(odd.slice(at, at + 1000), time.now())).toBe(1000)
    }
    expect(ann.host.doc.getMap('floors').size).toBeGreaterThan(1)
    pull(ann.host, bob.host)
    expect([...bob.data.tombstones()]).toHaveLength(10_000)
    expect(bob.data.problems()).toEqual([])
  })

  it('does not hide what was there when it was done', () => {
    const time = manualTime()
    const [ann, bob] = [node(1, time), node(2, time)]
    ann.data.set('live', 'x')
    ann.data.set('a', 'x')
    pull(ann.host, bob.host)
    bob.data.set('live', 'late')
    time.advance(10)
    ann.data.delete('a')
    time.advance(10)
    reapAll(ann)
    syncAll([ann.host, bob.host])
    expect([ann.data.get('live'), bob.data.get('live')]).toEqual(['late', 'late'])
    expect(openPartition(Data, bob.host).get('live')).toBe('late')
  })

  it('ignores floors that are none, or in the name of others', () => {
    const time = manualTime()
    const [ann, eve] = [node(1, time), node(2, time)]
    ann.data.set('a', 'x')
    const floors = eve.host.doc.getMap('floors')
    const everything = { t: Number.MAX_SAFE_INTEGER, a: 'eve', s: new Uint8Array([0]) }
    floors.set('1', everything)
    floors.set('2', { ...everything, s: new Uint8Array([9, 9]) })
    floors.set('x', 7)
    pull(eve.host, ann.host)
    expect(ann.data.get('a')).toBe('x')
    expect(
      ann.data
        .problems()
        .map(({ error }) => error.code)
        .sort(),
    ).toEqual(['ENTRY_FORGED', 'ENTRY_FORGED', 'ENTRY_INVALID'])
  })
})

/** Two worlds do the same, and in one of them tombstones are reaped. */
const replicas = 3
const at = fc.nat(replicas - 1)
const key = fc.constantFrom('a', 'b')
const step = fc.oneof(
  { weight: 4, arbitrary: fc.record({ does: fc.constant('set' as const), at, key }) },
  { weight: 3, arbitrary: fc.record({ does: fc.constant('delete' as const), at, key }) },
  { weight: 3, arbitrary: fc.record({ does: fc.constant('pull' as const), at, from: at }) },
  { weight: 2, arbitrary: fc.record({ does: fc.constant('reap' as const), at }) },
  { weight: 1, arbitrary: fc.record({ does: fc.constant('skew' as const), at, by: fc.nat(50) }) },
)

describe('replicas that write, delete, reap and see each other now and then', () => {
  it('bring nothing back that was deleted, and lose nothing that was concurrent', () => {
    let reaped = 0
    fc.assert(
      fc.property(fc.array(step, { minLength: 10, maxLength: 40, size: 'max' }), steps => {
        const worlds = [0, 1].map(() => {
          return Array.from({ length: replicas }, (_, index) => node(index + 1, manualTime()))
        }) as [Node[], Node[]]
        steps.forEach((step, number) => {
          for (const [index, world] of worlds.entries()) {
            for (const { host } of world) host.time.advance(2)
            const { host, data } = world[step.at] as Node
            if (step.does === 'set') data.set(step.key, `${number}`)
            else if (step.does === 'delete') data.delete(step.key)
            else if (step.does === 'skew') host.time.advance(step.by)
            else if (step.does === 'pull') pull((world[step.from] as Node).host, host)
            else if (index === 1) reaped += reapAll(world[step.at] as Node)
          }
        })
        const [plain, reaping] = worlds
        for (const world of worlds) syncAll(world.map(({ host }) => host))
        const [wanted] = plain as [Node]
        const bytes = reaping.map(({ host }) => Y.encodeStateAsUpdate(host.doc))
        for (const { host, data } of reaping) {
          expect(Y.encodeStateAsUpdate(host.doc)).toEqual(bytes[0])
          for (const key of ['a', 'b']) {
            const values = (of: Node['data']) => {
              return of.siblings(key).flatMap(({ value }) => (value === undefined ? [] : [value]))
            }
            expect(values(data)).toEqual(values(wanted.data))
            const read = data.get(key)
            if (read !== undefined) expect(read).toBe(wanted.data.get(key))
            else if (wanted.data.has(key)) {
              expect(data.conflicts().map(conflict => conflict.key)).toContain(key)
            }
          }
          const again = openPartition(Data, { ...host, doc: host.doc })
          expect([...again.entries()].sort()).toEqual([...data.entries()].sort())
        }
      }),
      { numRuns: 200 },
    )
    expect(reaped).toBeGreaterThan(50)
  })
})
