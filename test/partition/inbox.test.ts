import { describe, expect, it } from 'vitest'
import { z } from 'zod'
import { definePartition } from '../../src/model/partition-definition.ts'
import { type ConflictChange, pick, tokenOf } from '../../src/partition/inbox/inbox.ts'
import { resolutionsMax, resolutionsPerWriterMax } from '../../src/partition/inbox/inbox-entry.ts'
import { scopeInbox } from '../../src/partition/inbox/inbox-scope.ts'
import { RegisterPartition } from '../../src/partition/register/register-partition.ts'
import { annAndBob, disagree, exchange, inboxReplica, openInbox } from './inbox-model.ts'
import { testHost } from './replica-model.ts'

const changed = expect.objectContaining({ code: 'CONFLICT_CHANGED' })

describe('open conflicts', () => {
  it('say which key, which writes, by whom, and since when, the same on every replica', () => {
    const [ann, bob] = annAndBob()
    disagree(ann, bob)
    const [conflict] = ann.users.conflicts()
    expect(conflict).toMatchObject({
      key: 'key',
      status: 'pending',
      siblings: [
        { value: "bob's", actor: 'bob', writer: 2, deleted: false },
        { value: "ann's", actor: 'ann', writer: 1, deleted: false },
      ],
      reopened: [],
    })
    expect(conflict?.since).toBe(conflict?.siblings[0]?.timestamp)
    expect(bob.users.conflicts()).toEqual(ann.users.conflicts())
    expect(bob.users.get('key')).toBe("bob's")
    expect(ann.users.get('key')).toBe("ann's")
  })

  it('are open since the second of the writes, however many came later', () => {
    const replicas = ['ann', 'bob', 'cyd'].map((actor, at) => {
      const replica = inboxReplica({ actor, writer: at + 1 })
      replica.host.time.advance(at * 1000)
      replica.users.set('key', actor)
      return replica
    })
    const [ann, bob, cyd] = replicas as [never, never, never] as ReturnType<typeof inboxReplica>[]
    if (!(ann && bob && cyd)) throw new Error('three')
    exchange(ann, cyd)
    exchange(ann, bob)
    const [conflict] = ann.users.conflicts()
    expect(conflict?.siblings.map(({ actor }) => actor)).toEqual(['cyd', 'bob', 'ann'])
    expect(conflict?.since).toBe(conflict?.siblings[1]?.timestamp)
  })

  it('are those that leave something to decide: equal writes and equal deletions do not', () => {
    const [ann, bob] = annAndBob()
    for (const { users } of [ann, bob]) {
      users.set('same', { a: 1, b: new Set([2]) })
      users.set('gone', 1)
    }
    exchange(ann, bob)
    for (const { users } of [ann, bob]) users.delete('gone')
    bob.users.set('order', { b: 2, a: 1 })
    ann.users.set('order', { a: 1, b: 2 })
    exchange(ann, bob)
    expect(ann.users.siblings('same')).toHaveLength(2)
    expect(ann.users.siblings('gone')).toHaveLength(2)
    expect(ann.users.conflicts()).toEqual([])
    expect(() => ann.users.resolve('same', 1)).toThrow(changed)
    ann.users.set('same', 1)
    bob.users.delete('same')
    exchange(ann, bob)
    expect(ann.users.conflicts().map(({ key }) => key)).toEqual(['same'])
  })

  it('are listed under every policy, the one open for longest first', () => {
    const definition = definePartition({ name: 'users', policy: 'last-write-wins' })
    const hosts = [testHost({ writer: 1 }), testHost({ writer: 2 })] as const
    const [a, b] = hosts.map(host => new RegisterPartition<unknown>(definition, host))
    for (const key of ['x', 'w', 'y']) {
      a?.set(key, 1)
      b?.set(key, 2)
      for (const { time } of hosts) time.advance(5)
    }
    exchange({ host: hosts[0], users: a as never }, { host: hosts[1], users: b as never })
    expect(a?.conflicts().map(({ key }) => key)).toEqual(['x', 'w', 'y'])
    expect(a?.get('x')).toBe(2)
  })
})

describe('resolving', () => {
  it('takes a value, and keeps who decided what about which writes', () => {
    const [ann, bob] = annAndBob()
    disagree(ann, bob)
    let updates = 0
    bob.host.doc.on('update', () => (updates += 1))
    const conflict = bob.users.conflicts()[0]
    bob.users.resolve('key', 'both')
    expect(updates).toBe(1)
    exchange(ann, bob)
    for (const { users } of [ann, bob]) {
      expect(users.get('key')).toBe('both')
      expect(users.siblings('key')).toHaveLength(1)
      expect(users.conflicts()).toEqual([])
      expect(users.resolutions()).toEqual([
        {
          key: 'key',
          status: 'resolved',
          actor: 'bob',
          writer: 2,
          timestamp: users.siblings('key')[0]?.timestamp,
          value: 'both',
          deleted: false,
          picked: undefined,
          siblings: conflict?.siblings,
        },
      ])
      expect(users.problems()).toEqual([])
    }
  })

  it('takes one of the siblings, a deletion too, or undefined to delete', () => {
    const [ann, bob] = annAndBob()
    for (const key of ['one', 'two', 'three']) ann.users.set(key, 'old')
    exchange(ann, bob)
    for (const key of ['one', 'two', 'three']) {
      ann.users.delete(key)
      bob.users.set(key, { name: 'new' })
    }
    exchange(ann, bob)
    const siblings = (key: string) => ann.users.siblings(key)
    const deletion = siblings('one').find(({ deleted }) => deleted)
    const update = siblings('two').find(({ deleted }) => !deleted)
    ann.users.resolve('one', pick(deletion as never))
    ann.users.resolve('two', pick(update as never))
    ann.users.resolve('three', undefined)
    expect([...ann.users]).toEqual([['two', { name: 'new' }]])
    const [three, two, one] = ann.users.resolutions()
    expect(three).toMatchObject({ deleted: true, picked: undefined })
    expect(two).toMatchObject({ value: { name: 'new' }, picked: { actor: 'bob' } })
    expect(one).toMatchObject({ deleted: true, picked: { actor: 'ann', deleted: true } })
  })

  it('is refused when it is not for what is in conflict now', () => {
    const [ann, bob] = annAndBob()
    expect(() => ann.users.resolve('key', 1)).toThrow(changed)
    disagree(ann, bob)
    const seen = ann.users.conflicts()[0]
    bob.users.set('key', "bob's second")
    ann.users.set('other', 1)
    ann.users.siblings('key')
    disagree(ann, bob)
    expect(() => ann.users.resolve('key', 1, { seen: seen?.token as string })).toThrow(changed)
    expect(() => ann.users.resolve('key', 1, { seen: seen?.siblings as never })).toThrow(changed)
    expect(() => ann.users.resolve('key', pick(seen?.siblings[0] as never))).toThrow(changed)
    expect(ann.users.resolutions()).toEqual([])
    const now = ann.users.siblings('key')
    ann.users.resolve('key', 1, { seen: [...now].reverse() })
    expect(ann.users.resolutions()).toHaveLength(1)
    expect(tokenOf(now)).toBe(tokenOf([...now].reverse()))
  })

  it('writes nothing when the value breaks the schema, or within a transaction', () => {
    const definition = definePartition({ name: 'n', policy: 'manual', schema: z.number() })
    const hosts = [testHost({ writer: 1 }), testHost({ writer: 2 })] as const
    const [a, b] = hosts.map(host => new RegisterPartition(definition, host))
    if (!(a && b)) throw new Error('two')
    a.set('key', 1)
    b.set('key', 2)
    exchange({ host: hosts[0], users: a as never }, { host: hosts[1], users: b as never })
    expect(() => a.resolve('key', 'three' as never)).toThrow(
      expect.objectContaining({ code: 'VALUE_INVALID' }),
    )
    expect(() => a.transact(() => a.resolve('key', 3))).toThrow(
      expect.objectContaining({ code: 'OPTION_INVALID' }),
    )
    expect(a.resolutions()).toEqual([])
    expect(a.conflicts()).toHaveLength(1)
  })

  it('is undone by a write that did not see it', () => {
    const [ann, bob] = annAndBob()
    disagree(ann, bob)
    ann.users.resolve('key', 'settled')
    bob.users.set('key', 'raced')
    exchange(ann, bob)
    const [conflict] = ann.users.conflicts()
    expect(conflict?.siblings.map(({ value }) => value).sort()).toEqual(['raced', 'settled'])
    expect(conflict?.reopened).toMatchObject([
      { actor: 'ann', value: 'settled', status: 'pending' },
    ])
    expect(bob.users.conflicts()).toEqual(ann.users.conflicts())
    bob.users.resolve('key', 'settled again')
    exchange(ann, bob)
    expect(ann.users.resolutions().map(({ status }) => status)).toEqual(['resolved', 'resolved'])
  })

  it('is a conflict itself when two people do it differently at once', () => {
    const [ann, bob] = annAndBob()
    disagree(ann, bob)
    ann.users.resolve('key', 'as ann says')
    bob.users.resolve('key', 'as bob says')
    exchange(ann, bob)
    const [conflict] = ann.users.conflicts()
    expect(conflict?.reopened.map(({ actor }) => actor)).toEqual(['bob', 'ann'])
    expect(ann.users.resolutions()).toHaveLength(2)
    expect(bob.users.resolutions()).toEqual(ann.users.resolutions())
  })

  it('is none when two people do the same at once', () => {
    const [ann, bob] = annAndBob()
    disagree(ann, bob)
    for (const { users } of [ann, bob]) users.resolve('key', { settled: true })
    exchange(ann, bob)
    expect(ann.users.conflicts()).toEqual([])
    expect(ann.users.resolutions().map(({ status }) => status)).toEqual(['resolved', 'resolved'])
  })
})

describe('administrators', () => {
  it('are told when conflicts open, change and are resolved, here and elsewhere', () => {
    const [ann, bob] = annAndBob()
    const told: string[] = []
    const tell = ({ type, conflict, resolution }: ConflictChange<unknown>) => {
      told.push([type, conflict.key, conflict.siblings.length, resolution?.actor].join(' '))
    }
    const end = ann.users.onConflict(tell)
    disagree(ann, bob)
    bob.users.set('key', 'second')
    ann.users.set('plain', 1)
    exchange(ann, bob)
    disagree(ann, bob)
    bob.users.resolve('key', 'settled')
    exchange(ann, bob)
    disagree(ann, bob)
    ann.users.set('key', 'written over')
    end()
    disagree(ann, bob)
    expect(told).toEqual([
      'opened key 2 ',
      'resolved key 2 ', // Bob's second write saw both.
      'opened key 2 ',
      'resolved key 2 bob',
      'opened key 2 ',
      'resolved key 2 ',
    ])
  })

  it('may resolve from within a listener', () => {
    const [ann, bob] = annAndBob()
    ann.users.onConflict(({ type, conflict }) => {
      if (type === 'opened') ann.users.resolve(conflict.key, 'at once', { seen: conflict.token })
    })
    disagree(ann, bob)
    exchange(ann, bob)
    expect(bob.users.get('key')).toBe('at once')
    expect(bob.users.conflicts()).toEqual([])
  })

  it('see the inboxes of several partitions as one', () => {
    const [ann, bob] = annAndBob()
    const [cyd, dan] = annAndBob()
    const inbox = scopeInbox([
      { name: 'room:r1/users', partition: ann.users },
      { name: 'room:r1/config', partition: cyd.users },
    ])
    const told: string[] = []
    const end = inbox.onConflict(({ partition, type }) => told.push(`${partition} ${type}`))
    dan.host.time.advance(5)
    disagree(cyd, dan)
    disagree(ann, bob)
    expect(inbox.conflicts().map(({ partition }) => partition)).toEqual([
      'room:r1/users',
      'room:r1/config',
    ])
    cyd.users.resolve('key', 1)
    end()
    ann.users.resolve('key', 1)
    expect(inbox.resolutions()).toHaveLength(2)
    expect(told).toEqual([
      'room:r1/config opened',
      'room:r1/users opened',
      'room:r1/config resolved',
    ])
  })
})

describe('the history', () => {
  /** Resolutions 0, 1, 2 and so on, so many by each writer. */
  function resolveOften(rounds: number, each: number) {
    const [ann, bob] = annAndBob()
    for (let round = 0; round < rounds; round++) {
      ann.host.doc.clientID = 10 + Math.floor(round / each)
      for (const { host } of [ann, bob]) host.time.advance(1)
      disagree(ann, bob)
      ann.users.resolve('key', round)
    }
    exchange(ann, bob)
    expect(bob.users.resolutions()).toEqual(ann.users.resolutions())
    return bob.users.resolutions().map(({ value }) => value)
  }

  const countdown = (from: number, length: number) => Array.from({ length }, (_, at) => from - at)

  it('keeps the latest of each writer', () => {
    expect(resolveOften(100, 100)).toEqual(countdown(99, resolutionsPerWriterMax))
  })

  it('keeps the latest of all writers together', () => {
    const rounds = resolutionsMax + 50
    const kept = resolveOften(rounds, resolutionsPerWriterMax)
    expect(kept).toEqual(countdown(rounds - 1, resolutionsMax))
  })

  it('goes without values that are too large', () => {
    const [ann, bob] = annAndBob()
    ann.users.set('key', 'a'.repeat(20_000))
    bob.users.set('key', 'b')
    exchange(ann, bob)
    ann.users.resolve('key', pick(ann.users.siblings('key').at(-1) as never))
    const [resolution] = ann.users.resolutions()
    expect(ann.users.get('key')).toHaveLength(20_000)
    expect(resolution).toMatchObject({ value: undefined, deleted: false, picked: { actor: 'ann' } })
    expect(resolution?.siblings.map(({ value }) => value)).toEqual([undefined, undefined])
  })

  it('leaves out what is no resolution, or not by its writer, and reports it', () => {
    const { host, users } = inboxReplica({ writer: 7 })
    const good = { k: 'key', t: 1, a: 'x', v: 1, s: [{ w: 1, t: 1, a: 'y', v: 2 }] }
    const rows = host.doc.getMap('resolutions')
    rows.set('7\u00000', good)
    rows.set('7\u00001', { ...good, t: -1 })
    rows.set('7\u00002', { ...good, s: [{ t: 1, a: 'y' }] })
    rows.set('7\u00003', { ...good, p: 1 })
    rows.set('7\u00004', { ...good, a: '' })
    rows.set('7\u00005', { ...good, v: { $: 'nothing' } })
    rows.set('7\u00006', 'text')
    rows.set(`7\u0000${resolutionsPerWriterMax}`, good)
    rows.set('__proto__', good)
    rows.set('8\u00000', good)
    expect(users.resolutions()).toHaveLength(1)
    const codes = [...Array(8).fill('ENTRY_INVALID'), 'ENTRY_FORGED']
    expect(users.problems().map(({ error }) => error.code)).toEqual(codes)
    expect(host.reported.map(({ code }) => code)).toEqual(codes)
    const afresh = openInbox(testHost({ doc: host.doc, writer: 9 }))
    expect(afresh.users.resolutions()).toEqual(users.resolutions())
    expect(afresh.host.reported.map(({ code }) => code)).toEqual(codes)
    users.close()
    expect(() => users.conflicts()).toThrow(expect.objectContaining({ code: 'CLOSED' }))
  })
})
