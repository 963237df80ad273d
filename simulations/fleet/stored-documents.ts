/** What lies in a database that no process has open: documents, their clocks and their bytes. */
import { createHash } from 'node:crypto'
import { cp, rm } from 'node:fs/promises'
import * as Y from 'yjs'
import { openLevelStorage } from '../../src/storage/level-storage.ts'
import { copyClocks, loggedDocument } from '../oracle/document-clocks.ts'

/** By their names. */
export type StoredDocuments = ReadonlyMap<string, StoredDocument>

export interface StoredDocument {
  readonly clocks: ReadonlyMap<number, number>
  /** SHA-256 of the document's bytes, in hex. */
  readonly digest: string
}

/** Reads a copy, so that the next process finds the database just as the last one left it. */
export async function readStored(directory: string): Promise<StoredDocuments> {
  const copy = `${directory}-copy`
  await replaceDirectory(copy, directory)
  try {
    return await readDocuments(copy)
  } finally {
    await rm(copy, { recursive: true, force: true })
  }
}

/** Of a document's bytes: what has converged has the same. */
export function digestOf(doc: Y.Doc): string {
  return createHash('sha256').update(Y.encodeStateAsUpdate(doc)).digest('hex')
}

/** Of a document that nobody has written to, and nobody has stored. */
export const emptyDigest: string = digestOf(new Y.Doc())

/** Makes one directory a copy of another. */
export async function replaceDirectory(directory: string, source: string): Promise<void> {
  await rm(directory, { recursive: true, force: true })
  await cp(source, directory, { recursive: true })
}

async function readDocuments(location: string): Promise<StoredDocuments> {
  const storage = await openLevelStorage({ location })
  try {
    const found = new Map<string, StoredDocument>()
    for (const name of await storage.documents()) {
      const { updates } = await storage.load(name)
      const doc = loggedDocument(updates.map(({ update }) => update))
      found.set(name, { clocks: copyClocks(doc), digest: digestOf(doc) })
      doc.destroy()
    }
    return found
  } finally {
    await storage.close()
  }
}
