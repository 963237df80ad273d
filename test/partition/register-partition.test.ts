import { describe, expect, it } from 'vitest'
import * as Y from 'yjs'
import { z } from 'zod'
import { definePartition } from '../../src/model/partition-definition.ts'
import { openPartition } from '../../src/partition/open-partition.ts'
import type { RegisterChange } from '../../src/partition/register/register-partition.ts'
import { pull, syncAll, testHost } from './replica-model.ts'

const Users = definePartition({
  name: 'users',
  policy: 'last-write-wins',
  schema: z.object({ name: z.string(), tags: z.array(z.string()).default([]) }),
})
const Data = definePartition({ name: 'data', policy: 'last-write-wins' })

function withCode(code: string): unknown {
  return expect.objectContaining({ code })
}

describe('a register partition', () => {
  it('reads back what was written, at once', () => {
    const data = openPartition(Data, testHost())
    data.set('a', 1)
    data.set('b', { deep: [2] })
    expect(data.get('a')).toBe(1)
    expect(data.has('b')).toBe(true)
    expect(data.size).toBe(2)
    expect([...data]).toEqual([
      ['a', 1],
      ['b', { deep: [2] }],
    ])
  })

  it('forgets what is deleted, and says whether there was anything to delete', () => {
    const data = openPartition(Data, testHost())
    data.set('a', 1)
    expect(data.delete('a')).toBe(true)
    expect(data.delete('a')).toBe(false)
    expect(data.delete('never')).toBe(false)
    expect([data.get('a'), data.has('a'), data.size, [...data.keys()]]).toEqual([
      undefined,
      false,
      0,
      [],
    ])
    data.set('a', 2)
    expect([data.get('a'), data.size]).toEqual([2, 1])
  })

  it('takes null for a value, and __proto__ for a key', () => {
    const [ann, bob] = [testHost({ writer: 1 }), testHost({ writer: 2 })]
    const data = openPartition(Data, ann)
    for (const key of ['__proto__', 'constructor', 'a b', '0', '\u{1f600}']) data.set(key, null)
    pull(ann, bob)
    expect([...openPartition(Data, bob).entries()]).toEqual([...data.entries()])
    expect(data.get('__proto__')).toBeNull()
    expect(data.get('toString')).toBeUndefined()
  })

  it.each(['', 'a\0b', '\ud800', 'x'.repeat(1025), 7 as never])('refuses the key %j', key => {
    const data = openPartition(Data, testHost())
    expect(() => data.set(key, 1)).toThrow(withCode('KEY_INVALID'))
    expect(() => data.delete(key)).toThrow(withCode('KEY_INVALID'))
    expect(data.get(key)).toBeUndefined()
  })

  it('checks what is written by the schema and says where it breaks it', () => {
    const users = openPartition(Users, testHost())
    const wrong = { name: 'Ann', tags: ['a', 7] } as never
    expect(() => users.set('ann', wrong)).toThrow(withCode('VALUE_INVALID'))
    expect(() => users.set('ann', wrong)).toThrow(/^tags\.1: /)
    expect(users.has('ann')).toBe(false)
    users.set('ann', { name: 'Ann', more: 1 } as never)
    expect(users.get('ann')).toEqual({ name: 'Ann', tags: [] })
  })

  it('hands out frozen values that do not follow what the writer does to its own', () => {
    const users = openPartition(Users, testHost())
    const tags = ['a']
    users.set('ann', { name: 'Ann', tags })
    tags.push('b')
    const read = users.get('ann')
    expect(read?.tags).toEqual(['a'])
    expect(() => read?.tags.push('c')).toThrow(TypeError)
  })

  it('shows every client the same entries, also one that opens later', () => {
    const [ann, bob] = [testHost({ writer: 1 }), testHost({ writer: 2, actor: 'bob' })]
    const [early, other] = [openPartition(Data, ann), openPartition(Data, bob)]
    early.set('a', 1)
    other.set('a', 2)
    other.set('b', new Map([['k', 1n]]))
    early.delete('c')
    syncAll([ann, bob])
    const late = openPartition(Data, testHost({ doc: bob.doc }))
    expect([...late]).toEqual([...other])
    expect(late.siblings('a')).toEqual(early.siblings('a'))
    expect(late.size).toBe(early.size)
  })

  it('throws CLOSED after it was closed, and gives the document back once', () => {
    const host = testHost()
    const data = openPartition(Data, host)
    let told = 0
    data.subscribe(() => {
      told += 1
    })
    data.close()
    data.close()
    expect(host.released).toBe(true)
    expect(() => data.get('a')).toThrow(withCode('CLOSED'))
    expect(() => data.set('a', 1)).toThrow(withCode('CLOSED'))
    openPartition(Data, host).set('a', 1)
    expect(told).toBe(0)
  })
})

describe('a transaction', () => {
  it('is one update, and reads its own writes', () => {
    const host = testHost()
    const data = openPartition(Data, host)
    data.set('old', 1)
    let updates = 0
    host.doc.on('update', () => {
      updates += 1
    })
    const seen = data.transact(() => {
      data.set('new', 2)
      data.delete('old')
      expect(data.delete('old')).toBe(false)
      data.transact(() => data.set('inner', 3))
      data.set('gone', 4)
      expect(data.delete('gone')).toBe(true)
      return [data.get('new'), data.has('old'), data.size, [...data.keys()].sort()]
    })
    expect(seen).toEqual([2, false, 2, ['inner', 'new']])
    expect([...data.keys()].sort()).toEqual(['inner', 'new'])
    expect(data.size).toBe(2)
    expect(updates).toBe(1)
    expect(data.siblings('new')[0]?.timestamp).toBe(data.siblings('inner')[0]?.timestamp)
  })

  it('writes nothing when it throws', () => {
    const data = openPartition(Data, testHost())
    data.set('a', 1)
    const attempt = () =>
      data.transact(() => {
        data.set('a', 2)
        data.set('b', () => 1)
      })
    expect(attempt).toThrow(withCode('VALUE_INVALID'))
    expect([...data]).toEqual([['a', 1]])
  })

  it('cannot be asynchronous', () => {
    const data = openPartition(Data, testHost())
    const attempt = () => data.transact(async () => data.set('a', 1))
    expect(attempt).toThrow(withCode('OPTION_INVALID'))
    expect(data.size).toBe(0)
  })
})

describe('a subscriber', () => {
  it('is called once for each transaction, with what changed and who did it', () => {
    const [ann, bob] = [testHost({ writer: 1 }), testHost({ writer: 2, actor: 'bob' })]
    const [mine, theirs] = [openPartition(Data, ann), openPartition(Data, bob)]
    mine.set('a', 1)
    const calls: (readonly RegisterChange<unknown>[])[] = []
    const stop = mine.subscribe(changes => calls.push(changes))
    mine.transact(() => {
      mine.set('a', 2)
      mine.set('b', 3)
    })
    pull(ann, bob)
    theirs.delete('a')
    pull(bob, ann)
    stop()
    mine.set('c', 4)
    expect(calls).toEqual([
      [
        { key: 'a', value: 2, previous: 1, origin: 'local' },
        { key: 'b', value: 3, previous: undefined, origin: 'local' },
      ],
      [{ key: 'a', value: undefined, previous: 2, origin: 'remote' }],
    ])
  })

  it('may write, reads what it wrote, and all subscribers see one order', () => {
    const data = openPartition(Data, testHost())
    const orders: unknown[][] = [[], []]
    data.subscribe(changes => {
      orders[0]?.push(...changes.map(({ value }) => value))
      if (changes[0]?.value !== 1) return
      data.set('a', 2)
      expect(data.get('a')).toBe(2)
    })
    data.subscribe(changes => orders[1]?.push(...changes.map(({ value }) => value)))
    data.set('a', 1)
    expect(orders).toEqual([
      [1, 2],
      [1, 2],
    ])
  })
})

describe('what is written', () => {
  it('keeps one entry of a key, however often it is overwritten', () => {
    const host = testHost()
    const data = openPartition(Data, host)
    for (let count = 0; count < 5_000; count++) data.set('hot', count)
    expect(Y.encodeStateAsUpdate(host.doc).length).toBeLessThanOrEqual(200)
  })

  it('stays small under a hundred writers in turn', () => {
    const host = testHost()
    const data = openPartition(Data, host)
    for (let count = 0; count < 5_000; count++) {
      host.doc.clientID = 1_000_000 + (count % 100)
      data.set('hot', count)
    }
    expect(data.siblings('hot')).toHaveLength(1)
    expect(Y.encodeStateAsUpdate(host.doc).length).toBeLessThanOrEqual(4_000)
  })
})
