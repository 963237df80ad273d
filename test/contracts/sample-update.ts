/** Small real updates for tests that need some. */
import * as Y from 'yjs'

/** One client's first transaction. */
export function updateSaying(text: string, clientID = 1): Uint8Array {
  const document = new Y.Doc()
  document.clientID = clientID
  document.getText('text').insert(0, text)
  return Y.encodeStateAsUpdate(document)
}

/** The updates of one client that writes `words` one after another. */
export function updatesWriting(words: readonly string[], clientID = 1): Uint8Array[] {
  const document = new Y.Doc()
  document.clientID = clientID
  const updates: Uint8Array[] = []
  document.on('update', update => updates.push(update))
  for (const word of words) document.getText('text').insert(document.getText('text').length, word)
  return updates
}

/** What the text of a document is after these updates. */
export function textOf(updates: readonly Uint8Array[]): string {
  const document = new Y.Doc()
  for (const update of updates) Y.applyUpdate(document, update)
  return document.getText('text').toString()
}
