/**
 * Where there is no relay: the documents with local changes stay in the outbox until one peer has acked
 * all of it as durable, and in memory while there is a link.
 */
import { type StatemeshError, toStatemeshError } from '../base/error.ts'
import type { DocumentSet } from '../document/document-set.ts'
import type { DocumentName } from '../model/document-name.ts'
import type { Copies } from '../sync/copies.ts'
import type { Outbox } from '../sync/outbox.ts'
import type { Waiters } from '../sync/waiters.ts'

export interface OwedDocumentsOptions {
  documents: DocumentSet
  copies: Copies
  outbox: Outbox
  /** Evaluated whenever somebody has acked, or refused. */
  waiters: Waiters
  /** Whether there is a link. */
  isLinked(): boolean
  /** Whether no link exchanges a document. */
  isGivenUp(name: DocumentName): boolean
  onRejected(document: DocumentName, error: StatemeshError): void
}

export class OwedDocuments {
  readonly #options: OwedDocumentsOptions
  /** What gives a document back that is in memory because it is owed. */
  readonly #held = new Map<DocumentName, () => void>()
  #offering = false

  constructor(options: OwedDocumentsOptions) {
    this.#options = options
  }

  /** A document changes: while there is a link it stays in memory. */
  changing(name: DocumentName): void {
    const { outbox, documents, isLinked } = this.#options
    if (this.#held.has(name) || !isLinked() || !outbox.names.has(name)) return
    const document = documents.get(name)
    if (document === undefined) return
    const release = documents.retain(document)
    this.#held.set(name, () => {
      this.#held.delete(name)
      release()
    })
  }

  /** A peer has acked: a document that one has whole is owed no more. */
  acked(name: DocumentName): void {
    if (!this.#isCopied(name)) return
    this.#options.outbox.remove(name)
    this.#held.get(name)?.()
  }

  /** A link is up: loads what was left unsent, one after the other, so that it reaches a peer. */
  async offer(): Promise<void> {
    const { outbox, isLinked } = this.#options
    if (this.#offering) return
    this.#offering = true
    for (const name of [...outbox.names]) {
      if (!isLinked()) break
      await this.#offer(name)
    }
    this.#offering = false
  }

  /** The last link has ended: what is not in use may leave memory. */
  release(): void {
    for (const release of [...this.#held.values()]) release()
  }

  async #offer(name: DocumentName): Promise<void> {
    const { documents, waiters, isGivenUp, onRejected } = this.#options
    try {
      const { release } = await documents.hold(name)
      this.changing(name)
      release()
      await waiters.wait({}, () => isGivenUp(name) || this.#isCopied(name))
    } catch (thrown) {
      const error = toStatemeshError(thrown, 'STORAGE_UNAVAILABLE')
      if (error.code !== 'CLOSED') onRejected(name, error)
    }
  }

  /** Whether a peer has all of a document. */
  #isCopied(name: DocumentName): boolean {
    const { documents, copies } = this.#options
    const version = documents.get(name)?.version
    return version !== undefined && copies.count(name, version) > 0
  }
}
