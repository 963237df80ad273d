/**
 * One link to a peer: the two introduce themselves, and exchange the documents that both have.
 *
 * P1. Nothing is exchanged before the mesh has settled on the link (`begin`): of two links between
 *     the same nodes one goes.
 * P2. Every document that is loaded here is offered to the peer, unless the peer has refused it.
 * P3. What the peer opens and this replica has stored is loaded for it, and kept in memory while it
 *     is in use; what is not held here is refused.
 */
import { Backoff } from '../base/backoff.ts'
import { StatemeshError, toStatemeshError } from '../base/error.ts'
import type { CancelTimer } from '../base/time.ts'
import type { ReplicaDocument } from '../document/replica-document.ts'
import { type DocumentName, parseDocumentName } from '../model/document-name.ts'
import { closeCodes } from '../protocol/link-rules.ts'
import type { DocumentChannel } from '../sync/document-channel.ts'
import { type FrameOf, LinkSession } from '../sync/link-session.ts'
import type { Link } from '../transport/transport.ts'
import type { MeshContext } from './mesh-context.ts'

export interface PeerLinkOptions {
  link: Link
  /** Whether we dialled it. */
  dialled: boolean
  context: MeshContext
  /** Both have introduced themselves: the mesh decides whether the link stays. */
  onGreeted(link: PeerLink): void
  onEnded(link: PeerLink, code: number, reason: string): void
}

/** Who is at the other end. */
export interface PeerIdentity {
  /** Its process. */
  readonly node: string
  /** Its store. */
  readonly store: string
  /** Where it can be dialled, if anywhere. */
  readonly address: string | undefined
}

interface Exchange {
  channel: DocumentChannel | undefined
  synced: boolean
  /** Why the peer does not take part, or no more. */
  refusal: StatemeshError | undefined
  readonly backoff: Backoff
  cancelRetry: CancelTimer | undefined
}

/** The longest message that we accept: the state of a document of that size. */
export const messageBytesMax: number = 256 * 2 ** 20

/** What may be under way to us that is not on our disk. */
const windowBytes = 8 * 2 ** 20

/** How long the other end may take to introduce itself. */
const greetingMilliseconds = 10_000

/** So much may be refused of what a peer sends before it is cut off. */
const offencesMax = 10

export class PeerLink {
  readonly dialled: boolean
  readonly #options: PeerLinkOptions
  readonly #session: LinkSession
  #hello: FrameOf<'hello'> | undefined
  #peer: FrameOf<'peer'> | undefined
  #state: 'greeting' | 'greeted' | 'open' | 'ended' = 'greeting'
  #failure: StatemeshError | undefined
  #cancelGreeting: CancelTimer
  #offences = 0
  readonly #exchanges = new Map<DocumentName, Exchange>()
  /** Documents that are in memory for the peer, and what takes them back. */
  readonly #served = new Map<DocumentName, () => void>()

  constructor(options: PeerLinkOptions) {
    this.#options = options
    this.dialled = options.dialled
    const { time, node, incarnation } = options.context
    this.#cancelGreeting = time.after(greetingMilliseconds, () =>
      this.fail(new StatemeshError('PROTOCOL_UNSUPPORTED', 'it does not introduce itself')),
    )
    this.#session = new LinkSession({
      link: options.link,
      time,
      node,
      isRelay: false,
      generation: incarnation.generation,
      messageBytesMax,
      windowBytes,
      onReady: hello => this.#ready(hello),
      onPeer: peer => this.#introduced(peer),
      onOpened: open => void this.#offered(open),
      onOffence: error => this.#offended(error),
      onClose: (code, reason) => this.#ended(code, reason),
    })
  }

  /** Who is at the other end; undefined until it has said so. */
  get identity(): PeerIdentity | undefined {
    if (this.#hello === undefined || this.#peer === undefined) return undefined
    const { store, address } = this.#peer
    return { node: this.#hello.node, store, address: address === '' ? undefined : address }
  }

  /** Why we ended it, if we did. */
  get failure(): StatemeshError | undefined {
    return this.#failure
  }

  /** Whether everything that the peer had when its channels were opened is here. */
  synced(document?: DocumentName): boolean {
    for (const [name, { channel, synced }] of this.#exchanges) {
      if (channel !== undefined && !synced && (document ?? name) === name) return false
    }
    return true
  }

  /** Calls back when the peer has sent all that it had for us when it was asked. */
  ask(answered: () => void): void {
    this.#session.ask(answered)
  }

  /** The mesh has settled on this link (P1). */
  begin(): void {
    this.#state = 'open'
    const { documents } = this.#options.context
    for (const document of documents.loaded) this.#open(document)
  }

  /** A document was loaded (P2). */
  loaded(document: ReplicaDocument): void {
    if (this.#state === 'open') this.#open(document)
  }

  unloaded({ name }: ReplicaDocument): void {
    const exchange = this.#exchanges.get(name)
    this.#exchanges.delete(name)
    exchange?.cancelRetry?.()
    if (exchange?.channel !== undefined) this.#session.closeChannel(exchange.channel)
  }

  /** A document changes that the peer had closed: it may want it again. */
  changing(document: ReplicaDocument): void {
    const exchange = this.#exchanges.get(document.name)
    if (exchange?.refusal?.code !== 'CHANNEL_UNKNOWN') return
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

  /** Ends the link, in peace. */
  close(reason = ''): void {
    this.#session.close(closeCodes.normal, reason)
  }

  /** Ends the link for what the other end did, or is. */
  fail(error: StatemeshError, code: number = closeCodes.malformed): void {
    this.#failure ??= error
    this.#session.close(code, `${error.code}: ${error.message}`)
  }

  #ready(hello: FrameOf<'hello'>): void {
    this.#hello = hello
    if (this.dialled) this.#introduce()
  }

  #introduce(): void {
    const { store, address } = this.#options.context
    this.#session.send({ type: 'peer', store, address: address() ?? '', token: '' })
  }

  #introduced(peer: FrameOf<'peer'>): void {
    if (this.#state !== 'greeting') {
      return this.fail(new StatemeshError('FRAME_INVALID', 'a second introduction'))
    }
    this.#cancelGreeting()
    this.#peer = peer
    this.#state = 'greeted'
    this.#options.context.copies.learn(peer.store, this.#hello?.generation ?? '')
    if (!this.dialled) this.#introduce()
    this.#options.onGreeted(this)
  }

  // P3
  async #offered(open: FrameOf<'open'>): Promise<void> {
    const { holds, documents, onWarning } = this.#options.context
    try {
      if (this.#state !== 'open') throw notHeld()
      const name = parseDocumentName(open.document)
      if (!holds(name)) throw notHeld()
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
    }
  }

  /** Keeps a document in memory for the peer, while it changes or is open here (P3). */
  #serve(document: ReplicaDocument, release: () => void): void {
    const { time, idleMilliseconds } = this.#options.context
    this.#served.get(document.name)?.()
    let { version } = document
    let cancel: CancelTimer
    const look = () => {
      cancel = time.after(idleMilliseconds, () => {
        if (document.version === version) return this.#served.get(document.name)?.()
        version = document.version
        look()
      })
    }
    look()
    this.#served.set(document.name, () => {
      cancel()
      this.#served.delete(document.name)
      release()
    })
  }

  #open(document: ReplicaDocument): void {
    const exchange = this.#exchanges.get(document.name)
    if (exchange?.channel === undefined) this.#openChannel(document)
  }

  #openChannel(document: ReplicaDocument): DocumentChannel {
    const { incarnation, copies, onChange } = this.#options.context
    const exchange = this.#exchange(document.name)
    exchange.refusal = undefined
    const store = this.identity?.store ?? ''
    const channel = this.#session.openChannel(document, incarnation.generation, {
      acked: (level, version) => {
        if (level === 'durable') copies.acked(document.name, store, version)
        onChange(document.name)
      },
      synced: () => {
        exchange.synced = true
        exchange.backoff.reset()
        onChange()
      },
      behind: () => {
        exchange.synced = false
      },
      generation: generation => copies.learn(store, generation),
      writesRefused: error => this.#refused(document, exchange, error),
      refused: error => {
        exchange.channel = undefined
        exchange.synced = false
        this.#refused(document, exchange, error)
      },
    })
    exchange.channel = channel
    return channel
  }

  #exchange(name: DocumentName): Exchange {
    let exchange = this.#exchanges.get(name)
    if (exchange === undefined) {
      const { random } = this.#options.context
      const backoff = new Backoff({ random, millisecondsMin: 500, millisecondsMax: 30_000 })
      exchange = {
        channel: undefined,
        synced: false,
        refusal: undefined,
        backoff,
        cancelRetry: undefined,
      }
      this.#exchanges.set(name, exchange)
    }
    return exchange
  }

  #refused(document: ReplicaDocument, exchange: Exchange, error: StatemeshError): void {
    const { time, onRejected, onChange } = this.#options.context
    exchange.refusal = error
    onChange()
    if (error.code === 'CHANNEL_UNKNOWN') return // it has none of it, or needs it no more
    onRejected(document.name, error)
    if (!error.retryable || exchange.channel !== undefined) return
    exchange.cancelRetry = time.after(exchange.backoff.next(), () => {
      if (this.#exchanges.get(document.name) === exchange) this.#open(document)
    })
  }

  #offended(error: StatemeshError): void {
    this.#offences += 1
    if (this.#offences > offencesMax) this.fail(error)
  }

  #ended(code: number, reason: string): void {
    this.#state = 'ended'
    this.#cancelGreeting()
    for (const { cancelRetry } of this.#exchanges.values()) cancelRetry?.()
    this.#exchanges.clear()
    for (const release of [...this.#served.values()]) release()
    this.#options.onEnded(this, code, reason)
  }
}

function notHeld(): StatemeshError {
  return new StatemeshError('CHANNEL_UNKNOWN', 'the document is not held here')
}
