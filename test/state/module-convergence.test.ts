/** Random states, changed by several replicas that see each other now and then. */
import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { openPartition } from '../../src/partition/open-partition.ts'
import type { RegisterPartition } from '../../src/partition/register/register-partition.ts'
import { StateModule } from '../../src/state/module.ts'
import { defineModule } from '../../src/state/module-definition.ts'
import { table } from '../../src/state/table.ts'
import { pull, syncAll, testHost } from '../partition/replica-model.ts'

type State = { [name: string]: unknown }

const Anything = defineModule({
  name: 'anything',
  initial: { list: [{ id: 'x', of: 1 }], set: new Set([1]), there: { a: 1, b: { c: 2 } } } as State,
  actions: { put: (state, change: State) => ({ ...state, ...change }) },
})

const name = fc.constantFrom('a', 'b', 'x', 'y')
const leaf = fc.constantFrom<unknown>(0, 1, 'one', null, true, [1, 2], new Date(3))
const { value: anyValue } = fc.letrec<{ value: unknown }>(tie => ({
  value: fc.oneof(
    { depthSize: 'small' },
    leaf,
    fc.dictionary(name, tie('value'), { maxKeys: 3 }),
    fc.array(fc.tuple(name, tie('value')), { maxLength: 3 }).map(pairs => new Map(pairs)),
    fc.array(fc.tuple(name, tie('value')), { maxLength: 3 }).map(pairs => table(pairs)),
    fc.array(leaf, { maxLength: 3 }).map(members => new Set(members)),
    fc
      .uniqueArray(name)
      .chain(ids =>
        fc.tuple(...ids.map(id => fc.record({ id: fc.constant(id), of: tie('value') }))),
      ),
  ),
}))
const field = fc.constantFrom('list', 'set', 'there', 'x', 'y')
const change = fc.dictionary(field, fc.option(anyValue, { nil: undefined }), {
  minKeys: 1,
  maxKeys: 2,
})
/** A collection goes, and one of its name comes with the same thing in it, before anybody reads. */
const goneAndBackUnread = [
  { at: 1, change: { list: { x: {} } } },
  { at: 2, change: { list: undefined } },
  { at: 2, change: { list: [{ id: 'x', of: 0 }] } },
]
/** A list takes the place of an object, whose parts have no places in it. */
const itemsWithoutPlaces = [
  { at: 2, change: { x: [] } },
  { at: 0, change: { x: { a: new Set() } } },
  { from: 2, to: 0 },
  { at: 0, change: { x: [{ id: 'y' }, { id: 'a' }] } },
]
const replicas = 3
const replica = fc.nat(replicas - 1)
const step = fc.oneof(
  { weight: 3, arbitrary: fc.record({ at: replica, change }) },
  { weight: 1, arbitrary: fc.record({ from: replica, to: replica }) },
)

function openReplicas() {
  return Array.from({ length: replicas }, (_, index) => {
    const host = testHost({ actor: `actor ${index}`, writer: index + 1, checkPolicies: false })
    return { host, ...reopen(host) }
  })
}

function reopen(host: ReturnType<typeof testHost>) {
  const registers = openPartition(Anything.partition, host) as unknown as RegisterPartition
  return { module: new StateModule(Anything, registers) }
}

describe('a module of random states', () => {
  it('is what an action made it, and the same everywhere and after a restart', () => {
    fc.assert(
      fc.property(fc.array(step, { maxLength: 25 }), steps => {
        const all = openReplicas()
        for (const step of steps) {
          if ('change' in step) {
            const { module } = all[step.at] as (typeof all)[number]
            const wanted = { ...module.state, ...step.change }
            module.dispatch('put', step.change)
            // An undefined field is an absent one.
            expect(module.state).toEqual(
              Object.fromEntries(Object.entries(wanted).filter(([, value]) => value !== undefined)),
            )
          } else pull(all[step.from]?.host as never, all[step.to]?.host as never)
        }
        syncAll(all.map(({ host }) => host))
        const [first] = all
        for (const { module, host } of all) {
          expect(module.serialize()).toBe(first?.module.serialize())
          expect(reopen(host).module.serialize()).toBe(first?.module.serialize())
        }
      }),
      { numRuns: 300, examples: [[goneAndBackUnread], [itemsWithoutPlaces]] },
    )
  })
})
