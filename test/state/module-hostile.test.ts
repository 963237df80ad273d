/** What strangers may put into the document of a module. */
import { describe, expect, it } from 'vitest'
import { openPartition } from '../../src/partition/open-partition.ts'
import type { RegisterPartition } from '../../src/partition/register/register-partition.ts'
import { StateModule } from '../../src/state/module.ts'
import { defineModule } from '../../src/state/module-definition.ts'
import { table } from '../../src/state/table.ts'
import { pull, testHost } from '../partition/replica-model.ts'

const initial = {
  text: '',
  map: new Map<string, number>(),
  set: new Set<string>(),
  list: [] as { id: string }[],
  table: table<number>(),
}
const Mixed = defineModule({
  name: 'mixed',
  initial,
  actions: {
    write: (state, text: string) => ({ ...state, text }),
    empty: () => initial,
  },
})

function open(host: ReturnType<typeof testHost>): {
  module: StateModule<typeof initial, (typeof Mixed)['actions']>
  registers: RegisterPartition
} {
  const registers = openPartition(Mixed.partition, host) as unknown as RegisterPartition
  return { registers, module: new StateModule(Mixed, registers) }
}

describe('foreign content of a module', () => {
  it('that is no part of a state is left out and named, and the rest goes on', () => {
    const [ours, theirs] = [testHost({ writer: 1 }), testHost({ writer: 2, actor: 'eve' })]
    const { module } = open(ours)
    const { registers } = open(theirs)
    const wrong: [string, unknown][] = [
      ['/text/a', 7],
      ['/x', 'plain'],
      ['/y', { n: 'q' }],
      ['/z', { v: 1, p: 'first' }],
      ['nowhere', { v: 1 }],
      ['/list/a#', { p: [] }],
      ['/list/b', null],
    ]
    const odd: [string, unknown][] = [
      ['/map/no-key', { v: 1 }],
      ['/map/:1', { v: 1 }],
      ['/set/no-key', { v: 'x' }],
      ['/list/c', { v: 5 }],
      ['/list/d#', { p: [3] }],
      ['/__proto__', { n: 'o' }],
      ['/__proto__/polluted', { v: true }],
      [`/deep${'/d'.repeat(500)}`, { v: 1 }],
    ]
    for (const [path, part] of [...wrong, ...odd]) registers.set(path, part)
    pull(theirs, ours)
    expect(module.problems().map(({ place }) => place)).toEqual(wrong.map(([path]) => path))
    expect(module.problems().every(({ error }) => error.code === 'ENTRY_INVALID')).toBe(true)
    expect(({} as { polluted?: boolean }).polluted).toBeUndefined()
    const { map, set, text, list } = module.state
    expect([map.size, set.size, text, list]).toEqual([0, 0, '', [5]])
    module.dispatch('write', 'on')
    expect(module.state.text).toBe('on')
    module.dispatch('empty')
    expect(module.state).toEqual(initial)
    pull(ours, theirs)
    registers.set('/text', 'plain')
    registers.delete('/x')
    pull(theirs, ours)
    expect(module.problems()).toHaveLength(wrong.length)
    expect(Object.keys(module.state)).not.toContain('text')
  })
})
