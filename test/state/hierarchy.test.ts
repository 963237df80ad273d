import { describe, expect, it } from 'vitest'
import { agent, conversation, definePartition, globalScope, room } from '../../src/index.ts'
import { openHierarchy, standardLevels } from '../../src/state/hierarchy.ts'
import { openReadThrough } from '../../src/state/read-through.ts'
import { apart, settle, startPair } from '../history/pair.ts'

const scope = agent('a1').room('r1').conversation('c1').message('m1')

describe('the levels of an agent', () => {
  it('each hold what the document names, on every replica', async () => {
    const { ann, bob } = await startPair()
    const first = await openHierarchy(ann, scope)
    const second = await openHierarchy(bob, scope)
    await settle(ann, bob)
    await apart([ann, bob], () => {
      first.at('global').system.dispatch('configure', { model: 'small', retries: 3 })
      second.at('global').system.dispatch('share', { name: 'printer', resource: { url: 'lp0' } })
      first.at('global').metrics.increment('messages', 2)
      second.at('global').metrics.increment('messages')
      first.at('agent').agent.dispatch('setGoal', { id: 'g1', description: 'help', status: 'open' })
      second.at('agent').agent.dispatch('relate', { to: 'u1', relationship: { kind: 'friend' } })
      second.at('agent').agent.dispatch('learn', { name: 'sky', fact: 'blue' })
      first.at('room').room.dispatch('join', 'ann')
      second.at('room').room.dispatch('join', 'bob')
      first.at('room').history.append({ id: 'm1', from: 'ann', text: 'hi' })
      first.at('conversation').conversation.dispatch('setTopic', 'tea')
      second.at('conversation').conversation.dispatch('feel', 0.5)
      second.at('conversation').thread.append({ id: 'm1', from: 'ann', text: 'hi' })
      first.at('message').message.dispatch('annotate', { language: 'en' })
    })
    second.at('agent').agent.dispatch('completeGoal', 'g1')
    await settle(ann, bob)
    for (const hierarchy of [first, second]) {
      const { system, metrics } = hierarchy.at('global')
      expect(system.state.systemConfig).toEqual({ model: 'small', retries: 3 })
      expect(system.state.sharedResources.get('printer')).toEqual({ url: 'lp0' })
      expect(metrics.value('messages')).toBe(3)
      const { goals, relationships, knowledge } = hierarchy.at('agent').agent.state
      expect(goals).toEqual([{ id: 'g1', description: 'help', status: 'done' }])
      expect(relationships.get('u1')).toEqual({ kind: 'friend' })
      expect(knowledge.get('sky')).toBe('blue')
      expect(hierarchy.at('room').room.state.participants).toEqual(new Set(['ann', 'bob']))
      expect(hierarchy.at('room').history.length).toBe(1)
      const { conversation, thread } = hierarchy.at('conversation')
      expect(conversation.state).toEqual({ currentTopic: 'tea', sentiment: 0.5, activeGoals: [] })
      expect([...thread].map(({ value }) => value.text)).toEqual(['hi'])
      expect(hierarchy.at('message').message.state.annotations).toEqual({ language: 'en' })
    }
  })

  it('can be extended, and opened where scopes do not contain one another', async () => {
    const { ann } = await startPair()
    const Polls = definePartition<number>({ name: 'polls', policy: 'last-write-wins' })
    const levels = { ...standardLevels, room: { ...standardLevels.room, polls: Polls } }
    const hierarchy = await openHierarchy(ann, [room('r1'), agent('a1'), globalScope], levels)
    hierarchy.at('room').polls.set('lunch', 3)
    expect(hierarchy.at('room').polls.get('lunch')).toBe(3)
    const invalid = expect.objectContaining({ code: 'SCOPE_INVALID' })
    expect(() => hierarchy.at('conversation')).toThrow(invalid)
    await expect(openHierarchy(ann, [])).rejects.toThrow(invalid)
    await expect(openHierarchy(ann, [room('r1'), room('r2')])).rejects.toThrow(invalid)
    hierarchy.close()
    expect(() => hierarchy.at('room').polls.get('lunch')).toThrow(/closed/)
  })
})

describe('a read that falls through', () => {
  const Config = definePartition<number>({ name: 'config', policy: 'last-write-wins' })
  const chain = [conversation('c1'), room('r1'), agent('a1'), globalScope]

  it('is answered by the innermost scope that has the key, which is named', async () => {
    const { ann, bob } = await startPair()
    const ours = await openReadThrough(ann, chain, Config)
    const theirs = await openReadThrough(bob, chain, Config)
    const answer = (key: string) => {
      const { value, scope } = theirs.get(key) ?? {}
      return [value, scope?.toString()]
    }
    ours.set('heat', 1, globalScope)
    ours.set('heat', 2, agent('a1'))
    await settle(ann, bob)
    expect(answer('heat')).toEqual([2, 'agent:a1'])
    const told: unknown[] = []
    theirs.subscribe(({ key, answer, changedAt }) => {
      told.push([key, answer?.value, `${answer?.scope}`, `${changedAt}`])
    })
    ours.set('heat', 3)
    await settle(ann, bob)
    expect(answer('heat')).toEqual([3, 'conversation:c1'])
    expect([...theirs.answers('heat')].map(({ value }) => value)).toEqual([3, 2, 1])
    expect([...theirs.entries()].map(([key, { value }]) => [key, value])).toEqual([['heat', 3]])
    ours.delete('heat')
    ours.set('heat', 5, globalScope)
    await settle(ann, bob)
    expect(answer('heat')).toEqual([2, 'agent:a1'])
    expect(answer('absent')).toEqual([undefined, undefined])
    expect(told).toEqual(
      expect.arrayContaining([
        ['heat', 3, 'conversation:c1', 'conversation:c1'],
        ['heat', 2, 'agent:a1', 'global'],
      ]),
    )
    expect(() => ours.set('heat', 1, room('r9'))).toThrow(/not in this chain/)
  })
})
