/**
 * The documents of one link to a peer: those that both have are exchanged.
 *
 * X1. Nothing is exchanged before the mesh has settled on the link (`begin`).
 * X2. Every document that is loaded here is offered to the peer, unless the peer has refused it, as far
 *     as the peer's token allows it.
 * X3. What the peer opens and this replica has stored, or wants, is loaded for it, and kept in memory
 *     while it is in use; what is not held here is refused.
 */
import { StatemeshError, toStatemeshError } from '../base/error.ts'
import type { CancelTimer } from '../base/time.ts'
import type { ReplicaDocument } from '../document/replica-document.ts'
import { type DocumentName, parseDocumentName } from '../model/document-name.ts'
import type { DocumentChannel } from '../sync/document-channel.ts'
import type { LinkSession } from '../sync/link-session.ts'
import type { FrameOf } from '../sync/link-session-options.ts'
import { includesRight, type Right } from '../trust/grants.ts'
import { AntiEntropy, type Digests } from './anti-entropy.ts'
import { type Exchange, newExchange } from './exchange.ts'
import type { MeshContext } from './mesh-context.ts'
import { Offering } from './offering.ts'
import { denied, notHeld } from './refusal.ts'
import { patternsMax } from './subscriptions.ts'

export interface DocumentExchangesOptions {
  session: LinkSession
  context: MeshContext
  /** What the peer may do with a document; undefined if nothing. */
  right(name: DocumentName): Right | undefined
  /** The id of the peer's store; empty until it has introduced itself. */
  store(): string
  /** Who the peer is, for people. */
  who(): string
  /** What the peer sent was refused. */
  onOffence(error: StatemeshError): void
  /** The link is to end for what the peer sent. */
  onFailure(error: StatemeshError): void
}

/** What a peer may open before it is known; far more than it has when it follows the protocol: 0. */
const earlyMax = 4_096

/**
 * The bytes of the logs of documents that are in memory for one peer; beyond it the first go again. A
 * `Y.Doc` takes 11 to 13 times its bytes.
 */
const servedBytesMax = 32 * 2 ** 20

interface Served {
  /** Of its log, when it was last looked at. */
  bytes: number
  release(): void
}

export class DocumentExchanges {
  readonly #options: DocumentExchangesOptions
  readonly #session: LinkSession
  /** Opens that came before the mesh has settled (X1). */
  #early: FrameOf<'open'>[] = []
  /** Scopes that the peer has asked for before that. */
  #earlyPatterns: string[] = []
  #state: 'waiting' | 'open' | 'ended' = 'waiting'
  readonly #antiEntropy: AntiEntropy
  readonly #offering: Offering
  readonly #exchanges = new Map<DocumentName, Exchange>()
  /** Documents that are in memory for the peer. */
  readonly #served = new Map<DocumentName, Served>()
  #servedBytes = 0

  constructor(options: DocumentExchangesOptions) {
    this.#options = options
    this.#session = options.session
    const { time, onTrouble } = options.context
    this.#antiEntropy = new AntiEntropy({
      time,
      tell: ({ number: channel }, digests) =>
        this.#session.send({ type: 'digest', channel, ...digests }),
      onDiverged: name => onTrouble(options.who(), this.#diverged(name)),
    })
    this.#offering = this.#openOffering()
  }

  /** The mesh has settled on the link (X1). */
  begin(): void {
    this.#state = 'open'
    for (const document of this.#options.context.documents.loaded) this.#open(document)
    this.asked(this.#earlyPatterns.splice(0))
    for (const open of this.#early.splice(0)) void this.offered(open)
  }

  /** The link has ended. */
  end(): void {
    this.#state = 'ended'
    this.#antiEntropy.close()
    this.#offering.stop()
    for (const { cancelRetry } of this.#exchanges.values()) cancelRetry?.()
    this.#exchanges.clear()
    for (const { release } of [...this.#served.values()]) release()
  }

  /** A document was loaded (X2). */
  loaded(document: ReplicaDocument): void {
    if (this.#state === 'open') this.#open(document)
  }

  unloaded({ name }: ReplicaDocument): void {
    const exchange = this.#exchanges.get(name)
    this.#exchanges.delete(name)
    this.#antiEntropy.forget(name)
    exchange?.cancelRetry?.()
    if (exchange?.channel !== undefined) this.#session.closeChannel(exchange.channel)
  }

  /** A document changes that the peer had closed: it may want it again. */
  changing(document: ReplicaDocument): void {
    const exchange = this.#exchanges.get(document.name)
    if (exchange?.rests !== true) return
    this.#exchanges.delete(document.name)
    // Not now, in the middle of a transaction.
    queueMicrotask(() => {
      const { documents } = this.#options.context
      if (documents.get(document.name) === document) this.loaded(document)
    })
  }

  /** Whether the peer may still ack a document, or bring it up to date. */
  exchanges(name: DocumentName): boolean {
    return this.#exchanges.get(name)?.channel !== undefined
  }

  /** Whether everything that the peer had when its channels were opened is here. */
  synced(document?: DocumentName): boolean {
    for (const [name, { channel, synced }] of this.#exchanges) {
      if (channel !== undefined && !synced && (document ?? name) === name) return false
    }
    return true
  }

  /** Tells the peer what is held here of the documents that have changed. */
  compare(): void {
    for (const { channel, synced } of this.#exchanges.values()) {
      if (channel !== undefined && synced) this.#antiEntropy.compare(channel)
    }
  }

  /** The peer tells what it holds of a document. */
  heard(channel: DocumentChannel, digests: Digests): void {
    this.#antiEntropy.heard(channel, digests)
  }

  /** The peer's token has changed. */
  applyRights(): void {
    for (const [name, { channel }] of this.#exchanges) {
      const right = this.#options.right(name)
      if (channel === undefined) continue
      channel.mayWrite = includesRight(right, 'write')
      if (right === undefined) channel.refuse(0, denied())
    }
  }

  /** The peer asks for all that is stored here of these scopes. */
  asked(patterns: readonly string[]): void {
    if (this.#state !== 'open') {
      this.#earlyPatterns = [...this.#earlyPatterns, ...patterns].slice(0, patternsMax + 1)
      return
    }
    try {
      this.#offering.ask(patterns)
    } catch (thrown) {
      this.#options.onFailure(toStatemeshError(thrown, 'SCOPE_INVALID'))
    }
  }

  /** The peer opens a document (X3). */
  async offered(open: FrameOf<'open'>): Promise<void> {
    const { holds, wants, documents, onWarning } = this.#options.context
    try {
      if (this.#state !== 'open') return this.#keepForLater(open)
      const name = parseDocumentName(open.document)
      if (this.#options.right(name) === undefined) throw denied()
      if (!holds(name) && !wants(name)) throw notHeld()
      const { document, release } = await documents.hold(name)
      if (!this.#session.isOffered(open)) return release()
      this.#serve(document, release)
      this.#exchanges.get(name)?.cancelRetry?.()
      const channel = this.#exchanges.get(name)?.channel ?? this.#openChannel(document)
      this.#session.answerOpen(channel, open)
    } catch (thrown) {
      const error = toStatemeshError(thrown, 'STORAGE_UNAVAILABLE')
      if (error.code === 'CLOSED') return
      if (error.code.startsWith('STORAGE')) onWarning(error)
      this.#session.refuseOpen(open, error)
      if (error.code === 'ACCESS_DENIED' || error.code === 'DOCUMENT_NAME_INVALID') {
        this.#options.onOffence(error)
      }
    }
  }

  #openOffering(): Offering {
    const { time, documents, copies, stored, onWarning } = this.#options.context
    const has = (name: DocumentName, version = 0) =>
      copies.has(name, this.#options.store(), version)
    return new Offering({
      ...{ time, documents, onWarning, has },
      stored: () => [...stored()].filter(name => this.#options.right(name) !== undefined),
      open: document => this.#open(document),
      isSettled: ({ name, version }) => {
        const exchange = this.#exchanges.get(name)
        const isOver = exchange?.channel === undefined || exchange.refusal !== undefined
        return isOver || has(name, version)
      },
    })
  }

  #keepForLater(open: FrameOf<'open'>): void {
    this.#early.push(open)
    if (this.#early.length <= earlyMax) return
    const message = 'too many documents before the introduction'
    this.#options.onFailure(new StatemeshError('LIMIT_REACHED', message))
  }

  /** Keeps a document in memory for the peer, while it comes or changes (X3). */
  #serve(document: ReplicaDocument, release: () => void): void {
    const { time, idleMilliseconds } = this.#options.context
    const { name } = document
    this.#served.get(name)?.release()
    let version = -1
    let cancel: CancelTimer
    const served: Served = {
      bytes: 0,
      release: () => {
        cancel()
        this.#served.delete(name)
        this.#servedBytes -= served.bytes
        release()
      },
    }
    const look = () => {
      const exchange = this.#exchanges.get(name)
      const isComing = exchange?.channel !== undefined && !exchange.synced
      if (document.version === version && !isComing) return served.release()
      version = document.version
      this.#servedBytes += document.logBytes - served.bytes
      served.bytes = document.logBytes
      cancel = time.after(idleMilliseconds, look)
    }
    look()
    this.#served.set(name, served)
    this.#shed(served)
  }

  #shed(latest: Served): void {
    for (const served of this.#served.values()) {
      if (this.#servedBytes <= servedBytesMax || served === latest) return
      served.release()
    }
  }

  #open(document: ReplicaDocument): void {
    const exchange = this.#exchanges.get(document.name)
    if (exchange?.channel !== undefined || this.#options.right(document.name) === undefined) return
    this.#openChannel(document)
  }

  #openChannel(document: ReplicaDocument): DocumentChannel {
    const { incarnation, copies, onChange } = this.#options.context
    const exchange = this.#exchange(document.name)
    exchange.refusal = undefined
    // Else the next change opens a second channel, and the peer that leaves the first is answered no more.
    exchange.rests = false
    const store = this.#options.store()
    const channel = this.#session.openChannel(document, incarnation.generation, {
      acked: (level, version) => {
        if (level === 'durable') copies.acked(document.name, store, version)
        this.#offering.evaluate()
        onChange(document.name)
      },
      synced: () => {
        exchange.synced = true
        exchange.backoff.reset()
        this.#antiEntropy.synced(channel)
        onChange()
      },
      behind: () => {
        exchange.synced = false
      },
      generation: generation => copies.learn(store, generation),
      writesRefused: error => this.#refused(document, exchange, error),
      refused: error => {
        exchange.rests = error.code === 'CHANNEL_UNKNOWN' && channel.peerNumber !== undefined
        exchange.channel = undefined
        exchange.synced = false
        this.#refused(document, exchange, error)
      },
    })
    channel.mayWrite = includesRight(this.#options.right(document.name), 'write')
    exchange.channel = channel
    return channel
  }

  #exchange(name: DocumentName): Exchange {
    const exchange = this.#exchanges.get(name) ?? newExchange(this.#options.context.random)
    this.#exchanges.set(name, exchange)
    return exchange
  }

  #refused(document: ReplicaDocument, exchange: Exchange, error: StatemeshError): void {
    const { time, onRejected, onChange } = this.#options.context
    exchange.refusal = error
    this.#offering.evaluate()
    onChange()
    if (error.code === 'CHANNEL_UNKNOWN') return // it has none of it, or needs it no more
    onRejected(document.name, error)
    if (!error.retryable || exchange.channel !== undefined) return
    exchange.cancelRetry = time.after(exchange.backoff.next(), () => {
      if (this.#exchanges.get(document.name) === exchange) this.#open(document)
    })
  }

  #diverged(name: DocumentName): StatemeshError {
    const message = `${name} is another here than at ${this.#options.who()}, under equal state vectors`
    return new StatemeshError('CONTENT_DIVERGED', message)
  }
}
