/** How far each writer of a document is known in it. */
import * as Y from 'yjs'
import { loadLog } from '../../src/document/stored-log.ts'
import type { KnownClocks } from './causal-oracle.ts'

/** As it is now; it moves on with the document. */
export function liveClocks(doc: Y.Doc): KnownClocks {
  return { get: writer => Y.getState(doc.store, writer) }
}

/** A copy that stays as it is. */
export function copyClocks(doc: Y.Doc): Map<number, number> {
  const clocks = new Map<number, number>()
  for (const writer of doc.store.clients.keys()) clocks.set(writer, Y.getState(doc.store, writer))
  return clocks
}

/**
 * The document that a log of updates adds up to. As whoever opens the log reads it: of an update
 * that builds on something lost Yjs alone would take the deletions, which nobody else has.
 */
export function loggedDocument(updates: readonly Uint8Array[]): Y.Doc {
  return loadLog('log', updates, undefined).doc
}

/** The first writer of whom `known` lacks something that `expected` holds, for a message. */
export function lacks(
  known: KnownClocks,
  expected: ReadonlyMap<number, number>,
): string | undefined {
  for (const [writer, clock] of expected) {
    const found = known.get(writer) ?? 0
    if (found < clock) return `writer ${writer} is known up to ${found}, not ${clock}`
  }
  return undefined
}
