import { expect, it } from 'vitest'
import * as Y from 'yjs'
import { LeanDoc } from '../../src/document/lean-doc.ts'

/** What listeners hear that come, go and write while they listen. */
function heardOf(doc: Y.Doc): string[] {
  doc.clientID = 1
  const heard: string[] = []
  const second = () => heard.push('second')
  doc.on('beforeTransaction', () => {
    heard.push('before')
    doc.off('beforeTransaction', second)
    doc.once('afterTransaction', () => heard.push('once'))
  })
  doc.on('beforeTransaction', second)
  doc.on('update', (update, origin) => {
    heard.push(`${origin} ${update}`)
    if (origin === 'outer') doc.transact(() => doc.getMap('m').set('k', 2), 'inner')
  })
  doc.on('afterAllTransactions', (_, transactions) => heard.push(`all ${transactions.length}`))
  doc.transact(() => doc.getMap('m').set('k', 1), 'outer')
  doc.destroy()
  doc.transact(() => doc.getMap('m').set('k', 3))
  return heard
}

it('a lean document tells its listeners what any document does', () => {
  const heard = heardOf(new LeanDoc())
  expect(heard).toEqual(heardOf(new Y.Doc()))
  expect(heard.filter(what => what === 'second')).toHaveLength(1)
})
