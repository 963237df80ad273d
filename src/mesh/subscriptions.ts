/**
 * The scopes of which a replica wants every document that a peer has, whether it opens it or not.
 *
 * S1. A document of a subscribed scope is taken that is not here yet, as long as there are fewer of
 *     these scopes than the subscription allows; who asks after that hears that it is not held.
 */
import { StatemeshError } from '../base/error.ts'
import { type DocumentName, splitDocumentName } from '../model/document-name.ts'
import { scopePattern } from '../model/scope-pattern.ts'

/** Each is compared with each stored document when a link begins; patterns take the place of many. */
export const patternsMax = 1_024

export interface SubscribeOptions {
  /** Beyond so many documents of these scopes no further ones are taken; 10,000 unless given. */
  documentsMax?: number
}

interface Subscription {
  readonly pattern: string
  readonly documentsMax: number
  fits(name: DocumentName): boolean
  /** Those that are here, or are being taken. */
  readonly documents: Set<DocumentName>
  isReported: boolean
}

export class Subscriptions {
  readonly #onWarning: (error: StatemeshError) => void
  readonly #all = new Set<Subscription>()

  constructor(onWarning: (error: StatemeshError) => void) {
    this.#onWarning = onWarning
  }

  get patterns(): string[] {
    return [...new Set([...this.#all].map(({ pattern }) => pattern))]
  }

  /**
   * @param stored the documents that are here
   * @returns ends the subscription
   * @throws SCOPE_INVALID, OPTION_INVALID, LIMIT_REACHED for one too many
   */
  add(
    pattern: string,
    { documentsMax = 10_000 }: SubscribeOptions,
    stored: Iterable<DocumentName>,
  ): () => void {
    if (!Number.isInteger(documentsMax) || documentsMax < 1) {
      throw new StatemeshError('OPTION_INVALID', 'documentsMax is a number of documents, from 1')
    }
    if (this.#all.size >= patternsMax) {
      throw new StatemeshError('LIMIT_REACHED', `there are ${patternsMax} subscriptions`)
    }
    const fits = fitsAny([pattern])
    const documents = new Set([...stored].filter(fits))
    const subscription = { pattern, documentsMax, fits, documents, isReported: false }
    this.#all.add(subscription)
    return () => this.#all.delete(subscription)
  }

  /** A document is here. */
  took(name: DocumentName): void {
    for (const { fits, documents } of this.#all) if (fits(name)) documents.add(name)
  }

  /** Whether a document is to be taken that is not here (S1). */
  wants(name: DocumentName): boolean {
    for (const subscription of this.#all) {
      const { fits, documents, documentsMax } = subscription
      if (!fits(name)) continue
      if (documents.has(name) || documents.size < documentsMax) {
        this.took(name)
        return true
      }
      this.#reportFull(subscription)
    }
    return false
  }

  #reportFull(subscription: Subscription): void {
    if (subscription.isReported) return
    subscription.isReported = true
    const { pattern, documentsMax } = subscription
    const message = `there are ${documentsMax} documents of ${pattern}: no further ones are taken`
    this.#onWarning(new StatemeshError('LIMIT_REACHED', message))
  }
}

/** Whether a document is of a scope that fits one of the patterns. @throws SCOPE_INVALID */
export function fitsAny(patterns: readonly string[]): (name: DocumentName) => boolean {
  const fits = patterns.map(scopePattern)
  return name => {
    const scope = splitDocumentName(name)?.scope
    return scope !== undefined && fits.some(isOf => isOf(scope))
  }
}
