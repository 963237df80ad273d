import { describe, expect, it } from 'vitest'
import { z } from 'zod'
import { agent, room } from '../../src/index.ts'
import { pick } from '../../src/partition/inbox/inbox.ts'
import { openModule } from '../../src/state/module.ts'
import { defineModule } from '../../src/state/module-definition.ts'
import { apart, settle, startPair } from '../history/pair.ts'
import { startFleet } from '../replica/fleet.ts'

/** The conversation of the ElizaOS document. */
interface Message {
  id: string
  from: string
  text: string
}

interface ConversationState {
  messages: Message[]
  topic: string | null
  sentiment: number
  participants: Set<string>
  people: Record<string, { name: string; mood?: string | undefined; seen?: Date | undefined }>
  scores: Map<string | number, number>
}

const Conversation = defineModule({
  name: 'conversation',
  schema: z.object({
    messages: z.array(z.object({ id: z.string(), from: z.string(), text: z.string() })),
    topic: z.string().nullable(),
    sentiment: z.number().min(-1).max(1),
    participants: z.set(z.string()),
    people: z.record(
      z.string(),
      z.object({ name: z.string(), mood: z.string().optional(), seen: z.date().optional() }),
    ),
    scores: z.map(z.union([z.string(), z.number()]), z.number()),
  }) satisfies z.ZodType<ConversationState>,
  initial: {
    messages: [],
    topic: null,
    sentiment: 0,
    participants: new Set<string>(),
    people: { host: { name: 'Host' } },
    scores: new Map(),
  } as ConversationState,
  actions: {
    addMessage: (state, message: Message) => ({ ...state, messages: [...state.messages, message] }),
    arrange: (state, messages: Message[]) => ({ ...state, messages }),
    updateTopic: (state, topic: string | null) => ({ ...state, topic }),
    feel: (state, sentiment: number) => ({ ...state, sentiment }),
    join: (state, who: string) => ({
      ...state,
      participants: new Set([...state.participants, who]),
      people: { ...state.people, [who]: { name: who } },
    }),
    leave: (state, who: string) => {
      const participants = new Set(state.participants)
      participants.delete(who)
      const { [who]: _, ...people } = state.people
      return { ...state, participants, people }
    },
    setMood: (state, change: { who: string; mood: string }) => {
      const person = { ...(state.people[change.who] ?? { name: change.who }), mood: change.mood }
      return { ...state, people: { ...state.people, [change.who]: person } }
    },
    rename: (state, change: { who: string; name: string }) => {
      const person = { ...state.people[change.who], name: change.name }
      return { ...state, people: { ...state.people, [change.who]: person } }
    },
    score: (state, change: { key: string | number; points: number }) => ({
      ...state,
      scores: new Map(state.scores).set(change.key, change.points),
    }),
    clear: state => ({ ...state, messages: [], topic: null }),
    become: (_, state: ConversationState) => state,
    fail: () => {
      throw new TypeError('no way')
    },
    both: state => {
      state.participants.add('mallory')
      return { ...state, topic: 'both' }
    },
  },
})

const scope = room('r1').conversation('c1')

const said = (id: string, text = id): Message => ({ id, from: 'ann', text })

async function openBoth() {
  const { ann, bob } = await startPair()
  const [first, second] = [
    await openModule(ann, scope, Conversation),
    await openModule(bob, scope, Conversation),
  ]
  await settle(ann, bob)
  return {
    ann: first,
    bob: second,
    settle: () => settle(ann, bob),
    apart: (fn: () => void) => apart([ann, bob], fn),
  }
}

describe('actions done at once on two replicas', () => {
  it('merge where they change different parts, down to the fields of one entry', async () => {
    const { ann, bob, settle, apart } = await openBoth()
    ann.dispatch('join', 'carol')
    ann.dispatch('addMessage', said('m1'))
    await settle()
    await apart(() => {
      ann.dispatch('updateTopic', 'weather')
      ann.dispatch('setMood', { who: 'carol', mood: 'glad' })
      ann.dispatch('join', 'dave')
      ann.dispatch('score', { key: 7, points: 1 })
      bob.dispatch('feel', 0.5)
      bob.dispatch('rename', { who: 'carol', name: 'Carol' })
      bob.dispatch('leave', 'host')
      bob.dispatch('score', { key: '7', points: 2 })
    })
    expect(ann.state).toEqual({
      messages: [said('m1')],
      topic: 'weather',
      sentiment: 0.5,
      participants: new Set(['carol', 'dave']),
      people: { carol: { name: 'Carol', mood: 'glad' }, dave: { name: 'dave' } },
      scores: new Map<string | number, number>([
        [7, 1],
        ['7', 2],
      ]),
    })
    expect(bob.serialize()).toBe(ann.serialize())
    expect(ann.conflicts()).toEqual([])
  })

  it('keep both new items of a list, in one order everywhere', async () => {
    const { ann, bob, settle, apart } = await openBoth()
    ann.dispatch('arrange', [said('m1'), said('m2'), said('m3')])
    await settle()
    await apart(() => {
      ann.dispatch('arrange', [said('m3'), said('m1'), said('a'), said('m2')])
      bob.dispatch('addMessage', said('b'))
      bob.dispatch(
        'arrange',
        bob.state.messages.map(m => (m.id === 'm1' ? said('m1', 'edited') : m)),
      )
    })
    expect(ann.state.messages).toEqual([
      said('m3'),
      said('m1', 'edited'),
      said('a'),
      said('m2'),
      said('b'),
    ])
    expect(bob.state.messages).toEqual(ann.state.messages)
  })

  it('are exact conflicts where they change one part, and are resolved as one', async () => {
    const { ann, bob, settle, apart } = await openBoth()
    await apart(() => {
      ann.dispatch('updateTopic', 'cats')
      bob.dispatch('updateTopic', 'dogs')
    })
    const [conflict] = ann.conflicts()
    expect(conflict?.path).toBe('/topic')
    expect(conflict?.siblings.map(({ value }) => value).sort()).toEqual(['cats', 'dogs'])
    expect(bob.state.topic).toBe(ann.state.topic)
    ann.resolve('/topic', 'both')
    await settle()
    expect(bob.state.topic).toBe('both')
    expect(bob.conflicts()).toEqual([])
    await apart(() => {
      ann.dispatch('updateTopic', 'up')
      bob.dispatch('updateTopic', 'down')
    })
    const down = ann.conflicts()[0]?.siblings.find(({ value }) => value === 'down')
    ann.resolve('/topic', pick(down as NonNullable<typeof down>))
    await settle()
    expect(bob.state.topic).toBe('down')
  })

  it('never leave half an entry: an entry that somebody deletes is gone, and the edit told', async () => {
    const { ann, bob, settle, apart } = await openBoth()
    ann.dispatch('join', 'carol')
    ann.dispatch('setMood', { who: 'carol', mood: 'calm' })
    await settle()
    await apart(() => {
      ann.dispatch('leave', 'carol')
      bob.dispatch('setMood', { who: 'carol', mood: 'angry' })
    })
    for (const module of [ann, bob]) {
      expect(module.state.people).toEqual({ host: { name: 'Host' } })
      expect(module.conflicts().map(({ path }) => path)).toEqual(['/people/carol/mood'])
    }
    bob.dispatch('join', 'carol')
    await settle()
    expect(ann.state.people.carol).toEqual({ name: 'carol' })
    expect(ann.conflicts()).toEqual([])
    expect(ann.violation()).toBeUndefined()
  })
})

describe('a state', () => {
  it('is frozen to the bottom, Maps, Sets and Dates included, and so is what is initial', async () => {
    const { ann } = await openBoth()
    ann.dispatch('become', { ...ann.state, people: { c: { name: 'c', seen: new Date(5) } } })
    const { messages, participants, scores, people } = ann.state
    expect(() => messages.push(said('x'))).toThrow(TypeError)
    expect(() => participants.add('x')).toThrow(/actions/)
    expect(() => scores.set('x', 1)).toThrow(/actions/)
    expect(() => people.c?.seen?.setTime(1)).toThrow(/actions/)
    expect(new Map(scores).set('x', 1).size).toBe(1)
    expect(people.c?.seen).toEqual(new Date(5))
  })

  it('shares with the one before it all that did not change', async () => {
    const { ann } = await openBoth()
    ann.dispatch('join', 'carol')
    const before = ann.state
    ann.dispatch('setMood', { who: 'carol', mood: 'glad' })
    expect(ann.state.participants).toBe(before.participants)
    expect(ann.state.people.host).toBe(before.people.host)
    expect(ann.state.people.carol).not.toBe(before.people.carol)
    const after = ann.state
    ann.dispatch('setMood', { who: 'carol', mood: 'glad' })
    expect(ann.state).toBe(after)
  })

  it('is told to subscribers once a change, and to selectors when theirs changed', async () => {
    const { ann, bob, settle } = await openBoth()
    const changes: unknown[] = []
    const topics: unknown[] = []
    bob.subscribe(({ origin, action, state }) => changes.push([origin, action, state.sentiment]))
    const stop = bob.select(
      ({ topic }) => topic,
      (topic, previous) => topics.push([topic, previous]),
    )
    bob.dispatch('feel', 1)
    ann.dispatch('updateTopic', 'tea')
    await settle()
    stop()
    bob.dispatch('updateTopic', 'milk')
    expect(changes).toEqual([
      ['local', 'feel', 1],
      ['remote', undefined, 1],
      ['local', 'updateTopic', 1],
    ])
    expect(topics).toEqual([['tea', null]])
  })

  it('can be changed by a listener, which reads what it changed', async () => {
    const { ann } = await openBoth()
    const seen: unknown[] = []
    ann.select(
      ({ topic }) => topic,
      topic => {
        ann.dispatch('feel', topic === 'sad' ? -1 : 1)
        seen.push([topic, ann.state.sentiment])
      },
    )
    ann.dispatch('updateTopic', 'sad')
    ann.dispatch('updateTopic', 'joy')
    expect(seen).toEqual([
      ['sad', -1],
      ['joy', 1],
    ])
  })

  it('is as it was after a restart, and restores from its text with every type', async () => {
    const Types = defineModule({
      name: 'types',
      initial: { values: {} as Record<string, unknown> },
      actions: { put: (state, values: Record<string, unknown>) => ({ ...state, values }) },
    })
    const { open } = await startFleet()
    const [ann, bob] = [await open('ann'), await open('bob')]
    const first = await openModule(ann, agent('a'), Types)
    const values = {
      big: 2n ** 80n,
      small: -5n,
      bytes: new Uint8Array([1, 255]),
      date: new Date(7),
      map: new Map<unknown, unknown>([
        [{ a: 1 }, new Set([1n])],
        ['x/y#~\0', -0],
      ]),
      odd: { $: 'map', __proto__: null, list: [NaN, Infinity, { id: 'a', when: new Date(1) }] },
      'a/b': [[1], []],
      empty: { list: [], set: new Set(), map: new Map(), object: {} },
      '': null,
    }
    Object.defineProperty(values, '__proto__', { value: { own: 1 }, enumerable: true })
    first.dispatch('put', values)
    const text = first.serialize()
    await settle(ann)
    const second = await openModule(bob, agent('a'), Types)
    await settle(bob)
    expect(second.serialize()).toBe(text)
    expect(second.state.values).toEqual(first.state.values)
    expect(Object.getPrototypeOf(second.state.values)).toBe(Object.prototype)
    const third = await openModule(bob, agent('b'), Types)
    third.restore(text)
    expect(third.serialize()).toBe(text)
    expect(third.state.values.map).toEqual(values.map)
    for (const wrong of ['', '[1]', '{"values":{"$":"what","of":[]}}', '7']) {
      expect(() => third.restore(wrong)).toThrow(expect.objectContaining({ code: 'VALUE_INVALID' }))
    }
    expect(third.serialize()).toBe(text)
  })
})

describe('what an action must not do', () => {
  const refused: [string, (module: Awaited<ReturnType<typeof openBoth>>['ann']) => unknown][] = [
    ['ACTION_UNKNOWN', module => module.dispatch('explode' as 'clear')],
    ['ACTION_UNKNOWN', module => module.dispatch('toString' as 'clear')],
    ['ACTION_FAILED', module => module.dispatch('fail')],
    ['ACTION_FAILED', module => module.dispatch('both')],
    ['VALUE_INVALID', module => module.dispatch('feel', 2)],
    ['VALUE_INVALID', module => module.dispatch('join', 7 as unknown as string)],
    ['VALUE_INVALID', module => module.dispatch('become', 7 as unknown as ConversationState)],
    ['VALUE_INVALID', module => module.dispatch('become', cyclic(module.state))],
    ['VALUE_INVALID', module => module.dispatch('become', (async () => module.state)() as never)],
    ['KEY_INVALID', module => module.dispatch('join', 'x'.repeat(2000))],
    ['KEY_INVALID', module => module.dispatch('join', '\ud800')],
  ]
  for (const [code, attempt] of refused) {
    it(`ends in ${code}, with nothing changed: ${attempt.toString().slice(10, 70)}`, async () => {
      const { ann } = await openBoth()
      ann.dispatch('updateTopic', 'before')
      const before = ann.serialize()
      expect(() => attempt(ann)).toThrow(expect.objectContaining({ code }))
      expect(ann.serialize()).toBe(before)
      ann.dispatch('updateTopic', 'after')
      expect(ann.state.topic).toBe('after')
    })
  }

  function cyclic(state: ConversationState): ConversationState {
    const people: Record<string, unknown> = {}
    people.self = people
    return { ...state, people: people as ConversationState['people'] }
  }

  it('is found in the declaration where it can be', () => {
    const declare = (options: object) => () =>
      defineModule({ name: 'm', initial: {}, actions: {}, ...options })
    const invalid = expect.objectContaining({ code: 'PARTITION_INVALID' })
    expect(declare({ name: '1' })).toThrow(invalid)
    expect(declare({ actions: { go: 7 } })).toThrow(invalid)
    expect(declare({ initial: undefined })).toThrow(invalid)
    expect(declare({ actions: undefined })).toThrow(invalid)
    expect(declare({ whole: ['a..b'] })).toThrow(invalid)
    expect(declare({ schema: Conversation.schema })).toThrow(
      expect.objectContaining({ code: 'VALUE_INVALID' }),
    )
  })
})
