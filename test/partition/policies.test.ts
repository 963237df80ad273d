import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { definePartition, type Sibling } from '../../src/model/partition-definition.ts'
import { canonicalText } from '../../src/model/value.ts'
import { type AnyPartitionDefinition, openPartition } from '../../src/partition/open-partition.ts'
import type { RegisterPartition } from '../../src/partition/register/register-partition.ts'
import { syncAll, type TestHost, testHost } from './replica-model.ts'

interface Task {
  title: string
  votes: number
  deadline: Date
  tags: string[]
  seen: Set<string>
  scores: Map<string, number>
  owner: { name: string; since: number }
}

const name = 'data'
const LastWriteWins = definePartition({ name, policy: 'last-write-wins' })
const Manual = definePartition({ name, policy: 'manual' })
const Merge = definePartition({ name, policy: 'merge' })
const Tasks = definePartition<Partial<Task>, 'merge'>({
  name,
  policy: 'merge',
  merge: {
    votes: 'max',
    deadline: 'min',
    tags: 'union',
    seen: 'union',
    scores: 'union',
    owner: { since: 'min' },
  },
})
const All = definePartition({
  name,
  policy: (siblings: readonly Sibling<unknown>[]) =>
    siblings.map(({ value }) => canonicalText(value)).sort(),
})

/** Three replicas that each write to `k` without seeing the others, one second apart. */
function conflict(definition: AnyPartitionDefinition, writes: readonly unknown[]) {
  const hosts = writes.map((_, index) =>
    testHost({ writer: index + 1, actor: `actor-${index + 1}` }),
  )
  const replicas = hosts.map(host => openPartition(definition, host) as RegisterPartition)
  writes.forEach((value, index) => {
    const [host, replica] = [hosts[index] as TestHost, replicas[index] as RegisterPartition]
    host.time.advance(index * 1_000)
    replica.set('k', value)
    if (value === gone) replica.delete('k')
  })
  syncAll(hosts)
  return { hosts, replicas, read: () => replicas.map(replica => replica.get('k')) }
}

/** Written, and then deleted by the same replica. */
const gone = 'gone'

const policies: [string, AnyPartitionDefinition][] = [
  ['last-write-wins', LastWriteWins],
  ['merge', Merge],
  ['merge with choices', Tasks],
  ['manual', Manual],
  ['a function', All],
]

describe.each(policies)('the policy %s', (_, definition) => {
  const value = fc.oneof(
    fc.integer({ max: 9, min: 0 }),
    fc.record(
      {
        title: fc.constantFrom('a', 'b'),
        votes: fc.constantFrom<unknown>(1, 2, 3n, 'x', null, Number.NaN),
        tags: fc.array(fc.constantFrom<unknown>('a', 'b', { c: 1 })),
        seen: fc.array(fc.constantFrom('a', 'b')).map(members => new Set(members)),
        owner: fc.record({ name: fc.constantFrom('x', 'y'), since: fc.integer() }),
      },
      { requiredKeys: [] },
    ),
  )
  const write = fc.record({
    by: fc.nat(3),
    key: fc.constantFrom('a', 'b', 'c'),
    value: fc.option(value),
    later: fc.nat(2),
    pullsFrom: fc.option(fc.nat(3)),
  })

  it('reads the same at all replicas of an actor once they know the same', () => {
    fc.assert(
      fc.property(fc.array(write, { maxLength: 25 }), writes => {
        const hosts = [1, 2, 3, 4].map(writer => testHost({ writer, actor: `actor-${writer % 2}` }))
        const replicas = hosts.map(host => openPartition(definition, host) as RegisterPartition)
        for (const { by, key, value, later, pullsFrom } of writes) {
          const [host, replica] = [hosts[by] as TestHost, replicas[by] as RegisterPartition]
          host.time.advance(later)
          if (value === null) replica.delete(key)
          else replica.set(key, value)
          if (pullsFrom !== null) syncAll([hosts[pullsFrom] as TestHost, host])
        }
        syncAll(hosts)
        const late = hosts.map(({ doc, actor }) =>
          openPartition(definition, testHost({ doc, actor })),
        ) as RegisterPartition[]
        const shown = [...replicas, ...late].map(content)
        expect(shown.filter((_, index) => index % 2 === 0)).toEqual(Array(4).fill(shown[0]))
        expect(shown.filter((_, index) => index % 2 === 1)).toEqual(Array(4).fill(shown[1]))
        if (definition !== Manual) expect(shown[0]).toEqual(shown[1])
        expect(hosts.flatMap(({ reported }) => reported)).toEqual([])
      }),
      { numRuns: 60 },
    )
  })

  it('is resolved by a write that saw the siblings, and says so everywhere', () => {
    const { hosts, replicas, read } = conflict(definition, [1, gone, 3])
    expect(replicas[0]?.siblings('k')).toHaveLength(3)
    replicas[1]?.set('k', 'resolved')
    syncAll(hosts)
    expect(read()).toEqual(['resolved', 'resolved', 'resolved'])
    expect(replicas.map(replica => replica.siblings('k').length)).toEqual([1, 1, 1])
  })

  it('reads data that was written under another policy', () => {
    for (const [, written] of policies) {
      const { hosts } = conflict(written, [1, 2])
      const expected = conflict(definition, [1, 2]).read()
      const reopened = hosts.map(({ doc, actor }) =>
        openPartition(definition, testHost({ doc, actor })),
      ) as RegisterPartition[]
      expect(reopened.map(replica => replica.get('k'))).toEqual(expected)
    }
  })
})

function content(replica: RegisterPartition): unknown {
  const entries = [...replica.entries()].sort(([a], [b]) => (a < b ? -1 : 1))
  return { entries, size: replica.size, siblings: entries.map(([key]) => replica.siblings(key)) }
}

describe('last-write-wins', () => {
  it('reads the latest sibling, even if it is a deletion', () => {
    expect(conflict(LastWriteWins, ['a', 'b', 'c']).read()).toEqual(['c', 'c', 'c'])
    const { read, replicas } = conflict(LastWriteWins, ['a', 'b', gone])
    expect(read()).toEqual([undefined, undefined, undefined])
    expect(replicas[0]?.size).toBe(0)
    expect(replicas[0]?.siblings('k').map(({ deleted }) => deleted)).toEqual([true, false, false])
  })

  it('lets causality win over any clock', () => {
    const [ann, bob] = [testHost({ writer: 1 }), testHost({ writer: 2, actor: 'bob' })]
    ann.time.advance(50_000)
    const [first, second] = [openPartition(LastWriteWins, ann), openPartition(LastWriteWins, bob)]
    first.set('k', 'early, by a fast clock')
    syncAll([ann, bob])
    second.set('k', 'later')
    syncAll([ann, bob])
    expect([first.get('k'), second.get('k')]).toEqual(['later', 'later'])
  })
})

describe('manual', () => {
  it('lets each actor read its own write until somebody resolves', () => {
    const { read, hosts } = conflict(Manual, ['a', 'b', 'c'])
    expect(read()).toEqual(['a', 'b', 'c'])
    const onlooker = testHost({ actor: 'onlooker', doc: (hosts[0] as TestHost).doc })
    expect(openPartition(Manual, onlooker).get('k')).toBe('c')
  })

  it('lets an actor that deleted go on not seeing the key', () => {
    expect(conflict(Manual, [gone, 'b']).read()).toEqual([undefined, 'b'])
  })
})

describe('merge', () => {
  it('merges field by field, by the choice of each', () => {
    const writes: Partial<Task>[] = [
      {
        title: 'first',
        votes: 9,
        deadline: new Date(5),
        tags: ['a', 'b'],
        seen: new Set(['x']),
        scores: new Map([['x', 1]]),
        owner: { name: 'ann', since: 3 },
      },
      {
        title: 'second',
        votes: 2,
        deadline: new Date(7),
        tags: ['b', 'c'],
        seen: new Set(['y']),
        scores: new Map([
          ['x', 2],
          ['y', 3],
        ]),
        owner: { name: 'bob', since: 8 },
      },
    ]
    const merged = {
      title: 'second',
      votes: 9,
      deadline: new Date(5),
      tags: ['a', 'b', 'c'],
      seen: new Set(['x', 'y']),
      scores: new Map([
        ['x', 2],
        ['y', 3],
      ]),
      owner: { name: 'bob', since: 3 },
    }
    expect(conflict(Tasks, writes).read()).toStrictEqual([merged, merged])
  })

  it('keeps fields that only one side has, and lets an update outlive a deletion', () => {
    const { read } = conflict(Merge, [{ a: 1, n: { x: 1 } }, { b: 2, n: { y: 2 } }, gone])
    expect(read()[0]).toEqual({ a: 1, b: 2, n: { x: 1, y: 2 } })
    expect(conflict(Merge, [gone, gone]).read()).toEqual([undefined, undefined])
  })

  it('takes __proto__ for a field like any other', () => {
    const hostile = JSON.parse('{"__proto__":{"admin":true}}')
    const [merged] = conflict(Merge, [hostile, { a: 1 }]).read()
    expect(Object.getPrototypeOf(merged)).toBe(Object.prototype)
    expect(Object.keys(merged as object).sort()).toEqual(['__proto__', 'a'])
  })

  it('hands out what nobody can change', () => {
    const { replicas } = conflict(Tasks, [{ tags: ['a'] }, { tags: ['b'] }])
    const read = replicas[0]?.get('k') as Task
    expect(() => read.tags.push('c')).toThrow(TypeError)
    expect(replicas[0]?.get('k')).toBe(read)
  })
})

describe('a policy function', () => {
  it('decides, and may say that the key is absent', () => {
    const Smallest = definePartition({
      name,
      policy: (siblings: readonly Sibling<number>[]) =>
        siblings.some(({ deleted }) => deleted)
          ? undefined
          : Math.min(...siblings.map(({ value }) => value as number)),
    })
    expect(conflict(Smallest, [3, 1, 2]).read()).toEqual([1, 1, 1])
    const { replicas } = conflict(Smallest, [3, gone])
    expect([replicas[0]?.get('k'), replicas[0]?.size]).toEqual([undefined, 0])
  })

  const broken: [string, (siblings: readonly Sibling<unknown>[]) => unknown][] = [
    ['throws', () => JSON.parse('no')],
    ['gives what cannot be stored', () => () => 1],
  ]
  it.each(broken)('that %s is reported, and the last write wins', (_, policy) => {
    const { hosts, read } = conflict(definePartition({ name, policy }), ['a', 'b'])
    expect(read()).toEqual(['b', 'b'])
    expect(hosts[0]?.reported.map(({ code }) => code)).toEqual(['POLICY_FAILED'])
  })

  it('that depends on the order of the siblings is reported where that is asked for', () => {
    const policy = (siblings: readonly Sibling<unknown>[]) => siblings[0]?.value
    const { hosts, read } = conflict(definePartition({ name, policy }), ['a', 'b'])
    expect(read()).toEqual(['b', 'b'])
    expect(hosts[0]?.reported.map(({ code }) => code)).toEqual(['POLICY_FAILED'])
    const quiet = testHost({ doc: (hosts[0] as TestHost).doc, checkPolicies: false })
    expect(openPartition(definePartition({ name, policy }), quiet).get('k')).toBe('b')
    expect(quiet.reported).toEqual([])
  })
})
