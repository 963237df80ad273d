/** Applies an update to a real document and finds out whether that harmed it. */
import * as Y from 'yjs'
import { readUpdateStructure } from '../../src/model/update-structure.ts'

export interface Harm {
  /** `throws`: applying, reading, writing or encoding throws. `pending`: Yjs set something aside,
   * there or in a copy. `order`: a copy made from the document's own state reads differently. */
  readonly kind: 'throws' | 'pending' | 'order'
  readonly what: string
}

/** How the update harmed the document; undefined if it did not. */
export function harmOf(doc: Y.Doc, update: Uint8Array): Harm | undefined {
  try {
    Y.applyUpdate(doc, update)
    return lastingHarm(doc)
  } catch (error) {
    return { kind: 'throws', what: String(error instanceof Error ? error.stack : error) }
  }
}

function lastingHarm(doc: Y.Doc): Harm | undefined {
  if (isPending(doc)) return { kind: 'pending', what: 'the document' }
  const copy = new Y.Doc({ gc: doc.gc })
  Y.applyUpdate(copy, Y.encodeStateAsUpdate(doc))
  if (isPending(copy)) return { kind: 'pending', what: 'a copy' }
  if (contentOf(doc) !== contentOf(copy)) return { kind: 'order', what: 'a copy' }

  // Written after the copy was made, so that the copy has to follow.
  const written: Uint8Array[] = []
  doc.on('update', (bytes: Uint8Array) => written.push(bytes))
  writeEverywhere(doc)
  for (const bytes of written) Y.applyUpdate(copy, bytes)
  if (isPending(copy)) return { kind: 'pending', what: 'a later write in a copy' }
  return contentOf(doc) === contentOf(copy)
    ? undefined
    : { kind: 'order', what: 'a later write in a copy' }
}

function isPending(doc: Y.Doc): boolean {
  return doc.store.pendingStructs !== null || doc.store.pendingDs !== null
}

function writeEverywhere(doc: Y.Doc): void {
  doc.getText('text').insert(0, 'after')
  doc.getArray('array').push(['after'])
  doc.getMap('map').set('after', true)
  doc.getXmlFragment('xml').push([new Y.XmlText('after')])
  doc.getArray('array').delete(0, 1)
}

/** All that a reader can see, and which clocks exist and are deleted. */
function contentOf(doc: Y.Doc): string {
  const { structs, deletes } = readUpdateStructure(Y.encodeStateAsUpdate(doc))
  return JSON.stringify(
    [
      structs,
      deletes,
      doc.getText('text').toDelta(),
      doc.getText('text').toJSON(),
      doc.getArray('array').toJSON(),
      doc.getMap('map').toJSON(),
      doc.getXmlFragment('xml').length,
    ],
    canonical,
  )
}

/** Maps and objects in one order, and values that JSON lacks. */
function canonical(_key: string, value: unknown): unknown {
  if (typeof value === 'bigint') return `${value}n`
  if (value instanceof Map) return [...value].sort(([a], [b]) => a - b)
  if (value === null || typeof value !== 'object' || Array.isArray(value)) return value
  return Object.entries(value).sort(([a], [b]) => (a < b ? -1 : 1))
}
