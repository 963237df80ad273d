/** Updates as a client makes them, one for each change. */
import * as Y from 'yjs'

export interface Writer {
  readonly doc: Y.Doc
  /** Puts text at the end and answers the update that says so. */
  append(text: string): Uint8Array
  /** Removes characters at the start and answers the update that says so. */
  deleteFirst(count: number): Uint8Array
}

export function writer(clientID: number): Writer {
  const doc = new Y.Doc()
  doc.clientID = clientID
  let update: Uint8Array = new Uint8Array()
  doc.on('update', bytes => {
    update = bytes
  })
  const text = doc.getText('text')
  return {
    doc,
    append(added) {
      text.insert(text.length, added)
      return update
    },
    deleteFirst(count) {
      text.delete(0, count)
      return update
    },
  }
}

/** The text of a document that consists of these updates. */
export function textOf(...updates: readonly Uint8Array[]): string {
  const doc = new Y.Doc()
  for (const update of updates) Y.applyUpdate(doc, update)
  return doc.getText('text').toString()
}
