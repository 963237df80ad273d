import { describe, expect, it } from 'vitest'
import * as Y from 'yjs'
import { readUpdateIndex, withUpdateIndex } from '../../src/model/update-index.ts'
import { readUpdateStructure } from '../../src/model/update-structure.ts'

function written(keys: number, clients = 2): { doc: Y.Doc; updates: Uint8Array[] } {
  const doc = new Y.Doc()
  const updates: Uint8Array[] = []
  doc.on('update', update => updates.push(update))
  for (let index = 0; index < keys; index++) {
    doc.clientID = 1 + (index % clients)
    doc.getMap('map').set(`key ${index}`, 'x'.repeat(50))
    if (index % 7 === 0) doc.getMap('map').delete(`key ${index}`)
  }
  return { doc, updates }
}

function indexed(update: Uint8Array): Uint8Array {
  return withUpdateIndex(update, readUpdateStructure(update))
}

describe('the index of an update', () => {
  const { doc, updates } = written(2_000)
  const whole = Y.encodeStateAsUpdate(doc)

  it('says where things are, as reading all of it does', () => {
    const { blocks, deleteSetOffset, endOffset } = readUpdateStructure(whole)
    const found = readUpdateIndex(indexed(whole))
    expect(found).toEqual({ blocks, deleteSetOffset, endOffset })
    expect(found?.endOffset).toBe(whole.length)
  })

  it('is not seen by Yjs', () => {
    const copy = new Y.Doc()
    Y.applyUpdate(copy, indexed(whole))
    expect(Y.encodeStateAsUpdate(copy)).toEqual(whole)
    const other = Y.encodeStateAsUpdate(written(3, 1).doc)
    expect(Y.mergeUpdates([indexed(whole), other])).toEqual(Y.mergeUpdates([whole, other]))
  })

  it('takes the place of an older one', () => {
    expect(indexed(indexed(whole))).toEqual(indexed(whole))
  })

  it('is not made for short updates, nor for such as build on others', () => {
    const short = Y.encodeStateAsUpdate(written(10).doc)
    expect(indexed(short)).toBe(short)
    const later = Y.mergeUpdates(updates.slice(1_000))
    expect(indexed(later)).toBe(later)
    const gapped = Y.mergeUpdates([...updates.slice(0, 1_000), ...updates.slice(1_001)])
    expect(indexed(gapped)).toBe(gapped)
  })

  it('that cannot be read is none', () => {
    expect(readUpdateIndex(whole)).toBeUndefined()
    expect(readUpdateIndex(new Uint8Array(0))).toBeUndefined()
    const good = indexed(whole)
    for (let at = whole.length; at < good.length; at++) {
      const broken = good.slice()
      broken[at] = 0xff
      // Where it can still be read it is one of the same update.
      const found = readUpdateIndex(broken)
      if (found !== undefined) expect(found.endOffset).toBe(whole.length)
    }
  })
})
