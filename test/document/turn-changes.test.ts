import * as fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import * as Y from 'yjs'
import { kindOfTransaction, TurnChanges } from '../../src/document/turn-changes.ts'
import { checkUpdate } from '../../src/model/update-check.ts'
import { readUpdateStructure } from '../../src/model/update-structure.ts'

/** A document of a writer, with what its transactions bring since the last `take`. */
function writer(clientID: number) {
  const doc = new Y.Doc()
  doc.clientID = clientID
  const turn = new TurnChanges(doc)
  doc.on('afterTransactionCleanup', transaction => {
    if (kindOfTransaction(transaction) === 'own') turn.add(transaction)
  })
  return { doc, turn }
}

/** Applies an update as a replica does: it must be whole, and bring something. */
function applyWhole(doc: Y.Doc, update: Uint8Array | undefined): void {
  if (update === undefined) return
  const state = { get: (client: number) => Y.getState(doc.store, client) }
  expect(checkUpdate(readUpdateStructure(update), state)).toBe('new')
  Y.applyUpdate(doc, update)
}

const bytesOf = (doc: Y.Doc) => Buffer.from(Y.encodeStateAsUpdate(doc)).toString('hex')

type Step = readonly [kind: number, key: number, at: number]

function write(doc: Y.Doc, [kind, key, at]: Step): void {
  const text = doc.getText('t')
  const list = doc.getArray<unknown>('l')
  const map = doc.getMap<unknown>('m')
  const place = (length: number) => (length === 0 ? 0 : at % (length + 1))
  if (kind === 0) map.set(`k${key}`, { at })
  else if (kind === 1) map.delete(`k${key}`)
  else if (kind === 2) text.insert(place(text.length), `x${key}`)
  else if (kind === 3) text.delete(0, Math.min(text.length, key))
  else if (kind === 4) list.insert(place(list.length), [at, new Y.Map([[`n${key}`, at]])])
  else if (kind === 5) list.delete(0, Math.min(list.length, key))
  else if (kind === 6) text.format(0, text.length, { bold: key % 2 === 0 })
  else map.set(`k${key}`, new Y.Array())
}

const steps = fc.array(fc.tuple(fc.nat(7), fc.nat(3), fc.nat(20)), { maxLength: 12 })

describe('the transactions of turns', () => {
  it('as one update each, leave a reader with the bytes of the writer, whatever they do', () => {
    const turns = fc.array(fc.tuple(fc.boolean(), fc.array(steps, { maxLength: 5 })), {
      maxLength: 8,
    })
    fc.assert(
      fc.property(turns, turns => {
        const writers = [writer(1), writer(2)] as const
        for (const [isFirst, transactions] of turns) {
          const [ours, theirs] = isFirst ? writers : [writers[1], writers[0]]
          for (const all of transactions) {
            ours.doc.transact(() => {
              for (const step of all) write(ours.doc, step)
            })
          }
          applyWhole(theirs.doc, ours.turn.take())
          expect(bytesOf(theirs.doc)).toBe(bytesOf(ours.doc))
        }
      }),
      { numRuns: 500 },
    )
  })

  it('hold nothing of a transaction that is under way', () => {
    const [{ doc, turn }, reader] = [writer(1), new Y.Doc()]
    doc.getMap('m').set('before', 1)
    doc.transact(() => {
      doc.getMap('m').set('half', 1)
      applyWhole(reader, turn.take())
      expect(reader.getMap('m').toJSON()).toEqual({ before: 1 })
      doc.getMap('m').set('whole', 1)
      doc.getMap('m').delete('before')
    })
    applyWhole(reader, turn.take())
    expect(bytesOf(reader)).toBe(bytesOf(doc))
  })

  it('are taken apart where an observer writes and asks for them', () => {
    const [{ doc, turn }, reader] = [writer(1), new Y.Doc()]
    const text = doc.getText('t')
    const taken: (Uint8Array | undefined)[] = []
    text.observe(() => {
      if (text.length < 6) text.insert(text.length, 'y')
      taken.push(turn.take())
    })
    text.insert(0, 'x')
    text.insert(0, 'x')
    taken.push(turn.take())
    for (const update of taken) applyWhole(reader, update)
    expect(bytesOf(reader)).toBe(bytesOf(doc))
  })

  it.each<[string, (doc: Y.Doc, at: number) => void]>([
    ['values', (doc, at) => doc.getMap('m').set(`k${at}`, { deep: [{ long: 'x'.repeat(1_000) }] })],
    ['text', (doc, at) => doc.getText('t').insert(at, 'x'.repeat(1_000))],
    ['elements', doc => doc.getArray('l').push(['x'.repeat(500), 'x'.repeat(500)])],
    ['bytes', doc => doc.getArray('l').push([new Uint8Array(1_000)])],
    ['nested types', doc => doc.getArray('l').push([new Y.Map([['k', 'x'.repeat(1_000)]])])],
    ['overwritten values', doc => doc.getMap('m').set('k', 'x'.repeat(1_000))],
  ])('are taken once their %s are long', (_, writeSome) => {
    const { doc, turn } = writer(1)
    let bytes = 0
    for (let at = 0; !turn.isFull; at++) {
      writeSome(doc, at)
      bytes += 1_000
    }
    expect(bytes).toBeGreaterThan(40_000)
    expect(bytes).toBeLessThan(80_000)
  })

  it('are our own only where they are made here, by the one client', () => {
    const doc = new Y.Doc()
    const kinds: string[] = []
    doc.on('afterTransactionCleanup', transaction => kinds.push(kindOfTransaction(transaction)))
    const other = writer(7)
    other.doc.getMap('m').set('k', 1)
    Y.applyUpdate(doc, Y.encodeStateAsUpdate(other.doc))
    doc.getMap('m').set('k', 2)
    doc.getMap('m').delete('k')
    doc.transact(() => {})
    expect(kinds).toEqual(['foreign', 'own', 'own', 'empty'])
  })
})
