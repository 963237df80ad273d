import { describe, expect, it } from 'vitest'
import { room } from '../../src/index.ts'
import { composeModules } from '../../src/state/composed.ts'
import { defineModule } from '../../src/state/module-definition.ts'
import { apart, settle, startPair } from '../history/pair.ts'

const Counts = defineModule({
  name: 'counts',
  initial: { counts: new Map<string, number>() },
  actions: {
    count: (state, name: string) => {
      const counts = new Map(state.counts)
      return { ...state, counts: counts.set(name, (counts.get(name) ?? 0) + 1) }
    },
  },
})
const Title = defineModule({
  name: 'title',
  initial: { text: '', tags: new Set<string>() },
  actions: {
    rename: (state, text: string) => ({ ...state, text }),
    tag: (state, tag: string) => ({ ...state, tags: new Set([...state.tags, tag]) }),
  },
})

describe('composed modules', () => {
  it('are one state that merges, serialises and restores', async () => {
    const { ann, bob } = await startPair()
    const modules = { counts: Counts, title: Title }
    const first = await composeModules(ann, room('r1'), modules)
    const second = await composeModules(bob, room('r1'), modules)
    const seen: unknown[] = []
    second.subscribe(({ state, previous, origin }) => {
      seen.push([origin, previous.title.text, state.title.text, state.counts === previous.counts])
    })
    await settle(ann, bob)
    await apart([ann, bob], () => {
      first.modules.title.dispatch('rename', 'both')
      first.modules.counts.dispatch('count', 'ann')
      second.modules.title.dispatch('tag', 'new')
      second.modules.counts.dispatch('count', 'bob')
    })
    const state = {
      counts: {
        counts: new Map([
          ['ann', 1],
          ['bob', 1],
        ]),
      },
      title: { text: 'both', tags: new Set(['new']) },
    }
    expect(first.state).toEqual(state)
    expect(second.state).toEqual(state)
    expect(second.state).toBe(second.state)
    expect(seen).toContainEqual(['remote', '', 'both', true])
    const text = first.serialize()
    expect(second.serialize()).toBe(text)
    const other = await composeModules(bob, room('r2'), modules)
    other.restore(text)
    expect(other.state).toEqual(state)
    expect(() => other.restore('{"strange":{}}')).toThrow(/no module "strange"/)
    for (const each of [first, second, other]) each.close()
    expect(() => first.modules.title.dispatch('tag', 'x')).toThrow(
      expect.objectContaining({ code: 'CLOSED' }),
    )
  })
})
