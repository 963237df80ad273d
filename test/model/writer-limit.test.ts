import { describe, expect, it } from 'vitest'
import * as Y from 'yjs'
import { readUpdateStructure } from '../../src/model/update-structure.ts'
import { checkUpdateWriters, checkWriter } from '../../src/model/writer-limit.ts'

const exceeded = expect.objectContaining({ code: 'WRITERS_EXCEEDED' })

function updateOf(clients: readonly number[]) {
  const doc = new Y.Doc()
  for (const client of clients) {
    doc.clientID = client
    doc.getMap('m').set('key', client)
  }
  return readUpdateStructure(Y.encodeStateAsUpdate(doc))
}

describe('the bound on the writers of a document', () => {
  const known = new Map([
    [1, 5],
    [2, 5],
  ])

  it('lets those in who have written before, however many there are', () => {
    expect(() => checkUpdateWriters(updateOf([1, 2]), known, 1)).not.toThrow()
    expect(() => checkWriter(2, known, 1)).not.toThrow()
  })

  it('lets new ones in while there is room', () => {
    expect(() => checkUpdateWriters(updateOf([1, 2, 3, 4]), known, 4)).not.toThrow()
    expect(() => checkUpdateWriters(updateOf([3, 4, 5]), known, 4)).toThrow(exceeded)
    expect(() => checkWriter(3, known, 3)).not.toThrow()
    expect(() => checkWriter(3, known, 2)).toThrow(exceeded)
  })

  it('counts a client that has only been heard of as new', () => {
    expect(() => checkWriter(3, new Map([[3, 0]]), 1)).toThrow(exceeded)
  })

  it('takes an update that only deletes', () => {
    const doc = new Y.Doc()
    doc.getMap('m').set('key', 1)
    const before = Y.encodeStateVector(doc)
    doc.getMap('m').delete('key')
    const deletion = readUpdateStructure(Y.encodeStateAsUpdate(doc, before))
    expect(() => checkUpdateWriters(deletion, known, 1)).not.toThrow()
  })
})
