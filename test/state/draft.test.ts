/** An action may change its draft in place: what comes of it is what the same code does to a copy. */
import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { z } from 'zod'
import { openPartition } from '../../src/partition/open-partition.ts'
import type { RegisterPartition } from '../../src/partition/register/register-partition.ts'
import type { Draft } from '../../src/state/draft.ts'
import { StateModule } from '../../src/state/module.ts'
import { defineModule } from '../../src/state/module-definition.ts'
import { type Table, table } from '../../src/state/table.ts'
import { pull, testHost } from '../partition/replica-model.ts'

interface Item {
  id: string
  n: number
}
interface State {
  users: Record<string, { n: number; tags: string[] }>
  map: Map<string, { n: number }>
  set: Set<string>
  list: Item[]
  table: Table<{ n: number }>
  whole: { deep: { n: number; tags: string[] } }
}
const initial = (): State => ({
  users: { a: { n: 0, tags: [] } },
  map: new Map([['a', { n: 0 }]]),
  set: new Set(['a']),
  list: [{ id: 'a', n: 0 }],
  table: table([['a', { n: 0 }]]),
  whole: { deep: { n: 0, tags: [] } },
})

type Change = (state: Draft<State>) => void
const Anything = defineModule({
  name: 'anything',
  initial: initial(),
  whole: ['whole'],
  schema: z.object({
    users: z.record(z.string(), z.object({ n: z.number().max(99), tags: z.array(z.string()) })),
    map: z.map(z.string(), z.object({ n: z.number() })),
    set: z.set(z.string().max(5)),
    list: z.array(z.object({ id: z.string(), n: z.number() })),
    table: z.custom<Table<{ n: number }>>(),
    whole: z.object({ deep: z.object({ n: z.number(), tags: z.array(z.string()) }) }),
  }) as z.ZodType<State>,
  actions: {
    run: (state, change: Change) => change(state),
    leak: (state, keep: (state: Draft<State>) => void) => keep(state),
    share: (state, name: string) => ({
      ...state,
      users: { ...state.users, [name]: state.users.a as never },
    }),
  },
})

function open(host = testHost({ checkPolicies: false })) {
  const registers = openPartition(Anything.partition, host) as unknown as RegisterPartition
  return { host, registers, module: new StateModule(Anything, registers) }
}

/** The same names and methods on a copy; a Map stands for the table, which is a Map to an action. */
function copyOf(state: State): Draft<State> {
  const { table: entries, ...rest } = state
  return structuredClone({ ...rest, table: new Map(entries) }) as unknown as Draft<State>
}

const name = fc.constantFrom('a', 'b', 'c', 'x/y')
const n = fc.nat(9)
const change: fc.Arbitrary<{ does: string; change: Change }> = fc
  .tuple(fc.nat(23), name, name, n)
  .map(([which, a, b, n]) => {
    const changes: Change[] = [
      state => {
        state.users[a] = { n, tags: [a] }
      },
      state => void delete state.users[a],
      state => {
        if (Object.hasOwn(state.users, a)) (state.users[a] as { n: number }).n += n
      },
      state => {
        if (Object.hasOwn(state.users, a)) state.users[a]?.tags.push(b)
      },
      state => {
        const from = Object.hasOwn(state.users, a) ? state.users[a] : undefined
        if (from) state.users[b] = { n: from.n, tags: [...from.tags] }
      },
      state => {
        for (const user of Object.values(state.users)) user.n = n
      },
      state => {
        state.users = {}
      },
      state => void state.map.set(a, { n }),
      state => void state.map.delete(a),
      state => {
        const found = state.map.get(a)
        if (found) found.n = n
      },
      state => state.map.clear(),
      state => {
        for (const [key, value] of state.map) if (key !== a) value.n += 1
      },
      state => void (state.set.has(a) ? state.set.delete(a) : state.set.add(a)),
      state => state.set.clear(),
      state => {
        if (!state.list.some(({ id }) => id === a)) state.list.push({ id: a, n })
      },
      state => {
        state.list = state.list.filter(({ id }) => id !== a)
      },
      state => void state.list.reverse(),
      state => void state.list.sort((x, y) => (x.id < y.id ? -1 : 1)),
      state => {
        for (const item of state.list) if (item.id === a) item.n = n
      },
      state => void state.table.set(a, { n }),
      state => void state.table.delete(a),
      state => {
        const found = state.table.get(a)
        if (found) found.n = n
      },
      state => {
        state.whole.deep.n = n
        state.whole.deep.tags[0] = a
      },
      state => {
        state.whole = { deep: { n, tags: [] } }
      },
    ]
    const change = changes[which] as Change
    return { does: `${change} with a=${a} b=${b} n=${n}`, change }
  })

describe('an action that changes its draft', () => {
  it('makes of the state what the same code makes of a copy, and others read the same', () => {
    fc.assert(
      fc.property(fc.array(fc.array(change, { maxLength: 4 }), { maxLength: 8 }), actions => {
        const [ours, theirs] = [open(), open(testHost({ writer: 9, actor: 'bob' }))]
        for (const changes of actions) {
          const before = ours.module.state
          const wanted = copyOf(before)
          const frozen = ours.module.serialize()
          for (const { change } of changes) change(wanted)
          ours.module.dispatch('run', state => {
            for (const { change } of changes) change(state)
          })
          expect(copyOf(ours.module.state)).toEqual(wanted)
          if (ours.module.state !== before) ours.module.restore(frozen)
          ours.module.dispatch('run', state => {
            for (const { change } of changes) change(state)
          })
        }
        pull(ours.host, theirs.host)
        expect(theirs.module.serialize()).toBe(ours.module.serialize())
        expect(open(ours.host).module.serialize()).toBe(ours.module.serialize())
      }),
      { numRuns: 150 },
    )
  })

  it('writes what it changed and nothing else', () => {
    const { module, registers } = open()
    const written = () => [...registers.keys()].sort()
    module.dispatch('run', state => {
      ;(state.users.a as { n: number }).n = 1
    })
    expect(written()).toEqual(['/users/a/n'])
    module.dispatch('run', state => void state.set.add('b').add('a'))
    module.dispatch('run', state => void state.map.set('b', { n: 1 }))
    expect(written()).toEqual(['/map/=b', '/map/=b/n', '/set/=b', '/users/a/n'])
  })

  it('leaves what was handed out before as it was, and is no change where it changes nothing', () => {
    const { module } = open()
    const before = module.state
    const text = module.serialize()
    module.dispatch('run', state => void (state.users.a as { tags: string[] }).tags.push('x'))
    expect(module.state.users.a?.tags).toEqual(['x'])
    expect(before.users.a?.tags).toEqual([])
    const after = module.state
    module.dispatch('run', state => void (state.users.a as { n: number }).n++)
    module.dispatch('run', state => void (state.users.a as { n: number }).n--)
    module.dispatch('run', state => void state.list.find(({ id }) => id === 'q'))
    expect(module.state.map).toBe(after.map)
    module.restore(text)
    expect(module.serialize()).toBe(text)
  })

  it('can put what is in one place into another', () => {
    const { module } = open()
    module.dispatch('run', state => {
      ;(state.users.a as { n: number }).n = 5
      state.users.b = state.users.a as never
      state.table.set('u', state.users.a as never)
    })
    expect([module.state.users.b?.n, module.state.table.get('u')?.n]).toEqual([5, 5])
    module.dispatch('share', 'c')
    expect(module.state.users.c).toEqual({ n: 5, tags: [] })
  })

  it('has no names that mean something else', () => {
    const { module } = open()
    module.dispatch('run', state => {
      const users = state.users as Record<string, { n: number; tags: string[] }>
      for (const name of ['__proto__', 'constructor']) users[name] = { n: 1, tags: [] }
      for (const name of ['__proto__', 'constructor']) (users[name] as { n: number }).n += 1
    })
    const { users } = module.state
    expect(Object.getPrototypeOf(users)).toBe(Object.prototype)
    expect(Object.keys(users)).toEqual(['a', '__proto__', 'constructor'])
    expect(Object.getOwnPropertyDescriptor(users, 'constructor')?.value.n).toBe(2)
  })

  it('is held to the schema where it changed something', () => {
    const { module } = open()
    const wrong: Change[] = [
      state => {
        ;(state.users.a as { n: number }).n = 100
      },
      state => {
        state.users.b = { n: 'x' as never, tags: [] }
      },
      state => void state.users.a?.tags.push(7 as never),
      state => void delete (state as Partial<State>).map,
      state => void delete (state.users.a as Partial<Item>).n,
      state => void state.set.add('too long'),
      state => void state.map.set(7 as never, { n: 1 }),
      state => void state.list.push({ id: 'b' } as Item),
      state => {
        state.whole.deep.n = 'x' as never
      },
    ]
    const before = module.serialize()
    for (const change of wrong) {
      expect(() => module.dispatch('run', change)).toThrow(
        expect.objectContaining({ code: 'VALUE_INVALID' }),
      )
    }
    expect(module.serialize()).toBe(before)
  })

  it('cannot keep its draft for later, nor wait', () => {
    const { module } = open()
    let kept: Draft<State> | undefined
    module.dispatch('leak', state => {
      kept = state
    })
    for (const later of [() => kept?.users, () => kept?.list, () => kept?.set.add('c')]) {
      expect(later).toThrow(expect.objectContaining({ code: 'ACTION_FAILED' }))
    }
    const waits = (async (state: Draft<State>) => {
      state.set.add('b')
      await Promise.resolve()
    }) as unknown as Change
    expect(() => module.dispatch('run', waits)).toThrow(
      expect.objectContaining({ code: 'ACTION_FAILED' }),
    )
    expect(module.state.set.has('b')).toBe(false)
  })
})
