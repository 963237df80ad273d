/**
 * The log of a document that a disk may have lost updates of. What builds on a lost update waits
 * outside of the document: Yjs would take its deletions in and not what they made room for.
 */
import * as Y from 'yjs'
import { checkUpdate } from '../model/update-check.ts'
import { readUpdateStructure } from '../model/update-structure.ts'
import { LeanDoc } from './lean-doc.ts'

export interface LoadedLog {
  readonly doc: Y.Doc
  /** Updates that build on something missing; they count when that comes back. */
  readonly orphans: readonly Uint8Array[]
}

/**
 * Makes a document of its log.
 *
 * @param origin of the transactions that load it
 */
export function loadLog(guid: string, updates: readonly Uint8Array[], origin: unknown): LoadedLog {
  const doc = new LeanDoc({ guid })
  // One transaction, so that the cost of ending one is paid once.
  doc.transact(() => {
    for (const update of updates) Y.applyUpdate(doc, update, origin)
  }, origin)
  if (isWhole(doc)) return { doc, orphans: [] }
  doc.destroy()
  return loadWithHoles(guid, updates, origin)
}

function loadWithHoles(guid: string, updates: readonly Uint8Array[], origin: unknown): LoadedLog {
  const doc = new LeanDoc({ guid })
  const orphans = doc.transact(() => integrateWhole(doc, updates, origin), origin)
  return { doc, orphans }
}

/** Applies those of the updates that can be integrated whole, and answers the others. */
export function integrateWhole(
  doc: Y.Doc,
  updates: readonly Uint8Array[],
  origin: unknown,
): Uint8Array[] {
  const state = { get: (client: number) => Y.getState(doc.store, client) }
  let waiting = [...updates]
  for (let before = -1; waiting.length !== before; ) {
    before = waiting.length
    waiting = waiting.filter(update => {
      const verdict = checkUpdate(readUpdateStructure(update), state)
      if (verdict === 'new') Y.applyUpdate(doc, update, origin)
      return verdict === 'gap'
    })
  }
  return waiting
}

function isWhole({ store }: Y.Doc): boolean {
  return store.pendingStructs === null && store.pendingDs === null
}
