import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import * as Y from 'yjs'
import { DocumentState } from '../../server/document-state.ts'
import { RoomContent } from '../../server/room-content.ts'
import { readDocument } from '../../server/stored-document.ts'
import { checkUpdate } from '../../src/model/update-check.ts'
import { readUpdateStructure } from '../../src/model/update-structure.ts'

/** What clients wrote in turn, each having seen everything before; and every state in between. */
function history(edits: readonly { client: number; text: string; remove: boolean }[]) {
  const updates: Uint8Array[] = []
  const states: Uint8Array[] = [Y.encodeStateAsUpdate(new Y.Doc())]
  for (const { client, text, remove } of edits) {
    const doc = new Y.Doc()
    Y.applyUpdate(doc, states.at(-1) as Uint8Array)
    doc.clientID = client
    doc.on('update', update => updates.push(update))
    const shared = doc.getText('text')
    if (remove && shared.length > 0) shared.delete(0, Math.min(2, shared.length))
    else shared.insert(shared.length, text)
    states.push(Y.encodeStateAsUpdate(doc))
  }
  return { updates, states }
}

function contentOf(updates: readonly Uint8Array[]): RoomContent {
  const content = new RoomContent([])
  for (const update of updates) content.add({ update, layout: readUpdateStructure(update) })
  return content
}

/** Applies updates as a replica does: none of them may leave a gap. */
function take(doc: Y.Doc, updates: readonly Uint8Array[]): void {
  for (const update of updates) {
    const state = { get: (client: number) => Y.getState(doc.store, client) }
    expect(checkUpdate(readUpdateStructure(update), state)).not.toBe('gap')
    Y.applyUpdate(doc, update)
  }
}

const edit = fc.record({
  client: fc.integer({ min: 1, max: 3 }),
  text: fc.string({ minLength: 1, maxLength: 5 }),
  remove: fc.integer({ min: 0, max: 3 }).map(drawn => drawn === 0),
})

describe('what a reader lacks', () => {
  test('brings it from any earlier state to the last, without a gap', () => {
    fc.assert(
      fc.property(
        fc.array(edit, { minLength: 1, maxLength: 40 }),
        fc.nat(),
        fc.nat(),
        (edits, at, mergedAt) => {
          const { updates, states } = history(edits)
          // The log as it is after a compaction in the middle.
          const compacted = mergedAt % states.length
          const log = [states[compacted] as Uint8Array, ...updates.slice(compacted)]
          const content = contentOf(log)
          const reader = new Y.Doc()
          Y.applyUpdate(reader, states[at % states.length] as Uint8Array)
          take(reader, content.lacking(Y.decodeStateVector(Y.encodeStateVector(reader))))
          expect(Y.encodeStateAsUpdate(reader)).toEqual(states.at(-1))
        },
      ),
      { numRuns: 200 },
    )
  })

  test('of ten thousand updates is a few, or a part of one for one that is a little behind', () => {
    const doc = new Y.Doc()
    const updates: Uint8Array[] = []
    doc.on('update', update => updates.push(update))
    for (let index = 0; index < 10_250; index++) doc.getMap('map').set(`${index}`, index)
    const content = contentOf(updates)
    const behind = new Y.Doc()
    take(behind, updates.slice(0, -10))
    const late = content.lacking(Y.decodeStateVector(Y.encodeStateVector(behind)))
    expect(late).toEqual([Y.mergeUpdates(updates.slice(-10))])
    const all = content.lacking(new Map())
    expect(all.length).toBeLessThan(10)
    // A second reader gets the very same bytes.
    expect(content.lacking(new Map()).every((update, index) => update === all[index])).toBe(true)
    const reader = new Y.Doc()
    take(reader, all)
    expect(Y.encodeStateAsUpdate(reader)).toEqual(Y.encodeStateAsUpdate(doc))
  })
})

describe('a stored log', () => {
  const { updates } = history(
    ['a', 'b', 'c', 'd'].map(text => ({ client: 1, text, remove: false })),
  )
  const stored = (kept: readonly Uint8Array[]) => ({
    updates: kept.map((update, clock) => ({ clock, update })),
    damaged: [],
  })

  test('is read whole, in whatever order it is', () => {
    const read = readDocument(stored([...updates].reverse()))
    expect(read.damage).toEqual([])
    expect(read.updates).toHaveLength(4)
    expect(read.state.vector).toEqual(new Map([[1, 4]]))
  })

  test('with a part missing claims nothing behind it, and says so', () => {
    const [first, , third] = updates as [Uint8Array, Uint8Array, Uint8Array]
    const read = readDocument(stored([first, third, Uint8Array.of(9, 9)]))
    expect(read.updates).toHaveLength(1)
    expect(read.state.vector).toEqual(new Map([[1, 1]]))
    expect(read.damage).toHaveLength(2)
  })

  test('gives a state that copies do not share', () => {
    const { state } = readDocument(stored(updates.slice(0, 2)))
    const copy = new DocumentState(state)
    copy.advance(readUpdateStructure(updates[2] as Uint8Array))
    expect(state.vector).toEqual(new Map([[1, 2]]))
    expect(copy.vector).toEqual(new Map([[1, 3]]))
  })
})
