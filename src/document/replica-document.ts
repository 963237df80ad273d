/**
 * One document of a replica: a `Y.Doc` whose every change goes into the journal, and which foreign
 * updates reach only after their structure has been checked.
 *
 * D1. What the `Y.Doc` holds is either durable or in the journal, on its way there. What was made
 *     here in one turn goes into the journal as one change, when the turn ends or somebody asks.
 * D2. A foreign update that Yjs could not integrate whole is not applied at all.
 *     Neither is a stored one: it waits until what the disk has lost comes back.
 * D3. Nothing foreign may continue our clientID: we take another one first.
 */
import * as Y from 'yjs'
import { Emitter } from '../base/emitter.ts'
import { StatemeshError } from '../base/error.ts'
import type { DocumentName } from '../model/document-name.ts'
import { checkUpdate, type UpdateVerdict } from '../model/update-check.ts'
import type { UpdateOutline } from '../model/update-outline.ts'
import {
  type ClockRange,
  readUpdateStructure,
  type UpdateStructure,
} from '../model/update-structure.ts'
import type { Storage } from '../storage/storage.ts'
import type { Journal, JournalPosition } from './journal.ts'
import { integrateWhole, loadLog } from './stored-log.ts'
import { kindOfTransaction, TurnChanges } from './turn-changes.ts'

/** Where an update came from that was not made here: what it is passed on to is up to the others. */
export interface UpdateSource {
  /** Whether it is the relay, which has every update that comes from it on its disk. */
  readonly isRelay: boolean
}

/** The origin of the transactions that apply updates of others. */
class Foreign {
  readonly source: UpdateSource | undefined
  readonly #news: News | undefined

  constructor(source: UpdateSource | undefined, news?: News) {
    this.source = source
    this.#news = news
  }

  /** What a transaction has brought, where that is known without encoding it. */
  broughtBy({ afterState }: Y.Transaction): Uint8Array | undefined {
    if (this.#news === undefined) return undefined
    const { update, structure } = this.#news
    for (const [client, ranges] of structure.structs) {
      const last = ranges.at(-1) as ClockRange
      // Yjs has thrown in the middle.
      if (afterState.get(client) !== last.clock + last.length) return undefined
    }
    return update.subarray(0, structure.endOffset)
  }
}

/** An update that says just what is new. */
interface News {
  readonly update: Uint8Array
  readonly structure: UpdateStructure
}

const stored = new Foreign(undefined)

export interface DocumentChange {
  /** A Yjs V1 update. */
  readonly update: Uint8Array
  /** Where it came from; undefined if it was made here. */
  readonly source: UpdateSource | undefined
}

export type DocumentEvents = {
  /** A change, already part of the document and of its version. */
  change: DocumentChange
}

export interface ReplicaDocumentOptions {
  name: DocumentName
  clientID: number
  storage: Storage
  journal: Journal
  /** Somebody else wrote with our clientID: the replica must take another one before we go on. */
  onClientIDTaken(): void
  /** Told of what failed without failing a call. */
  onProblem(problem: StatemeshError): void
  /** Called before a change is journalled, and of one made here when it begins. */
  onChange(document: ReplicaDocument, source: UpdateSource | undefined): void
}

export class ReplicaDocument {
  readonly name: DocumentName
  readonly doc: Y.Doc
  readonly events: Emitter<DocumentEvents> = new Emitter()
  readonly #options: ReplicaDocumentOptions
  #version = 0
  #logBytes = 0
  #position: JournalPosition = 0
  /** What is in the log and builds on updates that the disk has lost. */
  #orphans: readonly Uint8Array[]
  readonly #turn: TurnChanges

  /** @param updates the document's log, in order */
  constructor(options: ReplicaDocumentOptions, updates: readonly Uint8Array[]) {
    this.#options = options
    this.name = options.name
    for (const update of updates) this.#logBytes += update.length
    const { doc, orphans } = loadLog(options.name, updates, stored)
    this.doc = doc
    this.#orphans = orphans
    // Only now: Yjs takes a clientID away from a document that loads updates of it.
    this.doc.clientID = options.clientID
    this.#turn = new TurnChanges(doc)
    this.doc.on('afterTransactionCleanup', this.#changed)
  }

  /** How many changes were made here since the document was loaded. */
  get version(): number {
    this.#recordTurn()
    return this.#version
  }

  /** The bytes of the document's log on disk, or on its way there. */
  get logBytes(): number {
    this.#recordTurn()
    return this.#logBytes
  }

  /** The log was compacted, and is so many bytes shorter. */
  compacted(bytes: number): void {
    this.#logBytes -= bytes
  }

  /** The encoded state vector of what the document holds. */
  stateVector(): Uint8Array {
    this.#recordTurn()
    return Y.encodeStateVector(this.doc)
  }

  /** Up to which clock the document holds what somebody has written. */
  clockOf(clientID: number): number {
    return Y.getState(this.doc.store, clientID)
  }

  /** What `stateVector` lacks, with all deletions. */
  diff(stateVector?: Uint8Array): Uint8Array {
    this.#recordTurn()
    return Y.encodeStateAsUpdate(this.doc, stateVector)
  }

  /**
   * Applies an update of another replica, if all of it can be integrated now.
   *
   * @returns `gap` when it builds on something that is missing here; nothing was applied
   * @throws UPDATE_INVALID; nothing was applied
   */
  apply(update: Uint8Array, source: UpdateSource): UpdateVerdict {
    this.#recordTurn()
    const structure = readUpdateStructure(update)
    const { doc } = this
    const verdict = checkUpdate(structure, { get: client => Y.getState(doc.store, client) })
    if (verdict === 'new') {
      if (this.#continues(structure, doc.clientID)) this.#options.onClientIDTaken()
      const news = this.#isNews(structure) ? { update, structure } : undefined
      this.#integrate(update, structure, new Foreign(source, news))
      this.#integrateOrphans()
    }
    return verdict
  }

  /**
   * Makes one change of all that `action` applies, which must come from one source: to end a
   * transaction costs more than most updates do.
   */
  together(source: UpdateSource, action: () => void): void {
    this.#recordTurn()
    // What may come back with each update counts as made here, not as the source's.
    if (this.#orphans.length > 0) return action()
    try {
      Y.transact(this.doc, action, new Foreign(source), false)
    } catch (cause) {
      this.#observerFailed(cause)
    }
  }

  /**
   * Whether an update holds what is not here, which all deletions count as where they count.
   *
   * @throws UPDATE_INVALID
   */
  brings(update: Uint8Array, { deletions }: { deletions: boolean }): boolean {
    const structure = readUpdateStructure(update)
    if (deletions && structure.deletes.size > 0) return true
    return [...structure.structs.keys()].some(client => this.#continues(structure, client))
  }

  /** Whether the document holds all of an update, by its outline. */
  holds({ ends, deletes }: UpdateOutline): boolean {
    const { store } = this.doc
    for (const [client, end] of ends) if (Y.getState(store, client) < end) return false
    for (const [client, ranges] of deletes) {
      if (!ranges.every(range => isDeleted(store.clients.get(client) ?? [], range))) return false
    }
    return true
  }

  /**
   * Resolves when everything that the document holds is durable on this replica.
   *
   * @throws STORAGE_UNAVAILABLE, CLOSED
   */
  durable(): Promise<void> {
    this.#recordTurn()
    return this.#options.journal.whenDurable(this.#position)
  }

  /** Whether everything that the document holds is durable on this replica. */
  get isDurable(): boolean {
    this.#recordTurn()
    return this.#position <= this.#options.journal.durablePosition
  }

  destroy(): void {
    this.#recordTurn()
    this.doc.off('afterTransactionCleanup', this.#changed)
    this.doc.destroy()
  }

  // Runs inside Yjs, which a throwing listener would wedge: nothing here may throw.
  readonly #changed = (transaction: Y.Transaction): void => {
    const kind = kindOfTransaction(transaction)
    if (kind === 'empty') return
    if (kind === 'foreign' || !this.#turn.accepts(transaction)) this.#recordTurn()
    if (kind === 'foreign') {
      const { origin } = transaction
      const brought = origin instanceof Foreign ? origin.broughtBy(transaction) : undefined
      if (brought !== undefined) this.#recordForeign(brought, origin)
      // Yjs encodes a transaction for those who listen at its end.
      else this.doc.once('update', this.#recordForeign)
      return
    }
    if (this.#turn.isEmpty) {
      this.#options.onChange(this, undefined)
      this.#options.journal.defer(this.#recordTurn)
    }
    this.#turn.add(transaction)
    if (this.#turn.isFull) this.#recordTurn()
  }

  readonly #recordForeign = (update: Uint8Array, origin: unknown): void => {
    const source = origin instanceof Foreign ? origin.source : undefined
    this.#options.onChange(this, source)
    this.#record(update, source)
  }

  readonly #recordTurn = (): void => {
    if (this.#turn.isEmpty) return
    const update = this.#turn.take()
    if (update !== undefined) this.#record(update, undefined)
  }

  #record(update: Uint8Array, source: UpdateSource | undefined): void {
    const { storage, journal } = this.#options
    this.#logBytes += update.length
    this.#position = journal.push(() => storage.append(this.name, update))
    this.#version += 1
    this.events.emit('change', { update, source })
  }

  /** What was missing may have come back. What builds on it counts as made here: nobody has it. */
  #integrateOrphans(): void {
    if (this.#orphans.length === 0) return
    const orphans = this.#orphans
    this.#orphans = [] // an observer may bring us here again
    this.#orphans = integrateWhole(this.doc, orphans, stored)
  }

  #integrate(update: Uint8Array, structure: UpdateStructure, origin: Foreign): void {
    try {
      Y.applyUpdate(this.doc, update, origin)
    } catch (cause) {
      for (const client of structure.structs.keys()) {
        if (!this.#continues(structure, client)) continue
        throw new StatemeshError('UPDATE_INVALID', 'Yjs could not integrate the update', { cause })
      }
      this.#observerFailed(cause) // all of it is there
    }
  }

  /**
   * Yjs ends a transaction before it throws what observers threw. It is nothing that the sender of
   * a change could mend, and no reason to take the process down.
   */
  #observerFailed(cause: unknown): void {
    const message = `${this.name}: an observer failed at a foreign change`
    this.#options.onProblem(new StatemeshError('OBSERVER_FAILED', message, { cause }))
  }

  /**
   * Whether an update says just what is new here, so that its own bytes can be recorded: for Yjs to
   * encode it again takes nearly as long as to apply it. Deletions may be known, but they must be few: a
   * sender that answers a state vector sends all that there ever were.
   */
  #isNews({ structs, deleteSetOffset, endOffset }: UpdateStructure): boolean {
    const { store } = this.doc
    for (const [client, [first, ...gaps]] of structs) {
      if (first?.clock !== Y.getState(store, client) || gaps.length > 0) return false
    }
    return structs.size > 0 && endOffset - deleteSetOffset <= deleteSetOffset
  }

  /** Whether an update holds more of a client than the document does. */
  #continues(structure: UpdateStructure, clientID: number): boolean {
    const last = structure.structs.get(clientID)?.at(-1)
    if (last === undefined) return false
    return last.clock + last.length > Y.getState(this.doc.store, clientID)
  }
}

/** Whether all of a range of clocks is there and deleted, among the structs of its client. */
function isDeleted(structs: readonly Y.AbstractStruct[], { clock, length }: ClockRange): boolean {
  const end = clock + length
  const last = structs.at(-1)
  if (last === undefined || last.id.clock + last.length < end) return false
  for (let at = Y.findIndexSS(structs as Y.Item[], clock); at < structs.length; at++) {
    const struct = structs[at] as Y.AbstractStruct
    if (struct.id.clock >= end) break
    if (!struct.deleted) return false
  }
  return true
}
