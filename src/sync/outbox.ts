/**
 * The names of the documents that hold local changes which no relay has acked as durable. Kept in
 * the storage, so that a replica that wrote offline and was restarted knows what it still owes,
 * without loading every document.
 */
import type { Journal } from '../document/journal.ts'
import { type DocumentName, parseDocumentName } from '../model/document-name.ts'
import type { Storage } from '../storage/storage.ts'

const prefix = 'unsynced/'
const present = new Uint8Array(0)

export class Outbox {
  readonly #storage: Storage
  readonly #journal: Journal
  readonly #names: Set<DocumentName>

  constructor(storage: Storage, journal: Journal, names: Iterable<DocumentName>) {
    this.#storage = storage
    this.#journal = journal
    this.#names = new Set(names)
  }

  /** The documents that hold changes which no relay is known to have. */
  get names(): ReadonlySet<DocumentName> {
    return this.#names
  }

  /** Notes a document, durably before any change that is journalled after this call. */
  add(name: DocumentName): void {
    if (this.#names.has(name)) return
    this.#names.add(name)
    this.#journal.push(() => this.#storage.writeRecord(prefix + name, present))
  }

  /** A relay has all of the document. A crash before this is durable costs one needless sync. */
  remove(name: DocumentName): void {
    if (!this.#names.delete(name)) return
    this.#journal.push(() => this.#storage.writeRecord(prefix + name, undefined))
  }
}

/** @throws STORAGE_UNAVAILABLE, CLOSED */
export async function openOutbox(storage: Storage, journal: Journal): Promise<Outbox> {
  const records = await storage.records(prefix)
  const names = [...records.keys()].map(key => parseDocumentName(key.slice(prefix.length)))
  return new Outbox(storage, journal, names)
}
