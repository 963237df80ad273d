import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import * as Y from 'yjs'
import { advanceState, checkUpdate } from '../../src/model/update-check.ts'
import { type Block, blockBytes, type UpdateLayout } from '../../src/model/update-layout.ts'
import {
  cutUpdate,
  joinedDeletes,
  joinUpdates,
  type LaidOutUpdate,
  updateBytes,
} from '../../src/model/update-splice.ts'
import { deletesOnly, readUpdateStructure } from '../../src/model/update-structure.ts'
import { Chooser, randomHistory, randomReceiver } from './update-histories.ts'

function laidOut(update: Uint8Array): LaidOutUpdate {
  return { update, layout: readUpdateStructure(update) }
}

/** The layout that comes with an update must be the one that reading it finds, but for its grain. */
function layoutHolds({ update, layout }: LaidOutUpdate): void {
  const { blocks, deleteSetOffset, endOffset } = readUpdateStructure(update)
  expect({ ...layout, blocks: runsOf(layout) }).toEqual({
    blocks: runsOf({ blocks, deleteSetOffset, endOffset }),
    deleteSetOffset,
    endOffset,
  })
}

/** Blocks that follow one another as one. */
function runsOf({ blocks }: UpdateLayout): Block[] {
  const runs: Block[] = []
  for (const block of blocks) {
    const last = runs.at(-1)
    if (last?.client === block.client && last.end === block.clock && last.to === block.from) {
      const { end, to } = block
      runs[runs.length - 1] = { ...last, end, to, count: last.count + block.count }
    } else {
      runs.push(block)
    }
  }
  return runs
}

function documentOf(...updates: Uint8Array[]): Y.Doc {
  const doc = new Y.Doc()
  for (const update of updates) Y.applyUpdate(doc, update)
  return doc
}

function vectorOf(doc: Y.Doc): Map<number, number> {
  return Y.decodeStateVector(Y.encodeStateVector(doc))
}

describe('joining updates', () => {
  it('says what applying them one after another says', () => {
    fc.assert(
      fc.property(fc.nat(), seed => {
        const { log } = randomHistory(seed)
        const choose = new Chooser(seed + 1)
        const first = choose.below(log.length)
        const some = log.slice(first, first + 1 + choose.below(log.length - first))
        const joined = joinUpdates(some.map(laidOut))
        layoutHolds(joined)
        const before = log.slice(0, first)
        const all = documentOf(...before, joined.update)
        expect(Y.encodeStateAsUpdate(all)).toEqual(
          Y.encodeStateAsUpdate(documentOf(...before, ...some)),
        )
      }),
      { numRuns: 60 },
    )
  })

  it('joins what was joined before', () => {
    const { log } = randomHistory(5)
    const half = log.length >> 1
    const halves = [log.slice(0, half), log.slice(half)].map(part => joinUpdates(part.map(laidOut)))
    const joined = joinUpdates(halves)
    layoutHolds(joined)
    expect(joined.update).toEqual(joinUpdates(log.map(laidOut)).update)
  })

  it('skips what is missing between two', () => {
    const updates = keysWritten(3)
    const joined = joinUpdates([
      laidOut(updates[0] as Uint8Array),
      laidOut(updates[2] as Uint8Array),
    ])
    layoutHolds(joined)
    const doc = documentOf(joined.update)
    expect(vectorOf(doc)).toEqual(new Map([[1, 1]]))
    Y.applyUpdate(doc, updates[1] as Uint8Array)
    expect(vectorOf(doc)).toEqual(new Map([[1, 3]]))
  })

  it('refuses to have a clock twice', () => {
    const [update] = keysWritten(1)
    const piece = laidOut(update as Uint8Array)
    expect(() => joinUpdates([piece, piece])).toThrow(/a clock is in two updates/)
  })

  it('leaves out what stands behind an update', () => {
    const [update] = keysWritten(1)
    const stored = Uint8Array.from([...(update as Uint8Array), 9, 9])
    expect(updateBytes(laidOut(stored))).toEqual(update)
    expect(joinUpdates([laidOut(stored)]).update).toEqual(update)
  })
})

describe('cutting an update', () => {
  it('brings any receiver what the whole update brings it, without a gap', () => {
    let cut = 0
    fc.assert(
      fc.property(fc.nat(), seed => {
        const { log, updates } = randomHistory(seed)
        const choose = new Chooser(seed + 1)
        for (let round = 0; round < 10; round++) {
          const update = choose.of(updates)
          const doc = randomReceiver(choose, log)
          const state = vectorOf(doc)
          const whole = documentOf(Y.encodeStateAsUpdate(doc), update)
          if (whole.store.pendingStructs !== null || whole.store.pendingDs !== null) continue
          const rest = cutUpdate(laidOut(update), state)
          layoutHolds(rest)
          const structure = readUpdateStructure(rest.update)
          expect(checkUpdate(structure, state)).not.toBe('gap')
          for (const { client, clock } of rest.layout.blocks) {
            expect(clock).toBeGreaterThanOrEqual(state.get(client) ?? 0)
          }
          const taken = documentOf(Y.encodeStateAsUpdate(doc), rest.update)
          expect(Y.encodeStateAsUpdate(taken)).toEqual(Y.encodeStateAsUpdate(whole))
          if (rest.update.length < update.length) cut += 1
        }
      }),
      { numRuns: 40 },
    )
    expect(cut).toBeGreaterThan(20)
  })

  it('finds every clock of a long update, in whichever block it is', () => {
    const updates = keysWritten(4_000)
    const whole = joinUpdates(updates.map(laidOut))
    layoutHolds(whole)
    expect(whole.layout.blocks.length).toBeGreaterThan(2)
    for (const { from, to } of whole.layout.blocks) {
      expect(to - from).toBeLessThan(2 * blockBytes)
    }
    for (let known = 0; known <= updates.length; known += 971) {
      const rest = cutUpdate(whole, new Map([[1, known]]))
      expect(rest.update).toEqual(Y.diffUpdate(whole.update, vector(known)))
    }
  })

  it('keeps all deletions, and they can be had alone', () => {
    const doc = new Y.Doc()
    doc.clientID = 1
    const updates: Uint8Array[] = []
    doc.on('update', update => updates.push(update))
    const text = doc.getText('t')
    text.insert(0, 'abcdef')
    text.delete(1, 2)
    text.delete(3, 1)
    const pieces = updates.map(laidOut)
    const rest = cutUpdate(joinUpdates(pieces), vectorOf(doc))
    expect(rest.layout.blocks).toEqual([])
    expect(rest.update).toEqual(joinedDeletes(pieces).update)
    const whole = readUpdateStructure(joinUpdates(pieces).update)
    expect(rest.update).toEqual(deletesOnly(joinUpdates(pieces).update, whole))
    const state = new Map<number, number>()
    advanceState(state, whole)
    expect(checkUpdate(readUpdateStructure(rest.update), state)).toBe('new')
  })
})

function vector(known: number): Uint8Array {
  return Y.encodeStateVector(new Map([[1, known]]))
}

/** One update for each key that one client sets. */
function keysWritten(count: number): Uint8Array[] {
  const doc = new Y.Doc()
  doc.clientID = 1
  const updates: Uint8Array[] = []
  doc.on('update', update => updates.push(update))
  for (let index = 0; index < count; index++) doc.getMap('map').set(`key ${index}`, 'x'.repeat(20))
  return updates
}
