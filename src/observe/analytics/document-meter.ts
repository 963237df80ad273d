/** Counts what happens to one document while it is in memory, and remembers it afterwards. */
import type * as Y from 'yjs'
import type { DocumentChange, ReplicaDocument } from '../../document/replica-document.ts'
import { splitDocumentName } from '../../model/document-name.ts'
import type { DocumentStatistics } from './analytics-report.ts'
import { EntryCount, type EntryCounts } from './entry-count.ts'

export interface DocumentMeterHooks {
  /** The wall clock and the monotonic one. */
  now(): number
  monotonic(): number
  /** After each transaction that brought something; on a replica they are small and many. */
  onUpdate(meter: DocumentMeter, origin: 'local' | 'remote'): void
  onOperation(actor: string): void
  /** After each outermost transaction that changed something, with its duration. */
  onChange(origin: 'local' | 'remote', milliseconds: number): void
}

export class DocumentMeter {
  readonly name: string
  readonly scope: string | undefined
  readonly partition: string | undefined
  readonly #hooks: DocumentMeterHooks
  #loaded: { readonly document: ReplicaDocument; readonly entries: EntryCount } | undefined
  /** Of the log, and of the entries, as they were when it left memory. */
  #bytes = 0
  #counts: EntryCounts = { entries: 0, tombstones: 0 }
  readonly #updates = { local: 0, remote: 0 }
  readonly #updateBytes = { local: 0, remote: 0 }
  #lastUpdate: number | undefined
  #begun = 0
  #origin: 'local' | 'remote' | undefined

  constructor(document: ReplicaDocument, hooks: DocumentMeterHooks) {
    this.name = document.name
    const own = splitDocumentName(document.name)
    this.scope = own && String(own.scope)
    this.partition = own?.partition
    this.#hooks = hooks
  }

  /** The document is in memory, newly or again. Its end ends the listening. */
  attach(document: ReplicaDocument): void {
    const { doc } = document
    const entries = new EntryCount(doc, this.#hooks.onOperation)
    this.#loaded = { document, entries }
    doc.on('beforeAllTransactions', this.#begin)
    doc.on('afterTransaction', this.#changed)
    doc.on('afterTransactionCleanup', this.#updated)
    document.events.on('change', this.#recorded)
    doc.on('afterAllTransactions', this.#end)
  }

  /** The document is about to leave memory. */
  detach(): void {
    if (this.#loaded === undefined) return
    this.#bytes = this.#loaded.document.logBytes
    this.#counts = this.#loaded.entries.counts()
    this.#loaded = undefined
  }

  /** The document, while it is in memory. */
  get document(): ReplicaDocument | undefined {
    return this.#loaded?.document
  }

  /** Of the log. */
  get bytes(): number {
    return this.#loaded?.document.logBytes ?? this.#bytes
  }

  get lastUpdate(): number | undefined {
    return this.#lastUpdate
  }

  statistics(): DocumentStatistics {
    const { bytes } = this // what was not recorded yet is, by that
    return {
      document: this.name,
      scope: this.scope,
      partition: this.partition,
      loaded: this.#loaded !== undefined,
      bytes,
      ...(this.#loaded?.entries.counts() ?? this.#counts),
      updates: { ...this.#updates },
      updateBytes: { ...this.#updateBytes },
      lastUpdate: this.#lastUpdate,
    }
  }

  readonly #begin = (): void => {
    this.#begun = this.#hooks.monotonic()
    this.#origin = undefined
  }

  // Runs inside Yjs, which a throwing listener would wedge: nothing here throws.
  readonly #changed = (transaction: Y.Transaction): void => {
    if (transaction.changed.size === 0) return
    this.#origin ??= transaction.local ? 'local' : 'remote'
    this.#loaded?.entries.changed(transaction)
  }

  /** Several transactions may be recorded as one change, later. */
  readonly #recorded = ({ update, source }: DocumentChange): void => {
    this.#updateBytes[source === undefined ? 'local' : 'remote'] += update.length
  }

  readonly #updated = ({ changed, local }: Y.Transaction): void => {
    if (changed.size === 0) return
    const origin = local ? 'local' : 'remote'
    this.#updates[origin] += 1
    this.#lastUpdate = this.#hooks.now()
    this.#hooks.onUpdate(this, origin)
  }

  readonly #end = (): void => {
    if (this.#origin === undefined) return
    this.#hooks.onChange(this.#origin, this.#hooks.monotonic() - this.#begun)
  }
}
