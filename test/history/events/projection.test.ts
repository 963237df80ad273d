import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { openEvents } from '../../../src/history/events/event-store.ts'
import { openProjection, type Projection } from '../../../src/history/events/projection.ts'
import { defineProjection } from '../../../src/history/events/projection-definition.ts'
import { ProjectionState } from '../../../src/history/events/projection-state.ts'
import { definePartition, room } from '../../../src/index.ts'
import { Balances, Bank } from '../bank.ts'
import { apart, settle, startPair } from '../pair.ts'

const here = room('r1')
const contents = (view: Projection<never, number> | Iterable<[string, number]>) =>
  Object.fromEntries(view as Iterable<[string, number]>)

describe('a projection', () => {
  it('is the same on every replica, whatever arrived when', async () => {
    const { ann, bob } = await startPair()
    const anns = await openEvents(ann, here, Bank)
    const bobs = await openEvents(bob, here, Bank)
    const annView = await openProjection(ann, here, Balances)
    const bobView = await openProjection(bob, here, Balances)
    anns.emit('credited', { account: 'x', amount: 10 })
    await settle(ann, bob)
    await apart([ann, bob], () => {
      anns.emit('debited', { account: 'x', amount: 8 })
      bobs.emit('debited', { account: 'x', amount: 7 })
    })
    // Both took money that is there once: the order decides, everywhere alike.
    expect(contents(annView)).toEqual({ x: 2 })
    expect(annView.bytes()).toEqual(bobView.bytes())
    expect(annView.problems()).toEqual(bobView.problems())
    expect(annView.problems()).toMatchObject([{ error: { code: 'PROJECTION_FAILED' } }])
    expect(annView.check()).toMatchObject({ same: true, digest: bobView.digest() })
    annView.rebuild()
    expect(annView.bytes()).toEqual(bobView.bytes())
  })

  it('writes the same registers from any replica, without a conflict', async () => {
    const { ann, bob } = await startPair()
    const Rebuilt = definePartition<number, 'last-write-wins'>({
      name: 'rebuilt',
      policy: 'last-write-wins',
    })
    const events = await openEvents(ann, here, Bank)
    const annView = await openProjection(ann, here, Balances)
    const bobView = await openProjection(bob, here, Balances)
    const anns = await ann.open(here, Rebuilt)
    const bobs = await bob.open(here, Rebuilt)
    events.emit('credited', { account: 'x', amount: 10 })
    events.emit('credited', { account: 'y', amount: 5 })
    anns.set('stray', 1)
    await settle(ann, bob)
    await apart([ann, bob], () => {
      expect(annView.writeTo(anns)).toBe(3)
      expect(bobView.writeTo(bobs)).toBe(3)
    })
    expect(contents(anns)).toEqual({ x: 10, y: 5 })
    expect(contents(bobs)).toEqual(contents(anns))
    expect([...anns.conflicts(), ...bobs.conflicts()]).toEqual([])
    expect(annView.writeTo(anns)).toBe(0)
  })

  it('folds only what came after the snapshot', async () => {
    const { ann, bob } = await startPair()
    const events = await openEvents(ann, here, Bank)
    const view = await openProjection(ann, here, Balances, { snapshotEvents: 50 })
    for (let n = 0; n < 120; n++) events.emit('credited', { account: `a${n % 7}`, amount: 1 })
    await settle(ann)
    // Waits for the documents of the relay.
    ;(await openProjection(bob, here, Balances)).close()
    await settle(ann, bob)
    const other = await openProjection(bob, here, Balances)
    expect(other.folded).toBe(20)
    expect(other.bytes()).toEqual(view.bytes())
    expect(other.check().same).toBe(true)
  })

  it('does not use a snapshot that a late event has made wrong, nor one of other rules', async () => {
    const { ann, bob } = await startPair()
    const anns = await openEvents(ann, here, Bank)
    const bobs = await openEvents(bob, here, Bank)
    const view = await openProjection(bob, here, Balances)
    ann.disconnect()
    anns.emit('credited', { account: 'x', amount: 1 })
    bobs.emit('credited', { account: 'x', amount: 10 })
    view.snapshot()
    await settle(ann, bob)
    const again = await openProjection(bob, here, Balances)
    expect(again.folded).toBe(2)
    expect(contents(again)).toEqual({ x: 11 })
    again.snapshot()
    expect((await openProjection(bob, here, Balances)).folded).toBe(0)
    const Other = { ...Balances, version: 2 }
    expect((await openProjection(bob, here, Other)).folded).toBe(2)
  })

  it('shows rules that look at more than the event', async () => {
    const { ann } = await startPair()
    let outside = 0
    const Impure = defineProjection<number, typeof Bank.schemas>({
      name: 'impure',
      events: Bank,
      rules: { closed: (view, { data }) => view.set(data.account, outside++) },
    })
    const events = await openEvents(ann, here, Bank)
    const view = await openProjection(ann, here, Impure)
    events.emit('closed', { account: 'x' })
    expect(view.check().same).toBe(false)
  })

  it('refuses rules for events that are not declared', () => {
    expect(() =>
      defineProjection({ name: 'p', events: Bank, rules: { robbed: () => {} } as never }),
    ).toThrow(expect.objectContaining({ code: 'PARTITION_INVALID' }))
  })
})

describe('the state of a fold', () => {
  const position = (n: number) => ({ timestamp: n, actor: 'a', writer: 1, seq: n })

  it('undoes what a failing rule had done, and lets no rule write later', () => {
    const state = new ProjectionState<number>()
    let kept: { set(key: string, value: number): void } | undefined
    state.apply(position(0), view => view.set('x', 1))
    state.apply(position(1), view => {
      kept = view
      view.set('x', 2)
      view.set('y', 2)
      throw new Error('no')
    })
    state.apply(position(2), (async () => {}) as never)
    expect([...state.keys()].map(key => [key, state.get(key)])).toEqual([['x', 1]])
    expect(state.problems).toHaveLength(2)
    expect(() => kept?.set('x', 3)).toThrow(expect.objectContaining({ code: 'CLOSED' }))
  })

  it('rewinds to what it was', () => {
    const change = fc.record({
      key: fc.constantFrom('a', 'b', 'c'),
      value: fc.option(fc.integer()),
      fails: fc.boolean(),
    })
    fc.assert(
      fc.property(fc.array(change), fc.nat(), (changes, cut) => {
        const upTo = (count: number) => {
          const state = new ProjectionState<number>()
          for (const [n, { key, value, fails }] of changes.slice(0, count).entries()) {
            state.apply(position(n), view => {
              if (value === null) view.delete(key)
              else view.set(key, value)
              if (fails) throw new Error('no')
            })
          }
          return state
        }
        const at = cut % (changes.length + 1)
        const rewound = upTo(changes.length)
        expect(rewound.rewind(position(at - 1))).toBe(true)
        const fresh = upTo(at)
        const read = (state: ProjectionState<number>) =>
          [...state.keys()].sort().map(key => [key, state.get(key)])
        expect(read(rewound)).toEqual(read(fresh))
        expect(rewound.count).toBe(fresh.count)
        expect(rewound.problems.length).toBe(fresh.problems.length)
      }),
    )
  })

  it('cannot rewind without end', () => {
    const state = new ProjectionState<number>()
    for (let n = 0; n < 3000; n++) state.apply(position(n), view => view.set('x', n))
    expect(state.rewind(position(10))).toBe(false)
    expect(state.rewind(position(2500))).toBe(true)
    expect(state.get('x')).toBe(2500)
  })
})
