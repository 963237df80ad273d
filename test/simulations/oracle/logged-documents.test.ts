import { expect, it } from 'vitest'
import * as Y from 'yjs'
import { LoggedDocuments } from '../../../simulations/oracle/logged-documents.ts'

it('a logged document is made anew where its log is another, and only there', () => {
  const doc = new Y.Doc()
  const log: { clock: number; update: Uint8Array }[] = []
  doc.on('update', update => log.push({ clock: log.length, update }))
  const documents = new LoggedDocuments()
  doc.getMap('m').set('k', 1)
  const first = documents.of('d', [...log])
  expect(documents.of('d', [...log])).toBe(first)
  doc.getMap('m').set('k', 2)
  expect(
    documents
      .of('d', [...log])
      .getMap('m')
      .toJSON(),
  ).toEqual({ k: 2 })
  // As where a disk has lost its tail.
  expect(documents.of('d', log.slice(0, 1)).getMap('m').toJSON()).toEqual({ k: 1 })
  const other = log.map(({ clock, update }) => ({ clock, update }))
  expect(documents.of('other', other)).not.toBe(documents.of('d', [...log]))
})
