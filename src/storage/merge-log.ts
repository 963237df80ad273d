/**
 * Merges a document's log into one update. It needs nothing but the bytes, so that a worker thread
 * can run it.
 */
import * as Y from 'yjs'
import { StatemeshError, toStatemeshError } from '../base/error.ts'
import { withUpdateIndex } from '../model/update-index.ts'
import { readUpdateStructure } from '../model/update-structure.ts'

/**
 * One garbage-collected update that says what `updates` say, in order, with its index.
 *
 * @throws UPDATE_GAP where something waits for what is missing: as one update with the rest it would
 * make all of that wait, too, and its deletions would take what nobody has lost yet; UPDATE_INVALID
 * where Yjs cannot apply an update, or what comes out is not well-formed
 */
export function mergeLog(updates: readonly Uint8Array[]): Uint8Array {
  const document = new Y.Doc({ gc: true, guid: 'merge' })
  try {
    document.transact(() => {
      for (const update of updates) Y.applyUpdate(document, update)
    })
    if (!isWhole(document)) {
      throw new StatemeshError('UPDATE_GAP', 'updates of the log build on one that was lost')
    }
    const merged = Y.encodeStateAsUpdate(document)
    return withUpdateIndex(merged, readUpdateStructure(merged))
  } catch (thrown) {
    throw toStatemeshError(thrown, 'UPDATE_INVALID')
  } finally {
    document.destroy()
  }
}

function isWhole({ store }: Y.Doc): boolean {
  return store.pendingStructs === null && store.pendingDs === null
}
