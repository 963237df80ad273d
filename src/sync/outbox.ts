/**
 * The names of the documents that hold changes which the relay has not acked as durable. Kept in the
 * storage, so that a replica that wrote offline and was restarted knows what it still owes, without
 * loading every document; and kept with the store that the others were acked by, so that a relay
 * with another store gets them all.
 */
import type { CancelTimer, TimeSource } from '../base/time.ts'
import type { Journal } from '../document/journal.ts'
import { type DocumentName, isDocumentName, parseDocumentName } from '../model/document-name.ts'
import type { Storage } from '../storage/storage.ts'

const prefix = 'unsynced/'
const present = new Uint8Array(0)

/** The record with the incarnation of the relay's store that acked what is not in the outbox. */
const relayKey = 'relay'

/** How long a name must be gone before its record goes: steady writers cost nothing. */
const settleMilliseconds = 1_000

const encoder = new TextEncoder()
const decoder = new TextDecoder()

export interface OutboxOptions {
  storage: Storage
  journal: Journal
  time: TimeSource
}

export class Outbox {
  readonly #options: OutboxOptions
  readonly #names: Set<DocumentName>
  /** Those that have left, and whose records are still there. */
  readonly #leaving = new Map<DocumentName, CancelTimer>()
  #relay: string | undefined

  /** @param relay the store that acked what is not among `names`, as far as any relay did */
  constructor(options: OutboxOptions, names: Iterable<DocumentName>, relay: string | undefined) {
    this.#options = options
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
    const keepRecord = this.#leaving.get(name)
    if (keepRecord === undefined) return this.#write(prefix + name, present)
    this.#leaving.delete(name)
    keepRecord()
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
    for (const name of await this.#options.storage.documents()) {
      if (isDocumentName(name)) this.add(name) // others no relay would take
    }
    this.#relay = relay
    // Behind the names, so that whoever finds it finds them too.
    this.#write(relayKey, encoder.encode(relay))
  }

  /** A relay has all of the document. A crash before this is durable costs one needless sync. */
  remove(name: DocumentName): void {
    if (!this.#names.delete(name)) return
    const forget = () => this.#forget(name)
    this.#leaving.set(name, this.#options.time.after(settleMilliseconds, forget))
  }

  /** Hands the journal what it still has to know. */
  close(): void {
    for (const [name, cancel] of this.#leaving) {
      cancel()
      this.#forget(name)
    }
  }

  #forget(name: DocumentName): void {
    this.#leaving.delete(name)
    this.#write(prefix + name, undefined)
  }

  #write(key: string, value: Uint8Array | undefined): void {
    const { journal, storage } = this.#options
    journal.push(() => storage.writeRecord(key, value))
  }
}

/** @throws STORAGE_UNAVAILABLE, CLOSED */
export async function openOutbox(options: OutboxOptions): Promise<Outbox> {
  const { storage } = options
  const records = await storage.records(prefix)
  const names = [...records.keys()].map(key => parseDocumentName(key.slice(prefix.length)))
  const relay = (await storage.records(relayKey)).get(relayKey)
  return new Outbox(options, names, relay && decoder.decode(relay))
}
