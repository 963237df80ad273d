/**
 * The port under everything that must survive: logs of updates, one per document, and small
 * records beside them. It knows bytes and order, not what they mean.
 *
 * What every implementation promises (`test/contracts/storage.ts` holds them to it):
 *
 * S1. A promise of a write resolves only when the write is durable: fsynced, where there is a disk.
 * S2. Writes become durable in the order in which they were issued, over all documents and
 *     records: after a crash a write is there only if every earlier one is.
 * S3. A failed write rejects with a code, and so do the writes issued behind it while it was
 *     under way; nothing is stored in part. Later writes may succeed again.
 * S4. A damaged update is set aside and reported by `load`; the others are still returned.
 * S5. After `close` every call rejects with `CLOSED`; `close` waits for the writes under way.
 */

/** One stored update with its number in the document's log. */
export interface StoredUpdate {
  /** Grows by one with every append; a compaction keeps the number of the last one it replaced. */
  readonly clock: number
  readonly update: Uint8Array
}

/** A record that could not be read back as what was written. */
export interface DamagedRecord {
  readonly document: string
  readonly clock: number
  readonly reason: string
}

export interface StoredDocument {
  /** In the order of their clocks. Empty for a document that is not stored. */
  readonly updates: readonly StoredUpdate[]
  /** Records that this load found damaged and set aside. */
  readonly damaged: readonly DamagedRecord[]
}

export interface Storage {
  /**
   * The log of a document, with every append whose promise has resolved.
   *
   * @throws STORAGE_CORRUPT (not even a part of it can be read), STORAGE_UNAVAILABLE, CLOSED
   */
  load(document: string): Promise<StoredDocument>

  /**
   * Appends one update to a document's log and resolves with its clock once it is durable. The
   * bytes must not change until then.
   *
   * @throws STORAGE_UNAVAILABLE (the disk failed: the update is not in the log, or, where the fsync
   * itself failed, may be), STORAGE_CORRUPT, CLOSED
   */
  append(document: string, update: Uint8Array): Promise<number>

  /**
   * Replaces the updates up to and including `through` by one that says the same; later ones stay
   * as they are. After a crash some of the replaced may still stand before it. Where no update has the clock `through` any more, because the
   * document was removed or replaced further, it does nothing.
   *
   * @throws UPDATE_INVALID, STORAGE_CORRUPT, STORAGE_UNAVAILABLE, CLOSED
   */
  replace(document: string, through: number, update: Uint8Array): Promise<void>

  /** Removes a document with its log, durably. Removing one that is not stored does nothing. */
  remove(document: string): Promise<void>

  /** The names of the documents that are stored. */
  documents(): Promise<readonly string[]>

  /** The records whose keys begin with `prefix`, by key, in the order of their keys' UTF-8. */
  records(prefix: string): Promise<ReadonlyMap<string, Uint8Array>>

  /** Writes a record, or removes it where `value` is undefined; durable when it resolves. */
  writeRecord(key: string, value: Uint8Array | undefined): Promise<void>

  /** Waits for the writes under way and closes. A second call does nothing. */
  close(): Promise<void>
}
