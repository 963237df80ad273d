import { describe, expect, it } from 'vitest'
import { z } from 'zod'
import { type Replica, room } from '../../src/index.ts'
import { openHierarchy } from '../../src/state/hierarchy.ts'
import { openLifecycle } from '../../src/state/lifecycle.ts'
import { standardTransitions } from '../../src/state/standard-transitions.ts'
import {
  defineTransition,
  openStateManager,
  type StateChanged,
} from '../../src/state/state-manager.ts'
import { apart, settle, startPair } from '../history/pair.ts'

const scope = room('r1').conversation('c1')

async function manage(replica: Replica) {
  const context = await openHierarchy(replica, scope)
  const manager = await openStateManager(replica, scope, {
    context,
    transitions: {
      ...standardTransitions,
      explode: defineTransition(z.object({}), () => {
        throw new RangeError('boom')
      }),
    },
  })
  const told: StateChanged[] = []
  manager.on('state:changed', changed => told.push(changed))
  return { context, manager, told }
}

describe('a transition', () => {
  it('changes the state, is durable, and then told with its cause, on every replica', async () => {
    const { ann, bob } = await startPair()
    const [ours, theirs] = [await manage(ann), await manage(bob)]
    const flushed: number[] = []
    const flush = ann.flush.bind(ann)
    ann.flush = async options => {
      await flush(options)
      flushed.push(ours.told.length)
    }
    ours.manager.lifecycle.move('active')
    ours.context.at('conversation').conversation.dispatch('setGoal', {
      id: 'g1',
      description: 'greet',
      status: 'open',
    })
    await Promise.all([
      ours.manager.transition('user_joined', { user: 'u1' }),
      ours.manager.transition('message_received', { id: 'm1', from: 'u1', text: 'hi' }),
      ours.manager.transition('goal_completed', { goal: 'g1' }),
      ours.manager.transition('context_switch', { context: 'lobby', topic: 'tea' }),
    ])
    expect(flushed).toEqual([0, 1, 2, 3])
    expect(ours.manager.lifecycle.phase).toBe('persisted')
    const arrived = new Promise<void>(resolve => {
      theirs.manager.on('state:changed', ({ event }) => {
        if (event === 'context_switch') resolve()
      })
    })
    await settle(ann, bob)
    await arrived
    const { room, history } = theirs.context.at('room')
    const { conversation } = theirs.context.at('conversation')
    expect(room.state).toMatchObject({ participants: new Set(['u1']), context: 'lobby' })
    expect(conversation.state).toMatchObject({ currentTopic: 'tea' })
    expect(conversation.state.activeGoals).toMatchObject([{ id: 'g1', status: 'done' }])
    expect(history.length).toBe(1)
    const events = ['user_joined', 'message_received', 'goal_completed', 'context_switch']
    expect(ours.told.map(({ event, origin }) => [event, origin])).toEqual(
      events.map(event => [event, 'local']),
    )
    expect(theirs.told.map(({ event, origin }) => [event, origin])).toEqual(
      events.map(event => [event, 'remote']),
    )
    expect(theirs.told[0]?.cause).toMatchObject({ actor: 'ann', payload: { user: 'u1' } })
    expect(theirs.manager.lifecycle.phaseOf('ann')).toBe('persisted')
  })

  it('is refused with a code where it is unknown, malformed, or fails', async () => {
    const { ann } = await startPair()
    const { manager, told, context } = await manage(ann)
    const attempt = (event: string, payload: unknown) =>
      manager.transition(event as 'user_joined', payload as never)
    await expect(attempt('user_joined', { user: 'u' })).rejects.toMatchObject({
      code: 'LIFECYCLE_ILLEGAL',
    })
    manager.lifecycle.move('active')
    const refused: [string, unknown, string][] = [
      ['user_left', {}, 'TRANSITION_UNKNOWN'],
      ['toString', {}, 'TRANSITION_UNKNOWN'],
      ['user_joined', { user: 7 }, 'VALUE_INVALID'],
      ['user_joined', undefined, 'VALUE_INVALID'],
    ]
    for (const [event, payload, code] of refused) {
      await expect(attempt(event, payload)).rejects.toMatchObject({ code })
    }
    expect(manager.lifecycle.phase).toBe('active')
    await expect(attempt('explode', {})).rejects.toMatchObject({
      code: 'TRANSITION_FAILED',
      cause: new RangeError('boom'),
    })
    expect(told).toEqual([])
    expect(context.at('room').room.state.participants.size).toBe(0)
    await attempt('user_joined', { user: 'u' })
    expect(told).toHaveLength(1)
  })

  it('is not told where it cannot be made durable', async () => {
    const { ann } = await startPair()
    const { manager, told } = await manage(ann)
    manager.lifecycle.move('active')
    ann.flush = () => Promise.reject(new Error('full'))
    await expect(manager.transition('user_joined', { user: 'u' })).rejects.toThrow('full')
    expect(told).toEqual([])
    expect(manager.lifecycle.phase).toBe('updated')
  })
})

describe('a lifecycle', () => {
  it('moves only as it may, and is seen everywhere', async () => {
    const { ann, bob } = await startPair()
    const [ours, theirs] = [await openLifecycle(ann, scope), await openLifecycle(bob, scope)]
    const moves: unknown[] = []
    theirs.onMove(({ actor, from, to, origin }) => moves.push([actor, from, to, origin]))
    const illegal = expect.objectContaining({ code: 'LIFECYCLE_ILLEGAL' })
    for (const to of ['initialize', 'updated', 'persisted', 'archived', 'nowhere'] as const) {
      expect(() => ours.move(to as 'active')).toThrow(illegal)
    }
    ours.move('active')
    expect(() => ours.move('persisted')).toThrow(illegal)
    await settle(ann, bob)
    for (const to of ['updated', 'persisted', 'active', 'updated', 'persisted'] as const) {
      ours.move(to)
      await settle(ann, bob) // what arrives together is one change
    }
    expect(theirs.phaseOf('ann')).toBe('persisted')
    ours.move('archived')
    await settle(ann, bob)
    expect(theirs.phase).toBe('archived')
    expect(() => theirs.move('active')).toThrow(illegal)
    expect(moves[0]).toEqual([undefined, 'initialize', 'active', 'remote'])
    expect(moves).toContainEqual(['ann', 'updated', 'persisted', 'remote'])
    expect(moves.at(-1)).toEqual([undefined, 'active', 'archived', 'remote'])
  })

  it('stays archived where somebody went on without having seen it', async () => {
    const { ann, bob } = await startPair()
    const [ours, theirs] = [await manage(ann), await manage(bob)]
    ours.manager.lifecycle.move('active')
    await settle(ann, bob)
    let done: Promise<unknown> | undefined
    await apart([ann, bob], () => {
      ours.manager.lifecycle.move('archived')
      done = theirs.manager.transition('user_joined', { user: 'late' })
    })
    await done
    await settle(ann, bob)
    expect(theirs.manager.lifecycle.phase).toBe('archived')
    expect(ours.context.at('room').room.state.participants).toEqual(new Set(['late']))
    await expect(theirs.manager.transition('user_joined', { user: 'x' })).rejects.toMatchObject({
      code: 'LIFECYCLE_ILLEGAL',
    })
  })
})
