/**
 * Looks into documents by their stored updates: what they say now, what they said, and what differs.
 * It works on any storage, changes nothing, and needs no declarations of partitions.
 */
import * as Y from 'yjs'
import { StatemeshError } from '../../base/error.ts'
import type { Journal } from '../../document/journal.ts'
import { auditName } from '../../history/history-definition.ts'
import { isDocumentName, splitDocumentName } from '../../model/document-name.ts'
import type { DamagedRecord, StoredDocument } from '../../storage/storage.ts'
import { kindOf } from './document-kind.ts'
import { lastWriteOf, type ReadDocument, readDocument, sizeOf } from './document-state.ts'
import { docOf, type RewindMoment, type Rewound, rewind } from './rewind.ts'
import { diffStates, type StateDifference } from './state-diff.ts'

/** Where documents are read; any `Storage` is one. */
export interface DocumentSource {
  documents(): Promise<readonly string[]>
  load(document: string): Promise<StoredDocument>
}

/** The documents of a storage with all that is on its way there. */
export function durableSource(storage: DocumentSource, journal: Journal): DocumentSource {
  return {
    documents: async () => {
      await journal.whenDurable()
      return storage.documents()
    },
    load: async document => {
      await journal.whenDurable()
      return storage.load(document)
    },
  }
}

/** What a document says at one moment, and what is known about it. */
export interface DocumentSnapshot extends ReadDocument {
  readonly document: string
  /** Undefined for a name that is not ours. */
  readonly scope: string | undefined
  readonly partition: string | undefined
  /** Of its log. */
  readonly updates: number
  readonly bytes: number
  /** How much of each writer it holds, by the clocks of Yjs. */
  readonly writers: { readonly [client: string]: number }
  /** Live keys, entries or roots, by its kind; and keys whose writes did not see each other. */
  readonly items: number
  readonly conflicts: number
  /** The newest stamp, in milliseconds since the epoch. */
  readonly lastWrite: number | undefined
  /** Whether some updates wait for others that are missing. */
  readonly incomplete: boolean
  /** Stored updates that could not be read. */
  readonly damaged: readonly DamagedRecord[]
}

/** What differs of one document: it is only in one of two places, or says something else. */
export interface DocumentDifference extends StateDifference {
  readonly document: string
  readonly kind: 'added' | 'removed' | 'changed'
}

export class StateDebugger {
  readonly #source: DocumentSource

  constructor(source: DocumentSource) {
    this.#source = source
  }

  /** The names of the documents, in their order. @throws STORAGE_UNAVAILABLE, CLOSED */
  async documents(): Promise<string[]> {
    return [...(await this.#source.documents())].sort()
  }

  /** @throws DOCUMENT_UNKNOWN, STORAGE_CORRUPT, STORAGE_UNAVAILABLE, CLOSED */
  async snapshot(document: string): Promise<DocumentSnapshot> {
    const stored = await this.#load(document)
    const updates = stored.updates.map(({ update }) => update)
    const doc = docOf(updates)
    const read = readDocument(doc)
    const name = nameParts(document)
    return Object.freeze({
      document,
      ...name,
      ...read,
      updates: updates.length,
      bytes: updates.reduce((sum, { length }) => sum + length, 0),
      writers: Object.fromEntries(Y.decodeStateVector(Y.encodeStateVector(doc))),
      ...sizeOf(read.state),
      lastWrite: lastWriteOf(read.state),
      incomplete: doc.store.pendingStructs !== null || doc.store.pendingDs !== null,
      damaged: stored.damaged,
    })
  }

  /** The document as one update, without what waits for others. @throws as `snapshot` does */
  async update(document: string): Promise<Uint8Array> {
    const { updates } = await this.#load(document)
    const doc = new Y.Doc()
    doc.transact(() => {
      for (const { update } of updates) Y.applyUpdate(doc, update)
    })
    // What waits for something that is missing: nobody could take it in.
    doc.store.pendingStructs = doc.store.pendingDs = null
    return Y.encodeStateAsUpdate(doc)
  }

  /**
   * The document as it was at a time, or after so many of its stored updates.
   *
   * @throws OPTION_INVALID where the document's kind has no times, and as `snapshot` does
   */
  async rewind(document: string, moment: RewindMoment): Promise<Rewound> {
    const { updates } = await this.#load(document)
    const trail = await this.#trailOf(document)
    return rewind({ document, updates: updates.map(({ update }) => update), trail }, moment)
  }

  /** What differs between the documents here and elsewhere. @throws as `snapshot` does */
  async diff(other: StateDebugger, only?: string): Promise<DocumentDifference[]> {
    const [here, there] = [await this.documents(), await other.documents()]
    const names = [...new Set([...here, ...there])].sort()
    const differences: DocumentDifference[] = []
    for (const document of names.filter(name => only === undefined || name === only)) {
      const [before, after] = [here.includes(document), there.includes(document)]
      const was = before ? (await this.snapshot(document)).state : undefined
      const is = after ? (await other.snapshot(document)).state : undefined
      const difference = diffStates(was, is)
      const kind = before ? (after ? 'changed' : 'removed') : 'added'
      if (!difference.equal) differences.push({ document, kind, ...difference })
    }
    return differences
  }

  async #load(document: string): Promise<StoredDocument> {
    const stored = await this.#source.load(document)
    if (stored.updates.length === 0 && stored.damaged.length === 0) {
      throw new StatemeshError('DOCUMENT_UNKNOWN', `${document} is not stored here`)
    }
    return stored
  }

  /** The logs of the audit trail beside a document. */
  async #trailOf(document: string): Promise<Uint8Array[][]> {
    const { partition } = nameParts(document)
    if (partition === undefined) return []
    const trail = `${document.slice(0, -partition.length)}${auditName(partition)}`
    const isLog = (name: string) => name === trail || name.startsWith(`${trail}-`)
    const logs: Uint8Array[][] = []
    for (const name of (await this.documents()).filter(isLog)) {
      const updates = (await this.#load(name)).updates.map(({ update }) => update)
      if (kindOf(docOf(updates)) === 'log') logs.push(updates)
    }
    return logs
  }
}

function nameParts(document: string): Pick<DocumentSnapshot, 'scope' | 'partition'> {
  // Stock databases may hold names that no relay would take.
  const parts = isDocumentName(document) ? splitDocumentName(document) : undefined
  return { scope: parts && String(parts.scope), partition: parts?.partition }
}
