/**
 * Finds documents that differ at the two ends of a link although nothing is under way: each end tells
 * the other what it holds, as two digests, when a document has changed since it did so last.
 *
 * - E1. Digests that differ are looked at again when the document has been quiet for a moment; then
 *       the other end is asked for its state, and told what is held here with that. It mends what was
 *       missed at either end.
 * - E2. What still differs after that, under equal state vectors and unchanged at both ends, no exchange
 *       can mend: it is reported, once.
 */
import type { CancelTimer, TimeSource } from '../base/time.ts'
import type { ReplicaDocument } from '../document/replica-document.ts'
import { documentDigest, stateDigest } from '../history/integrity/document-digest.ts'
import type { DocumentName } from '../model/document-name.ts'
import type { DocumentChannel } from '../sync/document-channel.ts'

/** What somebody holds of a document: its state vector and its content, as digests. */
export interface Digests {
  readonly state: string
  readonly content: string
}

export interface AntiEntropyOptions {
  time: TimeSource
  /** Tells the other end. */
  tell(channel: DocumentChannel, digests: Digests): void
  /** The ends differ for good. */
  onDiverged(name: DocumentName): void
}

/** As many hexadecimal digits of a digest as tell two contents apart that nobody has made to collide. */
const digitsMax = 16

/** How long a document must be quiet before digests that differ mean anything. */
const quietMilliseconds = 2_000

export class AntiEntropy {
  readonly #options: AntiEntropyOptions
  /** The versions that the other end was told of. */
  readonly #told = new Map<DocumentName, number>()
  readonly #pending = new Map<DocumentName, CancelTimer>()
  /** The documents whose state the other end was asked for (E1). */
  readonly #asked = new Set<DocumentName>()
  /** The contents of both ends, where they have differed. */
  readonly #differed = new Map<DocumentName, string>()
  /** Our contents of which it was said that they differ for good. */
  readonly #reported = new Map<DocumentName, string>()

  constructor(options: AntiEntropyOptions) {
    this.#options = options
  }

  /** Tells the other end what is held of a document, if that has changed since. */
  compare(channel: DocumentChannel): void {
    const { name, version } = channel.document
    if (this.#told.get(name) === version) return
    this.#tell(channel, digestsOf(channel.document))
  }

  /** The other end has told what it holds. */
  heard(channel: DocumentChannel, theirs: Digests): void {
    const { document } = channel
    const { version, name } = document
    this.#pending.get(name)?.()
    this.#pending.delete(name)
    // Not before: whoever tells much makes us compute no more for it.
    const cancel = this.#options.time.after(quietMilliseconds, () => {
      this.#pending.delete(name)
      if (document.version !== version || channel.ended) return
      const ours = digestsOf(document)
      if (ours.content === theirs.content) this.#differed.delete(name)
      else this.#differs(channel, ours, theirs)
    })
    this.#pending.set(name, cancel)
  }

  /** The other end has sent its state: where it was asked for, it is told what is held with that. */
  synced(channel: DocumentChannel): void {
    if (this.#asked.delete(channel.document.name)) this.#tell(channel, digestsOf(channel.document))
  }

  /** The document is not exchanged any more. */
  forget(name: DocumentName): void {
    this.#pending.get(name)?.()
    this.#pending.delete(name)
    this.#told.delete(name)
    this.#asked.delete(name)
    this.#differed.delete(name)
  }

  close(): void {
    for (const cancel of this.#pending.values()) cancel()
    this.#pending.clear()
  }

  #differs(channel: DocumentChannel, ours: Digests, theirs: Digests): void {
    const { name } = channel.document
    const contents = `${name} ${ours.content} ${theirs.content}`
    if (this.#reported.get(name) === ours.content) return
    if (ours.state === theirs.state && this.#differed.get(name) === contents) {
      // E2
      this.#reported.set(name, ours.content)
      this.#tell(channel, ours)
      return this.#options.onDiverged(name)
    }
    // E1
    this.#differed.set(name, contents)
    this.#asked.add(name)
    channel.askForState()
  }

  #tell(channel: DocumentChannel, digests: Digests): void {
    this.#told.set(channel.document.name, channel.document.version)
    this.#options.tell(channel, digests)
  }
}

function digestsOf({ doc }: ReplicaDocument): Digests {
  return {
    state: stateDigest(doc).slice(0, digitsMax),
    content: documentDigest(doc).slice(0, digitsMax),
  }
}
