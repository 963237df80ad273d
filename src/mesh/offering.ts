/**
 * Offers to a peer what is stored here of the scopes that it asks for: loads a few documents at a time
 * and keeps them in memory until the peer has them, or refuses them.
 */
import { StatemeshError, toStatemeshError } from '../base/error.ts'
import type { TimeSource } from '../base/time.ts'
import type { DocumentSet, HeldDocument } from '../document/document-set.ts'
import type { ReplicaDocument } from '../document/replica-document.ts'
import type { DocumentName } from '../model/document-name.ts'
import { Waiters } from '../sync/waiters.ts'
import { fitsAny, patternsMax } from './subscriptions.ts'

export interface OfferingOptions {
  time: TimeSource
  documents: DocumentSet
  /** The names of the documents that are stored here and that the peer may read. */
  stored(): Iterable<DocumentName>
  /** Whether the peer is known to have all of a stored document that is not in memory. */
  has(name: DocumentName): boolean
  /** Opens a channel for a document, if there is none and the peer may read it. */
  open(document: ReplicaDocument): void
  /** Whether the peer has all of a document that is in memory, or will not take it. */
  isSettled(document: ReplicaDocument): boolean
  onWarning(error: StatemeshError): void
}

/** So many documents are in memory at once only because the peer asked. */
const atOnce = 16

export class Offering {
  readonly #options: OfferingOptions
  readonly #waiters: Waiters
  readonly #names = new Set<DocumentName>()
  #state: 'resting' | 'offering' | 'stopped' = 'resting'

  constructor(options: OfferingOptions) {
    this.#options = options
    this.#waiters = new Waiters(options.time)
  }

  /** The peer asks for scopes. @throws SCOPE_INVALID, LIMIT_REACHED; nothing is offered */
  ask(patterns: readonly string[]): void {
    if (patterns.length > patternsMax) {
      throw new StatemeshError('LIMIT_REACHED', `more than ${patternsMax} scopes at once`)
    }
    const fits = fitsAny(patterns)
    for (const name of this.#options.stored()) if (fits(name)) this.#names.add(name)
    if (this.#state === 'resting') void this.#run()
  }

  /** The peer has acked or refused something. */
  evaluate(): void {
    this.#waiters.evaluate()
  }

  stop(): void {
    this.#state = 'stopped'
    this.#names.clear()
    this.#waiters.evaluate()
  }

  async #run(): Promise<void> {
    this.#state = 'offering'
    const { documents, has } = this.#options
    while (this.#names.size > 0) {
      const names = this.#next()
      const lacking = names.filter(name => documents.get(name) !== undefined || !has(name))
      await Promise.all(lacking.map(name => this.#offer(name)))
    }
    if (!this.#isStopped) this.#state = 'resting'
  }

  #next(): DocumentName[] {
    const names: DocumentName[] = []
    for (const name of this.#names) {
      if (names.length === atOnce) break
      names.push(name)
      this.#names.delete(name)
    }
    return names
  }

  async #offer(name: DocumentName): Promise<void> {
    const { documents, open, isSettled, onWarning } = this.#options
    let held: HeldDocument | undefined
    try {
      held = await documents.hold(name)
      const { document } = held
      if (this.#isStopped) return
      open(document)
      await this.#waiters.wait({}, () => this.#isStopped || isSettled(document))
    } catch (thrown) {
      const error = toStatemeshError(thrown, 'STORAGE_UNAVAILABLE')
      if (error.code !== 'CLOSED') onWarning(error)
    } finally {
      held?.release()
    }
  }

  get #isStopped(): boolean {
    return this.#state === 'stopped'
  }
}
