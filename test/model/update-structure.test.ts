import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import * as Y from 'yjs'
import { hostileUpdates } from '../../simulations/faults/hostile-updates.ts'
import { type ClockRange, normalRanges } from '../../src/model/delete-ranges.ts'
import { deletesOnly, readUpdateStructure } from '../../src/model/update-structure.ts'
import { randomHistory } from './update-histories.ts'

type Ranges = Map<number, ClockRange[]>

/** What Yjs's own decoder finds in an update. */
function decoded(update: Uint8Array): { structs: Ranges; deletes: Ranges } {
  const { structs, ds } = Y.decodeUpdate(update)
  const runs: Ranges = new Map()
  for (const struct of structs) {
    if (struct.constructor.name === 'Skip') continue
    const { id, length } = struct
    runs.set(id.client, [...(runs.get(id.client) ?? []), { clock: id.clock, length }])
  }
  const deletes: Ranges = new Map()
  for (const [client, ranges] of ds.clients) {
    deletes.set(
      client,
      ranges.map(({ clock, len }) => ({ clock, length: len })),
    )
  }
  for (const ranges of [runs, deletes]) {
    for (const [client, list] of ranges) ranges.set(client, normalRanges([...list]))
  }
  return { structs: runs, deletes }
}

describe('the structure of updates that Yjs made', () => {
  it('is what Yjs decodes, in every form of update', () => {
    fc.assert(
      fc.property(fc.nat(), seed => {
        for (const update of randomHistory(seed).updates) {
          const structure = readUpdateStructure(update)
          const expected = decoded(update)
          expect(structure.structs).toEqual(expected.structs)
          expect(structure.deletes).toEqual(expected.deletes)
          expect(structure.endOffset).toBe(update.length)
        }
      }),
      { numRuns: 40 },
    )
  })

  it('leaves the bytes after the update alone and tells where they start', () => {
    const doc = new Y.Doc()
    doc.getText('t').insert(0, 'kept')
    const update = Y.encodeStateAsUpdate(doc)
    const stored = new Uint8Array([...update, 1, 2, 3, 4])
    expect(readUpdateStructure(stored).endOffset).toBe(update.length)
  })

  it('reads a view into a larger buffer without looking past it', () => {
    const update = Y.encodeStateAsUpdate(textDoc('abc'))
    const buffer = new Uint8Array(update.length + 20)
    buffer.set(update, 10)
    const view = buffer.subarray(10, 10 + update.length)
    expect(readUpdateStructure(view)).toEqual(readUpdateStructure(update))
    expect(() => readUpdateStructure(view.subarray(0, view.length - 2))).toThrow(/too early|past/)
  })

  it('counts strings in UTF-16 units, with lone surrogates as Yjs writes them', () => {
    for (const text of ['a', 'é', '日', '😀', '\ud800', '\udc00x', '\ufeff', 'é'.repeat(200)]) {
      const update = Y.encodeStateAsUpdate(textDoc(text))
      expect(readUpdateStructure(update).structs.get(1)).toEqual([
        { clock: 0, length: text.length },
      ])
    }
  })

  it('reads the old JSON contents, undefined among them', () => {
    const json = [1, 1, 1, 0, 2, 1, 1, 0x74, 2, 9, ...ascii('undefined'), 2, ...ascii('[]'), 0]
    expect(readUpdateStructure(new Uint8Array(json)).structs.get(1)).toEqual([
      { clock: 0, length: 2 },
    ])
  })
})

describe('the deletions of an update on their own', () => {
  it('are an update that Yjs decodes to the same delete set and no structs', () => {
    const doc = textDoc('abcdef')
    doc.getText('t').delete(1, 2)
    doc.getText('t').delete(2, 1)
    const update = Y.encodeStateAsUpdate(doc)
    const only = deletesOnly(update, readUpdateStructure(update))
    expect(decoded(only)).toEqual({ structs: new Map(), deletes: decoded(update).deletes })
    expect(deletesOnly(only, readUpdateStructure(only))).toEqual(only)
  })
})

describe('a hostile update', () => {
  it.each(hostileUpdates)('is refused: $name', ({ bytes, refusal }) => {
    const read = () => readUpdateStructure(new Uint8Array(bytes))
    expect(read).toThrow(expect.objectContaining({ code: 'UPDATE_INVALID' }))
    expect(read).toThrow(refusal)
  })

  it('is refused at every length to which a valid one can be cut', () => {
    for (const update of randomHistory(7).updates) {
      for (let length = 0; length < update.length; length++) {
        expect(() => readUpdateStructure(update.subarray(0, length))).toThrow(
          expect.objectContaining({ code: 'UPDATE_INVALID' }),
        )
      }
    }
  })
})

describe('the limits', () => {
  const update = Y.encodeStateAsUpdate(textDoc('abc'))
  const limits = { clientMax: 2 ** 32, clockMax: 2 ** 40, nestingMax: 256 }

  it('can be set lower', () => {
    expect(() => readUpdateStructure(update, { ...limits, clockMax: 2 })).toThrow(/beyond 2/)
    expect(() => readUpdateStructure(update, { ...limits, clientMax: 1 })).toThrow(/client 1/)
    expect(readUpdateStructure(update, { ...limits, clockMax: 3, clientMax: 2 })).toBeDefined()
  })

  it('allow values that nest up to the limit and not one level more', () => {
    expect(readUpdateStructure(nestedArrays(256))).toBeDefined()
    expect(() => readUpdateStructure(nestedArrays(257))).toThrow(/nested too deeply/)
  })
})

function textDoc(text: string): Y.Doc {
  const doc = new Y.Doc()
  doc.clientID = 1
  doc.getText('t').insert(0, text)
  return doc
}

function nestedArrays(depth: number): Uint8Array {
  const value = Array.from({ length: depth - 1 }, () => [117, 1]).flat()
  return new Uint8Array([1, 1, 1, 0, 8, 1, 1, 0x74, 1, ...value, 117, 0, 0])
}

function ascii(text: string): number[] {
  return [...text].map(char => char.charCodeAt(0))
}
