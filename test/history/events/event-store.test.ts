import { describe, expect, it } from 'vitest'
import { openEvents } from '../../../src/history/events/event-store.ts'
import { room } from '../../../src/index.ts'
import { Bank } from '../bank.ts'
import { apart, settle, startPair } from '../pair.ts'

const here = room('r1')

describe('events', () => {
  it('are read in one order by everybody, with a sequence for each writer', async () => {
    const { ann, bob } = await startPair()
    const anns = await openEvents(ann, here, Bank)
    const bobs = await openEvents(bob, here, Bank)
    await apart([ann, bob], () => {
      anns.emit('credited', { account: 'x', amount: 1 })
      bobs.emit('credited', { account: 'x', amount: 2 })
      anns.emit('debited', { account: 'x', amount: 3 })
    })
    expect([...bobs.replay()]).toEqual([...anns.replay()])
    expect([...anns.replay()].filter(({ actor }) => actor === 'ann').map(({ seq }) => seq)).toEqual(
      [0, 1],
    )
    expect(anns.verify()).toMatchObject({ lanes: 2, entries: 3, problems: [] })
  })

  it('emits several as one, or none', async () => {
    const { ann } = await startPair()
    const events = await openEvents(ann, here, Bank)
    expect(() =>
      events.emitAll([
        { type: 'debited', data: { account: 'x', amount: 5 } },
        { type: 'credited', data: { account: 'y', amount: -5 } },
      ]),
    ).toThrow(expect.objectContaining({ code: 'VALUE_INVALID' }))
    expect(() => events.emit('stolen' as 'closed', { account: 'x' })).toThrow(
      expect.objectContaining({ code: 'EVENT_UNKNOWN' }),
    )
    expect(() => events.emit('toString' as 'closed', { account: 'x' })).toThrow(
      expect.objectContaining({ code: 'EVENT_UNKNOWN' }),
    )
    expect(events.length).toBe(0)
    expect(() => [...events.replay({ types: ['stolen' as 'closed'] })]).toThrow(
      expect.objectContaining({ code: 'EVENT_UNKNOWN' }),
    )
  })

  it('replays from a position, from a cursor, and by type', async () => {
    const { ann } = await startPair()
    const events = await openEvents(ann, here, Bank)
    const first = events.emit('credited', { account: 'x', amount: 1 })
    const cursor = events.cursor()
    events.emit('debited', { account: 'x', amount: 1 })
    events.emit('closed', { account: 'x' })
    const types = (from: Parameters<typeof events.replay>[0]) =>
      [...events.replay(from)].map(({ type }) => type)
    expect(types({ from: first })).toEqual(['debited', 'closed'])
    expect(types({ from: { cursor } })).toEqual(['debited', 'closed'])
    expect(types({ types: ['closed'] })).toEqual(['closed'])
    expect(types({ from: 'now' })).toEqual([])
    expect(() => types({ from: { cursor: { me: -1 } } })).toThrow(
      expect.objectContaining({ code: 'OPTION_INVALID' }),
    )
  })

  it('leaves out what is no event of ours, and goes on', async () => {
    const { ann, bob } = await startPair()
    const log = await bob.open(here, Bank.partition)
    const events = await openEvents(ann, here, Bank)
    log.append({ type: 'from the future', data: 1 })
    log.append('nonsense' as never)
    events.emit('closed', { account: 'x' })
    await settle(ann, bob)
    expect([...events.replay()].map(({ type }) => type)).toEqual(['closed'])
    expect(events.length).toBe(3)
  })
})

describe('a subscription', () => {
  it('tells what was there and what comes in, once each', async () => {
    const { ann, bob } = await startPair()
    const anns = await openEvents(ann, here, Bank)
    const bobs = await openEvents(bob, here, Bank)
    anns.emit('credited', { account: 'x', amount: 1 })
    const told: string[] = []
    anns.subscribe(
      arrivals => {
        for (const { event, origin } of arrivals) told.push(`${event.data.amount} ${origin}`)
        // A listener that emits hears of it too.
        if (told.length === 1) anns.emit('credited', { account: 'x', amount: 2 })
      },
      { from: 'start', types: ['credited'] },
    )
    bobs.emit('credited', { account: 'x', amount: 3 })
    bobs.emit('closed', { account: 'x' })
    await settle(ann, bob)
    expect(told).toEqual(['1 stored', '2 local', '3 remote'])
  })

  it('goes on from its cursor without loss, also for events that arrive late', async () => {
    const { ann, bob } = await startPair()
    const anns = await openEvents(ann, here, Bank)
    const bobs = await openEvents(bob, here, Bank)
    const first = anns.subscribe(() => {})
    expect(first.cursor).toEqual({})
    bob.disconnect()
    bobs.emit('credited', { account: 'early', amount: 1 })
    anns.emit('credited', { account: 'x', amount: 2 })
    const { cursor } = first
    first.end()
    await settle(ann, bob)
    const missed: string[] = []
    anns.subscribe(arrivals => missed.push(...arrivals.map(({ event }) => event.data.account)), {
      from: { cursor },
    })
    expect(missed).toEqual(['early'])
  })

  it('says which events arrive late', async () => {
    const { ann, bob } = await startPair()
    const anns = await openEvents(ann, here, Bank)
    const bobs = await openEvents(bob, here, Bank)
    const late: boolean[] = []
    bobs.subscribe(arrivals => late.push(...arrivals.map(arrival => arrival.late)))
    // Within one millisecond the actor decides, so that of ann stands first.
    await apart([ann, bob], () => {
      anns.emit('credited', { account: 'x', amount: 1 })
      bobs.emit('credited', { account: 'x', amount: 2 })
    })
    expect(late).toEqual([false, true])
  })

  it('begins behind a position, and its cursor has passed what is before', async () => {
    const { ann } = await startPair()
    const events = await openEvents(ann, here, Bank)
    const first = events.emit('closed', { account: 'a' })
    events.emit('closed', { account: 'b' })
    const told: string[] = []
    const subscription = events.subscribe(
      arrivals => told.push(...arrivals.map(({ event }) => event.data.account)),
      { from: first },
    )
    expect(told).toEqual(['b'])
    expect(subscription.cursor).toEqual(events.cursor())
  })
})
