/** What the other end of a statemesh link may do, as its token says: everything where access is off. */
import { type DocumentName, parseDocumentName } from '../src/model/document-name.ts'
import { includesRight, type Right } from '../src/trust/grants.ts'
import { Pass, type PassOptions } from '../src/trust/pass.ts'

export class LinkAccess {
  /** None where access is off. */
  readonly #pass: Pass | undefined

  constructor(options: PassOptions) {
    this.#pass = options.access && new Pass(options)
  }

  /** Who the token was given to. */
  get subject(): string | undefined {
    return this.#pass?.subject
  }

  /** What it allows with a document; undefined if nothing. */
  right(document: DocumentName): Right | undefined {
    return this.#pass === undefined ? 'admin' : this.#pass.right(document)
  }

  /** What it allows with the blobs of a document: they belong to it. */
  blobRight(name: string): 'read' | 'write' | undefined {
    try {
      const right = this.right(parseDocumentName(name))
      return includesRight(right, 'write') ? 'write' : right && 'read'
    } catch {
      return undefined // no document has such a name
    }
  }

  /** Whether there may be a document that both ends of two links may do something with. */
  meets(other: LinkAccess): boolean {
    return this.#pass === undefined || other.#pass === undefined || this.#pass.meets(other.#pass)
  }

  /** The other end sends a fresh token. */
  renew(text: string, onRenewed: () => void): void {
    this.#pass?.renew(text, onRenewed)
  }

  /** Looks whether the token was revoked. */
  recheck(): void {
    this.#pass?.recheck()
  }

  /** The link is gone. */
  stop(): void {
    this.#pass?.stop()
  }
}
