/**
 * The names of the documents that hold changes which the relay has not acked as durable. Kept in the
 * storage, so that a replica that wrote offline and was restarted knows what it still owes, without
 * loading every document; and kept with the store that the others were acked by, so that a relay
 * with another store gets them all.
 */
import type { Journal } from '../document/journal.ts'
import { type DocumentName, isDocumentName, parseDocumentName } from '../model/document-name.ts'
import type { Storage } from '../storage/storage.ts'

const prefix = 'unsynced/'
const present = new Uint8Array(0)

/** The record with the incarnation of the relay's store that acked what is not in the outbox. */
const relayKey = 'relay'

const encoder = new TextEncoder()
const decoder = new TextDecoder()

export class Outbox {
  readonly #storage: Storage
  readonly #journal: Journal
  readonly #names: Set<DocumentName>

  #relay: string | undefined

  /** @param relay the store that acked what is not among `names`, as far as any relay did */
  constructor(
    storage: Storage,
    journal: Journal,
    names: Iterable<DocumentName>,
    relay: string | undefined,
  ) {
    this.#storage = storage
    this.#journal = journal
    this.#names = new Set(names)
    this.#relay = relay
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

  /** Whether this store is the one whose acks have taken documents out of the outbox. */
  trusts(relay: string): boolean {
    return this.#relay === relay
  }

  /**
   * Owes a relay everything: its store is another than the one that has acked so far, and may have
   * none of it.
   *
   * @throws STORAGE_UNAVAILABLE, CLOSED; the store is not trusted then
   */
  async oweAll(relay: string): Promise<void> {
    for (const name of await this.#storage.documents()) {
      if (isDocumentName(name)) this.add(name) // others no relay would take
    }
    this.#relay = relay
    // Behind the names, so that whoever finds it finds them too.
    this.#journal.push(() => this.#storage.writeRecord(relayKey, encoder.encode(relay)))
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
  const relay = (await storage.records(relayKey)).get(relayKey)
  return new Outbox(storage, journal, names, relay && decoder.decode(relay))
}
