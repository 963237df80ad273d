/**
 * Removes blobs that nothing refers to. A reference is the name of the blob in a stored update of any
 * document of the same scope, so it counts until a compaction has dropped the last update that
 * holds it.
 *
 * What was put, fetched or referred to within the grace period stays: a writer puts a blob first and
 * refers to it then, and its update may be under way when the collector looks.
 */
import { type StatemeshError, toStatemeshError } from '../../base/error.ts'
import type { CancelTimer, TimeSource } from '../../base/time.ts'
import type { Storage } from '../storage.ts'
import { blobNamesIn } from './blob-ref.ts'
import type { BlobBelonging, BlobStore } from './blob-store.ts'

export interface BlobCollection {
  /** Blobs that are referred to, or young enough. */
  readonly kept: number
  readonly removed: number
  readonly removedBytes: number
}

export interface BlobCollectorOptions {
  store: BlobStore
  storage: Storage
  time: TimeSource
  graceMilliseconds: number
  /** Called when a collection that the timer started has failed. */
  onError(error: StatemeshError): void
}

const collectMilliseconds = 60 * 60 * 1000

export class BlobCollector {
  readonly #options: BlobCollectorOptions
  #cancel: CancelTimer | undefined
  #running: Promise<unknown> | undefined
  #closed = false

  constructor(options: BlobCollectorOptions) {
    this.#options = options
    options.store.watch(() => this.start())
  }

  /** Collects every hour from now on; it starts by itself when a blob is put or fetched. */
  start(): void {
    if (this.#cancel === undefined) this.#later()
  }

  /** Collects now. @throws STORAGE_UNAVAILABLE, STORAGE_CORRUPT, CLOSED */
  async collect(): Promise<BlobCollection> {
    const { store } = this.#options
    const belongings = await store.belongings()
    const scopes = new Map<string, BlobBelonging[]>()
    for (const belonging of belongings) {
      const scope = scopeOf(belonging.document)
      scopes.set(scope, [...(scopes.get(scope) ?? []), belonging])
    }
    let removed = 0
    let removedBytes = 0
    for (const [scope, inScope] of scopes) {
      if (!inScope.some(belonging => this.#isOld(belonging))) continue
      // Nothing is put between the look and the removal.
      await store.inTurn(async () => {
        const unused = await this.#unused(scope, inScope)
        removed += unused.length
        if (unused.length > 0) removedBytes += await store.drop(unused)
      })
    }
    return { kept: belongings.length - removed, removed, removedBytes }
  }

  /** Stops, when what is under way is done. */
  async close(): Promise<void> {
    this.#closed = true
    this.#cancel?.()
    await this.#running
  }

  async #unused(scope: string, inScope: readonly BlobBelonging[]): Promise<BlobBelonging[]> {
    const { store, storage, time } = this.#options
    const named = new Set<string>()
    for (const document of await storage.documents()) {
      if (scopeOf(document) !== scope) continue
      for (const { update } of (await storage.load(document)).updates) blobNamesIn(update, named)
    }
    const unused: BlobBelonging[] = []
    for (const { document, ref } of inScope) {
      // It may have been put again since it was listed.
      const belonging = await store.belonging(document, ref.blob)
      if (belonging === undefined || !this.#isOld(belonging)) continue
      // Its grace period begins when it was seen to be referred to for the last time.
      if (named.has(ref.blob)) await store.belong({ ...belonging, usedAt: time.now() })
      else unused.push(belonging)
    }
    return unused
  }

  #isOld({ usedAt }: BlobBelonging): boolean {
    return this.#options.time.now() - usedAt > this.#options.graceMilliseconds
  }

  #later(): void {
    if (this.#closed) return
    this.#cancel = this.#options.time.after(collectMilliseconds, () => {
      this.#running = this.collect()
        .catch(thrown => {
          const error = toStatemeshError(thrown, 'STORAGE_UNAVAILABLE')
          if (error.code !== 'CLOSED') this.#options.onError(error)
        })
        .finally(() => this.#later())
    })
  }
}

/** The scope in a document's name. */
function scopeOf(document: string): string {
  return document.slice(0, Math.max(0, document.lastIndexOf('/')))
}
