/** What the logs on one disk add up to, made anew for a log only where it has changed. */
import type * as Y from 'yjs'
import type { StoredUpdate } from '../../src/storage/storage.ts'
import { loggedDocument } from './document-clocks.ts'

interface Logged {
  readonly log: readonly StoredUpdate[]
  readonly doc: Y.Doc
}

export class LoggedDocuments {
  readonly #documents = new Map<string, Logged>()

  /** The document that a log of this name adds up to; it is shared, so nobody may change it. */
  of(name: string, log: readonly StoredUpdate[]): Y.Doc {
    const known = this.#documents.get(name)
    if (known !== undefined && isSame(known.log, log)) return known.doc
    known?.doc.destroy()
    const doc = loggedDocument(log.map(({ update }) => update))
    this.#documents.set(name, { log, doc })
    return doc
  }
}

/** Updates are written once: the same ones hold the same bytes. */
function isSame(a: readonly StoredUpdate[], b: readonly StoredUpdate[]): boolean {
  return a.length === b.length && a.every((update, index) => update === b[index])
}
