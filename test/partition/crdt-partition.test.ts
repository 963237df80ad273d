import { describe, expect, it } from 'vitest'
import * as Y from 'yjs'
import { definePartition } from '../../src/model/partition-definition.ts'
import type { CrdtChange } from '../../src/partition/crdt-partition.ts'
import { openPartition } from '../../src/partition/open-partition.ts'
import { pull, syncAll, testHost } from './replica-model.ts'

const Notes = definePartition({ name: 'notes', policy: 'crdt' })

describe('a crdt partition', () => {
  it('merges what replicas write into native types', () => {
    const [ann, bob] = [testHost({ writer: 1 }), testHost({ writer: 2 })]
    const [mine, theirs] = [openPartition(Notes, ann), openPartition(Notes, bob)]
    mine.text('body').insert(0, 'hello')
    mine.map<number>('counts').set('a', 1)
    theirs.array<string>('list').push(['x'])
    theirs.xml('page').push([new Y.XmlElement('p')])
    syncAll([ann, bob])
    for (const notes of [mine, theirs]) {
      expect(notes.text('body').toString()).toBe('hello')
      expect(notes.map<number>('counts').get('a')).toBe(1)
      expect(notes.array<string>('list').toArray()).toEqual(['x'])
      expect(notes.xml('page').toString()).toBe('<p></p>')
    }
  })

  it('is readable and writable by a stock Yjs document', () => {
    const host = testHost()
    const notes = openPartition(Notes, host)
    notes.text('body').insert(0, 'ours')
    const stock = new Y.Doc()
    Y.applyUpdate(stock, Y.encodeStateAsUpdate(host.doc))
    stock.getText('body').insert(4, ' and theirs')
    Y.applyUpdate(host.doc, Y.encodeStateAsUpdate(stock))
    expect(notes.text('body').toString()).toBe('ours and theirs')
  })

  it('refuses a root as two kinds, and a root without a name', () => {
    const notes = openPartition(Notes, testHost())
    notes.text('body')
    expect(notes.text('body')).toBe(notes.text('body'))
    expect(() => notes.map('body')).toThrow(expect.objectContaining({ code: 'ROOT_MISMATCH' }))
    expect(() => notes.map('')).toThrow(expect.objectContaining({ code: 'KEY_INVALID' }))
  })

  it('tells subscribers once for each transaction which roots changed', () => {
    const [ann, bob] = [testHost({ writer: 1 }), testHost({ writer: 2 })]
    const [mine, theirs] = [openPartition(Notes, ann), openPartition(Notes, bob)]
    const changes: CrdtChange[] = []
    const stop = mine.subscribe(change => changes.push(change))
    mine.transact(() => {
      mine.text('body').insert(0, 'a')
      mine.map('deep').set('inner', new Y.Map())
    })
    pull(ann, bob)
    ;(theirs.map('deep').get('inner') as Y.Map<number>).set('x', 1)
    pull(bob, ann)
    stop()
    mine.text('body').insert(0, 'b')
    expect(changes).toEqual([
      { roots: ['body', 'deep'], origin: 'local' },
      { roots: ['deep'], origin: 'remote' },
    ])
  })

  it('throws CLOSED after it was closed, and gives the document back once', () => {
    const host = testHost()
    const notes = openPartition(Notes, host)
    notes.subscribe(() => expect.unreachable())
    notes.close()
    notes.close()
    expect(host.released).toBe(true)
    expect(() => notes.text('body')).toThrow(expect.objectContaining({ code: 'CLOSED' }))
    expect(() => notes.doc).toThrow(expect.objectContaining({ code: 'CLOSED' }))
    host.doc.getText('body').insert(0, 'a')
  })
})
