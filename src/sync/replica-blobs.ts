/**
 * The blobs of a replica: put on its disk at once, handed to the relay when there is one, fetched
 * from the relay or from peers when they are read and not here.
 *
 * - RB1. A blob that was put here is owed to the relay until its store of this incarnation has it.
 * - RB2. However many read a blob, it is fetched once.
 */
import { Backoff } from '../base/backoff.ts'
import { Emitter } from '../base/emitter.ts'
import { StatemeshError, toStatemeshError } from '../base/error.ts'
import type { RandomSource } from '../base/random.ts'
import { sleep, type TimeSource } from '../base/time.ts'
import type { DocumentName } from '../model/document-name.ts'
import { type BlobCollection, BlobCollector } from '../storage/blobs/blob-collector.ts'
import { type BlobRef, parseBlobRef } from '../storage/blobs/blob-ref.ts'
import { BlobStore, missing } from '../storage/blobs/blob-store.ts'
import type { Storage } from '../storage/storage.ts'
import type { BlobRequests } from './blob-requests.ts'
import { type Deadline, Waiters } from './waiters.ts'

export interface ReplicaBlobsOptions {
  storage: Storage
  time: TimeSource
  random: RandomSource
  /** The address of the relay that blobs are owed to, if there is one. */
  relay: string | undefined
  /** How long a blob that nothing refers to stays; a day unless given. */
  graceMilliseconds: number | undefined
}

/** How long a read waits for a blob that nobody has yet; its writer may be handing it over. */
const fetchMilliseconds = 10_000

const graceMillisecondsDefault = 24 * 60 * 60 * 1000

interface Owed {
  readonly document: string
  readonly ref: BlobRef
  /** Why the relay will not have it. */
  refusal: StatemeshError | undefined
}

export class ReplicaBlobs {
  readonly events: Emitter<{ warning: StatemeshError }> = new Emitter()
  readonly store: BlobStore
  readonly #options: ReplicaBlobsOptions
  readonly #collector: BlobCollector
  readonly #peers = new Set<BlobRequests>()
  #relay: { requests: BlobRequests; generation: string } | undefined
  /** By document and name (RB1). */
  readonly #owed = new Map<string, Owed>()
  readonly #waiters: Waiters
  #sending: Promise<void> | undefined
  readonly #fetches = new Map<string, Promise<Uint8Array>>()
  #closed = false

  constructor(options: ReplicaBlobsOptions) {
    this.#options = options
    const { storage, time, graceMilliseconds = graceMillisecondsDefault } = options
    this.store = new BlobStore(storage, time)
    this.#waiters = new Waiters(time)
    const onError = (error: StatemeshError) => this.events.emit('warning', error)
    this.#collector = new BlobCollector({
      store: this.store,
      storage,
      time,
      graceMilliseconds,
      onError,
    })
  }

  /** A link to the relay is up. */
  relayLinked(requests: BlobRequests, generation: string): void {
    this.#relay = { requests, generation }
    void this.#oweAll(requests, generation)
  }

  /** A link to a peer is up. */
  peerLinked(requests: BlobRequests): void {
    this.#peers.add(requests)
  }

  /** A link is gone. */
  unlinked(requests: BlobRequests): void {
    this.#peers.delete(requests)
    if (this.#relay?.requests === requests) this.#relay = undefined
  }

  /** Puts a blob; see `DocumentBlobs`. */
  async put(document: DocumentName, content: Uint8Array): Promise<BlobRef> {
    this.#assertOpen()
    const ref = await this.store.put(document, content.slice())
    if (this.#options.relay !== undefined) {
      this.#owe(document, ref)
      this.#send()
    }
    return Object.freeze(ref)
  }

  /** Reads a blob; see `DocumentBlobs`. */
  async get(document: DocumentName, value: unknown): Promise<Uint8Array> {
    this.#assertOpen()
    const ref = parseBlobRef(value)
    const stored = await this.store.get(document, ref)
    if (stored !== undefined) return stored
    const key = keyOf(document, ref)
    let fetch = this.#fetches.get(key)
    if (fetch === undefined) {
      fetch = this.#fetch(document, ref).finally(() => this.#fetches.delete(key))
      this.#fetches.set(key, fetch)
    }
    // Every reader owns what it gets.
    return (await fetch).slice()
  }

  async has(document: DocumentName, value: unknown): Promise<boolean> {
    this.#assertOpen()
    const { blob } = parseBlobRef(value)
    return (await this.store.belonging(document, blob))?.whole ?? false
  }

  /** Removes what nothing refers to any more, and has not been used for the grace period. */
  collect(): Promise<BlobCollection> {
    this.#assertOpen()
    return this.#collector.collect()
  }

  /**
   * Resolves when the relay has all blobs that were put here so far.
   *
   * @throws FLUSH_TIMEOUT, CLOSED, and the code of a refusal that is not retryable
   */
  handedOver(deadline: Deadline, document?: DocumentName): Promise<void> {
    const keys = new Set(
      [...this.#owed].flatMap(([key, owed]) => {
        return document === undefined || owed.document === document ? [key] : []
      }),
    )
    return this.#waiters.wait(deadline, () => {
      for (const key of keys) {
        const owed = this.#owed.get(key)
        if (owed === undefined) keys.delete(key)
        else if (owed.refusal !== undefined) throw owed.refusal
      }
      return keys.size === 0
    })
  }

  async close(): Promise<void> {
    this.#closed = true
    this.#waiters.rejectAll(closed())
    await this.#collector.close()
    await this.#sending
  }

  async #fetch(document: DocumentName, ref: BlobRef): Promise<Uint8Array> {
    const { time, random } = this.#options
    const backoff = new Backoff({ random, millisecondsMin: 50, millisecondsMax: 1000 })
    const giveUpAt = time.monotonic() + fetchMilliseconds
    for (;;) {
      const links = this.#links()
      for (const { requests, generation } of links) {
        const fetched = await this.#fetchFrom(requests, document, ref, generation)
        const content = fetched ? await this.store.get(document, ref) : undefined
        if (content !== undefined) return content
      }
      this.#assertOpen()
      if (links.length === 0 || time.monotonic() >= giveUpAt) throw missing(ref)
      await sleep(time, backoff.next())
    }
  }

  #links(): { requests: BlobRequests; generation: string }[] {
    const peers = [...this.#peers].map(requests => ({ requests, generation: '' }))
    return this.#relay === undefined ? peers : [this.#relay, ...peers]
  }

  async #fetchFrom(
    requests: BlobRequests,
    document: string,
    ref: BlobRef,
    generation: string,
  ): Promise<boolean> {
    try {
      await requests.fetch(document, ref, generation)
      return true
    } catch (thrown) {
      const error = toStatemeshError(thrown, 'STORAGE_UNAVAILABLE')
      // Another link may have it; what is wrong here is said, what is only absent is not.
      if (error.code.startsWith('STORAGE')) throw error
      if (error.code === 'BLOB_DAMAGED') this.events.emit('warning', error)
      return false
    }
  }

  /** Another store of the relay than the one that has them lacks them (RB1). */
  async #oweAll(requests: BlobRequests, generation: string): Promise<void> {
    try {
      for (const { document, ref, whole, relay } of await this.store.belongings()) {
        if (whole && relay !== generation) this.#owe(document, ref)
      }
      if (this.#relay?.requests === requests) this.#send()
    } catch (thrown) {
      this.#warn(thrown)
    }
  }

  #owe(document: string, ref: BlobRef): void {
    const key = keyOf(document, ref)
    // Behind all others, where whoever is sending them comes upon it again.
    this.#owed.delete(key)
    this.#owed.set(key, { document, ref, refusal: undefined })
  }

  #send(): void {
    this.#sending ??= this.#sendOwed()
  }

  async #sendOwed(): Promise<void> {
    await Promise.resolve()
    // What is added meanwhile comes last in it.
    for (const [key, owed] of this.#owed) {
      const relay = this.#relay
      if (relay === undefined || this.#closed) break
      try {
        const belonging = await this.store.belonging(owed.document, owed.ref.blob)
        if (belonging !== undefined && belonging.relay !== relay.generation) {
          await relay.requests.push(owed.document, owed.ref)
          await this.store.atRelay(owed.document, owed.ref.blob, relay.generation)
        }
        if (this.#owed.get(key) === owed) this.#owed.delete(key)
      } catch (thrown) {
        this.#refused(owed, toStatemeshError(thrown, 'STORAGE_UNAVAILABLE'))
      }
      this.#waiters.evaluate()
    }
    // In the same step as the last look at what is owed, so that nothing is left behind.
    this.#sending = undefined
  }

  #refused(owed: Owed, error: StatemeshError): void {
    if (this.#closed || error.code === 'LINK_FAILED') return // the next link sends it
    this.#warn(error)
    if (!error.retryable) {
      owed.refusal = error
      return
    }
    this.#options.time.after(retryMilliseconds, () => {
      if (!this.#closed) this.#send()
    })
  }

  #warn(thrown: unknown): void {
    const error = toStatemeshError(thrown, 'STORAGE_UNAVAILABLE')
    if (error.code !== 'CLOSED') this.events.emit('warning', error)
  }

  #assertOpen(): void {
    if (this.#closed) throw closed()
  }
}

/** The pause before what the relay could not take is sent again. */
const retryMilliseconds = 1000

function keyOf(document: string, { blob }: BlobRef): string {
  return `${document} ${blob}`
}

function closed(): StatemeshError {
  return new StatemeshError('CLOSED', 'the replica was closed')
}
