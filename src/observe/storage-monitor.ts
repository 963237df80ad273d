/**
 * A storage that tells how its appends go: how many become durable together and how long that
 * takes, and whether they fail at present.
 */
import type { TimeSource } from '../base/time.ts'
import type { Storage, StoredDocument } from '../storage/storage.ts'

export interface StorageMeter {
  /** A commit has made updates durable; it took so long from the first of them. */
  committed(updates: number, bytes: number, milliseconds: number): void
  /** The log of a document was read. */
  loaded?(milliseconds: number): void
}

/** A failure that nothing has followed says little about the disk of now. */
const failureMilliseconds = 30_000

export class StorageMonitor {
  readonly #time: TimeSource
  readonly #meter: StorageMeter
  #failedAt: number | undefined
  /** What became durable in this turn: the appends of one commit resolve together. */
  #entries = 0
  #bytes = 0
  #since = 0

  constructor(time: TimeSource, meter: StorageMeter) {
    this.#time = time
    this.#meter = meter
  }

  /** Whether the last append failed, lately. */
  get failing(): boolean {
    const { monotonic } = this.#time
    return this.#failedAt !== undefined && monotonic() - this.#failedAt < failureMilliseconds
  }

  /** The storage, watched. */
  watch(storage: Storage): Storage {
    return {
      load: document => this.#load(storage, document),
      append: (document, update) => {
        const append = storage.append(document, update)
        const begun = this.#time.monotonic()
        append.then(
          () => this.#committed(update.length, begun),
          () => this.#failed(),
        )
        return append
      },
      replace: (document, through, update) => storage.replace(document, through, update),
      remove: document => storage.remove(document),
      documents: () => storage.documents(),
      records: prefix => storage.records(prefix),
      writeRecord: (key, value) => storage.writeRecord(key, value),
      close: () => storage.close(),
    }
  }

  async #load(storage: Storage, document: string): Promise<StoredDocument> {
    const begun = this.#time.monotonic()
    const stored = await storage.load(document)
    this.#meter.loaded?.(this.#time.monotonic() - begun)
    return stored
  }

  #committed(bytes: number, begun: number): void {
    this.#failedAt = undefined
    if (this.#entries === 0) {
      this.#since = begun
      queueMicrotask(() => this.#report())
    }
    this.#entries += 1
    this.#bytes += bytes
  }

  // The failure itself reaches whoever appended.
  #failed(): void {
    this.#failedAt = this.#time.monotonic()
  }

  #report(): void {
    this.#meter.committed(this.#entries, this.#bytes, this.#time.monotonic() - this.#since)
    this.#entries = 0
    this.#bytes = 0
  }
}
