/**
 * The documents that a replica holds in memory: loaded when somebody asks, shared by all who do,
 * unloaded some time after the last one gave them back.
 */

import { assert } from '../base/assert.ts'
import { Emitter } from '../base/emitter.ts'
import { StatemeshError } from '../base/error.ts'
import type { CancelTimer, TimeSource } from '../base/time.ts'
import type { DocumentName } from '../model/document-name.ts'
import type { Incarnation } from '../storage/incarnation.ts'
import type { DamagedRecord, Storage } from '../storage/storage.ts'
import type { Journal } from './journal.ts'
import {
  ReplicaDocument,
  type ReplicaDocumentOptions,
  type UpdateSource,
} from './replica-document.ts'

export type DocumentSetEvents = {
  loaded: ReplicaDocument
  /** The document is no longer in memory; nothing may use it. */
  unloaded: ReplicaDocument
  /** A document is about to change, here or by what came from a source. */
  changing: { document: ReplicaDocument; source: UpdateSource | undefined }
  /** Stored records were found damaged; a warning for each follows. */
  damaged: readonly DamagedRecord[]
  warning: StatemeshError
}

export interface DocumentSetOptions {
  storage: Storage
  journal: Journal
  incarnation: Incarnation
  time: TimeSource
  /** How long an unused document stays in memory. */
  idleMilliseconds: number
}

interface Slot {
  readonly loading: Promise<ReplicaDocument>
  document: ReplicaDocument | undefined
  users: number
  cancelUnload: CancelTimer | undefined
}

/** A loaded document, held until `release` is called. */
export interface HeldDocument {
  readonly document: ReplicaDocument
  release(): void
}

export class DocumentSet {
  readonly events: Emitter<DocumentSetEvents> = new Emitter()
  readonly #options: DocumentSetOptions
  readonly #slots = new Map<DocumentName, Slot>()
  readonly #loaded = new Set<ReplicaDocument>()
  #closed = false

  constructor(options: DocumentSetOptions) {
    this.#options = options
  }

  /** The documents that are loaded. */
  get loaded(): ReadonlySet<ReplicaDocument> {
    return this.#loaded
  }

  /** A document that is loaded; undefined for one that is not. */
  get(name: DocumentName): ReplicaDocument | undefined {
    return this.#slots.get(name)?.document
  }

  /**
   * Holds a document, loading it first where it is not in memory.
   *
   * @throws STORAGE_UNAVAILABLE, STORAGE_CORRUPT, CLOSED
   */
  async hold(name: DocumentName): Promise<HeldDocument> {
    if (this.#closed) throw new StatemeshError('CLOSED', 'the replica was closed')
    const slot = this.#slots.get(name) ?? this.#load(name)
    const release = this.#use(slot)
    return { document: await slot.loading, release }
  }

  /**
   * Holds a document that is loaded, at once, until the returned function is called (once; later
   * calls do nothing).
   */
  retain(document: ReplicaDocument): () => void {
    const slot = this.#slots.get(document.name)
    assert(slot?.document === document, `${document.name} is not loaded`)
    return this.#use(slot)
  }

  /** Gives all documents a new clientID: ours turned out to be in use elsewhere. */
  renewClientID(): void {
    const { incarnation, journal } = this.#options
    incarnation.renew()
    journal.push(() => incarnation.begin())
    for (const { doc } of this.#loaded) doc.clientID = incarnation.clientID
  }

  /** Reports records that the storage has set aside. */
  damaged(records: readonly DamagedRecord[]): void {
    if (records.length > 0) this.events.emit('damaged', records)
    for (const { document, clock, reason } of records) {
      const message = `${document}: stored update ${clock} is damaged and was set aside: ${reason}`
      this.events.emit('warning', new StatemeshError('STORAGE_CORRUPT', message))
    }
    // What is lost may have been ours: never continue the clientID that wrote it.
    if (records.length > 0) this.renewClientID()
  }

  /** The log of a document was compacted, and is so many bytes shorter. */
  compacted(document: string, bytes: number): void {
    this.#slots.get(document as DocumentName)?.document?.compacted(bytes)
  }

  /** Unloads everything at once. The journal must be empty by then, or closed. */
  close(): void {
    this.#closed = true
    for (const slot of this.#slots.values()) {
      slot.cancelUnload?.()
      slot.document?.destroy()
    }
    this.#slots.clear()
    this.#loaded.clear()
  }

  #use(slot: Slot): () => void {
    slot.users += 1
    slot.cancelUnload?.()
    slot.cancelUnload = undefined
    let released = false
    return () => {
      if (released) return
      released = true
      slot.users -= 1
      if (slot.users === 0 && slot.document !== undefined) this.#unloadLater(slot, slot.document)
    }
  }

  #load(name: DocumentName): Slot {
    const slot: Slot = {
      loading: this.#read(name).then(
        document => {
          slot.document = document
          this.#loaded.add(document)
          // It may have been given up since the document was made, which nobody could see then.
          document.doc.clientID = this.#options.incarnation.clientID
          this.events.emit('loaded', document)
          return document
        },
        error => {
          this.#slots.delete(name) // the next one to ask tries again
          throw error
        },
      ),
      document: undefined,
      users: 0,
      cancelUnload: undefined,
    }
    this.#slots.set(name, slot)
    return slot
  }

  async #read(name: DocumentName): Promise<ReplicaDocument> {
    const { storage, journal, incarnation } = this.#options
    const { updates, damaged } = await storage.load(name)
    if (this.#closed) throw new StatemeshError('CLOSED', 'the replica was closed')
    this.damaged(damaged)
    const options: ReplicaDocumentOptions = {
      name,
      clientID: incarnation.clientID,
      storage,
      journal,
      onClientIDTaken: () => this.renewClientID(),
      onProblem: problem => this.events.emit('warning', problem),
      onChange: (document, source) => this.events.emit('changing', { document, source }),
    }
    try {
      return new ReplicaDocument(
        options,
        updates.map(({ update }) => update),
      )
    } catch (cause) {
      throw new StatemeshError('STORAGE_CORRUPT', `${name}: its stored updates do not apply`, {
        cause,
      })
    }
  }

  #unloadLater(slot: Slot, document: ReplicaDocument): void {
    const { time, idleMilliseconds } = this.#options
    if (this.#closed) return
    slot.cancelUnload = time.after(idleMilliseconds, () => {
      slot.cancelUnload = undefined
      // A load would not see what is not durable yet (S1 of the storage port).
      if (!document.isDurable) return this.#unloadLater(slot, document)
      this.#slots.delete(document.name)
      this.#loaded.delete(document)
      document.destroy()
      this.events.emit('unloaded', document)
    })
  }
}
