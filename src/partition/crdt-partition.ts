/**
 * The handle on a `crdt` partition: native Yjs types at root names, which any stock Yjs client
 * reads and writes under the same names.
 */
import * as Y from 'yjs'
import { Emitter } from '../base/emitter.ts'
import { StatemeshError } from '../base/error.ts'
import type { PartitionHost } from './partition-host.ts'
import { rootType } from './root-type.ts'
import { TransactionFeed } from './transaction-feed.ts'

/** What one transaction changed. */
export interface CrdtChange {
  /** The names of the roots in which something changed. */
  readonly roots: readonly string[]
  /** Whether this replica did it. */
  readonly origin: 'local' | 'remote'
}

export class CrdtPartition {
  readonly #host: PartitionHost
  readonly #listeners = new Emitter<{ change: CrdtChange }>()
  readonly #feed: TransactionFeed<CrdtChange>
  #closed = false

  /** Not for users: `openPartition` makes it. */
  constructor(host: PartitionHost) {
    this.#host = host
    this.#feed = new TransactionFeed(host.doc, change => this.#listeners.emit('change', change))
    host.doc.on('afterTransaction', this.#observe)
  }

  /** The document itself, for what has no method here. @throws CLOSED */
  get doc(): Y.Doc {
    this.#checkOpen()
    return this.#host.doc
  }

  /** @throws ROOT_MISMATCH when the name is in use for another kind, KEY_INVALID, CLOSED */
  text(name: string): Y.Text {
    return rootType(this.doc, name, Y.Text)
  }

  /** @throws ROOT_MISMATCH when the name is in use for another kind, KEY_INVALID, CLOSED */
  map<Value = unknown>(name: string): Y.Map<Value> {
    return rootType(this.doc, name, Y.Map<Value>)
  }

  /** @throws ROOT_MISMATCH when the name is in use for another kind, KEY_INVALID, CLOSED */
  array<Element = unknown>(name: string): Y.Array<Element> {
    return rootType(this.doc, name, Y.Array<Element>)
  }

  /** @throws ROOT_MISMATCH when the name is in use for another kind, KEY_INVALID, CLOSED */
  xml(name: string): Y.XmlFragment {
    return rootType(this.doc, name, Y.XmlFragment)
  }

  /**
   * Makes several changes one: one update, one call of each listener. Yjs cannot take changes
   * back, so what was done before `fn` throws stays done.
   *
   * @throws CLOSED, and what `fn` throws
   */
  transact<Result>(fn: () => Result): Result {
    return this.doc.transact(fn)
  }

  /**
   * Calls `listener` once for each transaction, local or remote, that changed something, after it
   * is over. For what changed in detail observe the Yjs types themselves.
   *
   * @returns ends it
   * @throws CLOSED
   */
  subscribe(listener: (change: CrdtChange) => void): () => void {
    this.#checkOpen()
    return this.#listeners.on('change', listener)
  }

  /**
   * Gives the document back; types that were handed out must not be used afterwards. Later calls
   * throw CLOSED, but for a second `close`.
   */
  close(): void {
    if (this.#closed) return
    this.#closed = true
    this.#feed.close()
    this.#host.doc.off('afterTransaction', this.#observe)
    this.#host.release()
  }

  #checkOpen(): void {
    if (this.#closed) throw new StatemeshError('CLOSED', 'the partition is closed')
  }

  readonly #observe = (transaction: Y.Transaction): void => {
    if (!this.#listeners.has('change')) return
    // A type counts its ancestors among what changed, so the roots are all there.
    const roots: string[] = []
    for (const type of transaction.changedParentTypes.keys()) {
      if (type._item === null) roots.push(Y.findRootTypeKey(type))
    }
    if (roots.length === 0) return
    const origin = transaction.local ? 'local' : 'remote'
    this.#feed.push(Object.freeze({ roots: Object.freeze(roots.sort()), origin }))
  }
}
