import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import * as Y from 'yjs'
import { DeleteRangeSet } from '../../src/model/delete-ranges.ts'
import { advanceState, checkUpdate, type UpdateVerdict } from '../../src/model/update-check.ts'
import { readUpdateStructure, type UpdateStructure } from '../../src/model/update-structure.ts'
import { Chooser, randomHistory, randomReceiver } from './update-histories.ts'

function stateOf(doc: Y.Doc): Map<number, number> {
  return Y.decodeStateVector(Y.encodeStateVector(doc))
}

function contentOf(doc: Y.Doc): UpdateStructure {
  return readUpdateStructure(Y.encodeStateAsUpdate(doc))
}

function deletesOf(doc: Y.Doc): DeleteRangeSet {
  const known = new DeleteRangeSet()
  known.add(contentOf(doc).deletes)
  return known
}

/** What really applying an update to a document does, in the words of a verdict. */
function applied(doc: Y.Doc, update: Uint8Array): UpdateVerdict {
  const before = contentOf(doc)
  Y.applyUpdate(doc, update)
  if (doc.store.pendingStructs !== null || doc.store.pendingDs !== null) return 'gap'
  const after = contentOf(doc)
  const { structs, deletes } = before
  return fc.stringify([structs, deletes]) === fc.stringify([after.structs, after.deletes])
    ? 'known'
    : 'new'
}

/** Whether an item of the update lies on both sides of the state: the one case apart. */
function cutsAnItem(update: Uint8Array, state: ReadonlyMap<number, number>): boolean {
  return Y.decodeUpdate(update).structs.some(({ id, length, constructor: { name } }) => {
    const known = state.get(id.client) ?? 0
    return name === 'Item' && id.clock < known && known < id.clock + length
  })
}

describe('the verdict on updates that Yjs made', () => {
  it('is what applying them does, for any receiver and any form of update', () => {
    const seen: Record<UpdateVerdict, number> = { new: 0, known: 0, gap: 0 }
    fc.assert(
      fc.property(fc.nat(), seed => {
        const { log, updates } = randomHistory(seed)
        const choose = new Chooser(seed + 1)
        for (let round = 0; round < 10; round++) {
          const update = choose.of(updates)
          const doc = randomReceiver(choose, log)
          const state = stateOf(doc)
          const structure = readUpdateStructure(update)
          const verdict = checkUpdate(structure, state, deletesOf(doc))
          const overlaps = cutsAnItem(update, state)
          const expected = applied(doc, update)
          expect(verdict).toBe(overlaps && expected === 'new' ? 'gap' : expected)
          seen[verdict] += 1
          if (verdict === 'gap') continue
          advanceState(state, structure)
          expect(state).toEqual(stateOf(doc))
        }
      }),
      { numRuns: 60 },
    )
    expect(Math.min(...Object.values(seen))).toBeGreaterThan(20)
  })

  it('calls every deletion new when nobody knows which are known', () => {
    const doc = new Y.Doc()
    doc.getText('t').insert(0, 'abc')
    doc.getText('t').delete(0, 1)
    const structure = contentOf(doc)
    expect(checkUpdate(structure, stateOf(doc))).toBe('new')
    expect(checkUpdate(structure, stateOf(doc), deletesOf(doc))).toBe('known')
  })

  it('calls the empty update known', () => {
    const structure = readUpdateStructure(new Uint8Array([0, 0]))
    expect(checkUpdate(structure, new Map())).toBe('known')
  })
})

/** Items of one character in the root `t`, or after the item whose id is given. */
const first = [4, 1, 1, 0x74, 1, 0x61]
const rightOf = (client: number, clock: number): number[] => [0x84, client, clock, 1, 0x61]
const leftOf = (client: number, clock: number): number[] => [0x44, client, clock, 1, 0x61]
const within = (client: number, clock: number): number[] => [4, 0, client, clock, 1, 0x61]
const array = [7, 1, 1, 0x74, 0]
type Section = readonly [client: number, clock: number, ...structs: number[][]]

function update(sections: readonly Section[], deletes: number[] = [0]): Uint8Array {
  const bytes = sections.map(([client, clock, ...structs]) => [
    ...[structs.length, client, clock],
    ...structs.flat(),
  ])
  return new Uint8Array([sections.length, ...bytes.flat(), ...deletes])
}

describe('dependencies inside and outside of one update', () => {
  const state = new Map([[9, 2]])
  const cases: [name: string, update: Uint8Array, verdict: UpdateVerdict][] = [
    [
      'a chain over clients, first to last',
      update([
        [1, 0, first],
        [2, 0, rightOf(1, 0)],
      ]),
      'new',
    ],
    [
      'a chain over clients, last to first',
      update([
        [2, 0, rightOf(1, 0)],
        [1, 0, first],
      ]),
      'new',
    ],
    [
      'two clients that take turns',
      update([
        [1, 0, first, rightOf(2, 0), rightOf(2, 1)],
        [2, 0, rightOf(1, 0), rightOf(1, 1), leftOf(1, 2)],
      ]),
      'new',
    ],
    [
      'a detour over three clients',
      update([
        [1, 0, rightOf(2, 1)],
        [2, 0, rightOf(3, 0), rightOf(3, 1)],
        [3, 0, first, rightOf(2, 0)],
      ]),
      'new',
    ],
    [
      'two clients that wait for each other',
      update([
        [1, 0, rightOf(2, 0)],
        [2, 0, rightOf(1, 0)],
      ]),
      'gap',
    ],
    [
      'two clients whose later structs wait for each other',
      update([
        [1, 0, first, rightOf(2, 1)],
        [2, 0, first, leftOf(1, 1)],
      ]),
      'gap',
    ],
    [
      'a ring of three',
      update([
        [1, 0, rightOf(2, 0)],
        [2, 0, leftOf(3, 0)],
        [3, 0, within(1, 0)],
      ]),
      'gap',
    ],
    ['a left neighbour that nobody has', update([[1, 0, rightOf(9, 2)]]), 'gap'],
    ['a right neighbour that nobody has', update([[1, 0, leftOf(9, 2)]]), 'gap'],
    ['a parent that nobody has', update([[1, 0, within(8, 0)]]), 'gap'],
    ['neighbours and parents in the state', update([[1, 0, rightOf(9, 1), leftOf(9, 0)]]), 'new'],
    [
      'a parent later in the update',
      update([
        [1, 0, within(2, 0)],
        [2, 0, array],
      ]),
      'new',
    ],
    [
      'a neighbour past what the update brings',
      update([
        [1, 0, rightOf(2, 1)],
        [2, 0, first],
      ]),
      'gap',
    ],
    ['a client that starts too late', update([[9, 3, first]]), 'gap'],
    ['a client that goes on where the state ends', update([[9, 2, rightOf(9, 1)]]), 'new'],
    ['a hole that the state does not fill', update([[9, 0, first, [10, 2], first]]), 'gap'],
    ['a hole that the state fills', update([[9, 0, first, [10, 1], rightOf(9, 1)]]), 'new'],
    ['structs that are all known', update([[9, 0, first, first]]), 'known'],
    ['a deletion of what the update brings', update([[1, 0, first]], [1, 1, 1, 0, 1]), 'new'],
    ['a deletion of what nobody has', update([], [1, 9, 1, 1, 2]), 'gap'],
    ['a deletion of an unknown client', update([], [1, 8, 1, 0, 1]), 'gap'],
  ]

  it.each(cases)('%s', (_name, bytes, verdict) => {
    const doc = new Y.Doc()
    Y.applyUpdate(doc, update([[9, 0, first, rightOf(9, 0)]]))
    expect(checkUpdate(readUpdateStructure(bytes), state)).toBe(verdict)
    expect(applied(doc, bytes)).toBe(verdict)
  })

  it('moves a state past all that an update brings, holes and known parts included', () => {
    const structure = readUpdateStructure(
      update([
        [9, 0, first, [10, 1], rightOf(9, 1)],
        [1, 0, first],
      ]),
    )
    const moved = new Map([[9, 2]])
    advanceState(moved, structure)
    expect(moved).toEqual(
      new Map([
        [9, 3],
        [1, 1],
      ]),
    )
    advanceState(moved, readUpdateStructure(update([[9, 0, first]])))
    expect(moved.get(9)).toBe(3)
  })

  it('distrusts a known struct that claims to build on something unknown', () => {
    const lie = update([
      [9, 0, rightOf(2, 0), first],
      [2, 0, first],
    ])
    expect(checkUpdate(readUpdateStructure(lie), state)).toBe('gap')
  })

  it('cannot tell that a parent is no type: Yjs then keeps the clocks and drops the item', () => {
    const doc = new Y.Doc()
    const bytes = update([[1, 0, first, within(1, 0)]])
    expect(checkUpdate(readUpdateStructure(bytes), new Map())).toBe('new')
    expect(applied(doc, bytes)).toBe('new')
    expect(doc.getText('t').toJSON()).toBe('a')
    expect(stateOf(doc)).toEqual(new Map([[1, 2]]))
    doc.getText('t').insert(1, 'b')
    expect(doc.getText('t').toJSON()).toBe('ab')
  })

  it('asks again for an item that the state covers in part, and takes the rest', () => {
    const sender = new Y.Doc()
    sender.clientID = 1
    sender.getText('t').insert(0, 'ab')
    const known = new Map([[1, 2]])
    sender.getText('t').insert(2, 'cd')
    expect(checkUpdate(contentOf(sender), known)).toBe('gap')
    const rest = Y.encodeStateAsUpdate(sender, Y.encodeStateVector(new Map(known)))
    expect(checkUpdate(readUpdateStructure(rest), known)).toBe('new')
    expect(checkUpdate(contentOf(sender), new Map([[1, 4]]))).toBe('known')
  })

  it('judges made-up dependencies as Yjs does', () => {
    const struct = fc.tuple(fc.nat(2), fc.integer({ min: 1, max: 4 }), fc.nat(3))
    fc.assert(
      fc.property(
        fc.array(fc.array(struct, { minLength: 1, maxLength: 4 }), { maxLength: 4 }),
        plan => {
          const sections = plan.map((structs, index): Section => {
            const own = index + 1
            const items = structs.map(([kind, client, clock], at) => {
              const free = client === own && clock >= at
              return kind === 0 || free
                ? first
                : kind === 1
                  ? rightOf(client, clock)
                  : leftOf(client, clock)
            })
            return [own, 0, ...items]
          })
          const bytes = update(sections)
          const expected = applied(new Y.Doc(), bytes)
          expect(checkUpdate(readUpdateStructure(bytes), new Map())).toBe(expected)
        },
      ),
      { numRuns: 3000 },
    )
  })
})
