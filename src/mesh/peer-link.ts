/**
 * One link to a peer: the two introduce themselves, and exchange the documents that both have.
 *
 * P1. Nothing is exchanged before the mesh has settled on the link (`begin`): of two links between
 *     the same nodes one goes.
 * P2. Every document that is loaded here is offered to the peer, unless the peer has refused it.
 * P3. Where tokens are asked for, whoever dialled shows its own first, and the other end only to
 *     somebody whom it knows. A document is exchanged as far as the peer's token allows it.
 * P4. What the peer opens and this replica has stored, or wants, is loaded for it, and kept in memory
 *     while it is in use; what is not held here is refused.
 */
import { StatemeshError, toStatemeshError } from '../base/error.ts'
import type { CancelTimer } from '../base/time.ts'
import type { ReplicaDocument } from '../document/replica-document.ts'
import { type DocumentName, parseDocumentName } from '../model/document-name.ts'
import type { MemberEntry } from '../protocol/frame.ts'
import { closeCodes } from '../protocol/link-rules.ts'
import type { DocumentChannel } from '../sync/document-channel.ts'
import { type FrameOf, LinkSession } from '../sync/link-session.ts'
import type { Link } from '../transport/transport.ts'
import { includesRight, type Right } from '../trust/grants.ts'
import { Pass } from '../trust/pass.ts'
import { AntiEntropy } from './anti-entropy.ts'
import { type Exchange, newExchange } from './exchange.ts'
import type { MeshContext } from './mesh-context.ts'
import { Offering } from './offering.ts'
import { closeCodeOf, denied, notHeld } from './refusal.ts'
import { patternsMax } from './subscriptions.ts'

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

/** The longest message that we accept: the state of a document of that size. */
export const messageBytesMax: number = 256 * 2 ** 20

/** What may be under way to us that is not on our disk. */
const windowBytes = 8 * 2 ** 20

/** How long the other end may take to introduce itself. */
const greetingMilliseconds = 10_000

/** How long before its end a fresh token is asked for. */
const renewMilliseconds = 60_000

/** What a peer may open before it is known; far more than it has when it follows the protocol: 0. */
const earlyMax = 4_096

/** So many members are taken from one frame. */
const membersMax = 64

/** So much may be refused of what a peer sends before it is cut off. */
const offencesMax = 10

export class PeerLink {
  readonly dialled: boolean
  readonly #options: PeerLinkOptions
  readonly #session: LinkSession
  #hello: FrameOf<'hello'> | undefined
  #peer: FrameOf<'peer'> | undefined
  #pass: Pass | undefined
  /** Opens that came before the mesh has settled. */
  #early: FrameOf<'open'>[] = []
  /** Scopes that the peer has asked for before that. */
  #earlyPatterns: string[] = []
  #state: 'greeting' | 'greeted' | 'open' | 'ended' = 'greeting'
  #failure: StatemeshError | undefined
  #cancelGreeting: CancelTimer
  readonly #antiEntropy: AntiEntropy
  readonly #offering: Offering
  #offences = 0
  #degree = 0
  readonly #exchanges = new Map<DocumentName, Exchange>()
  /** Documents that are in memory for the peer, and what takes them back. */
  readonly #served = new Map<DocumentName, () => void>()

  constructor(options: PeerLinkOptions) {
    this.#options = options
    this.dialled = options.dialled
    const { time, node, incarnation, onWarning } = options.context
    this.#antiEntropy = new AntiEntropy({
      time,
      tell: ({ number: channel }, digests) =>
        this.#session.send({ type: 'digest', channel, ...digests }),
      onDiverged: name => onWarning(this.#diverged(name)),
    })
    this.#offering = this.#openOffering()
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
      blobs: options.context.blobs?.store,
      presences: options.context.presences,
      subject: () => this.subject,
      onReady: hello => this.#ready(hello),
      onPeer: peer => void this.#introduced(peer),
      onToken: token => this.#pass?.renew(token, () => this.#applyRights()),
      onTokenAsked: () => void this.#renewToken(),
      onMembers: ({ links, members }) => {
        if (this.#state !== 'open') return
        this.#degree = links
        this.#options.context.onMembers(members.slice(0, membersMax))
      },
      onInterest: ({ patterns }) => this.#asked(patterns),
      onDigest: (channel, digests) => this.#antiEntropy.heard(channel, digests),
      onOpened: open => void this.#offered(open),
      onOffence: error => this.#offended(error),
      onMalformed: error => {
        this.#failure ??= error
      },
      onClose: (code, reason) => this.#ended(code, reason),
    })
  }

  /** Who is at the other end; undefined until it has said so. */
  get identity(): PeerIdentity | undefined {
    if (this.#hello === undefined || this.#peer === undefined) return undefined
    const { store, address } = this.#peer
    return { node: this.#hello.node, store, address: address === '' ? undefined : address }
  }

  /** Who the peer's token was given to. */
  get subject(): string | undefined {
    return this.#pass?.subject
  }

  /** How many links the peer has, by its own account. */
  get degree(): number {
    return this.#degree
  }

  /** Tells the peer what is held here of the documents that have changed. */
  compare(): void {
    for (const { channel, synced } of this.#exchanges.values()) {
      if (channel !== undefined && synced) this.#antiEntropy.compare(channel)
    }
  }

  /** Tells the peer who else there is. */
  tell(links: number, members: readonly MemberEntry[]): void {
    this.#session.send({ type: 'members', links, members })
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
    const { documents, blobs } = this.#options.context
    if (this.#session.blobs) blobs?.peerLinked(this.#session.blobs)
    for (const document of documents.loaded) this.#open(document)
    this.askFor(this.#options.context.patterns())
    this.#asked(this.#earlyPatterns.splice(0))
    for (const open of this.#early.splice(0)) void this.#offered(open)
  }

  /** Asks the peer for all that it has of these scopes. */
  askFor(patterns: readonly string[]): void {
    if (this.#state !== 'open' || patterns.length === 0) return
    this.#session.send({ type: 'interest', patterns })
  }

  /** Looks whether the peer's token was revoked. */
  recheck(): void {
    this.#pass?.recheck()
  }

  /** A document was loaded (P2). */
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

  /** Ends the link, in peace. */
  close(reason = '', code: number = closeCodes.normal): void {
    this.#session.close(code, reason)
  }

  /** Ends the link for what the other end did, or is. */
  fail(error: StatemeshError, code: number = closeCodes.malformed): void {
    this.#failure ??= error
    this.#session.close(code, `${error.code}: ${error.message}`)
  }

  #ready(hello: FrameOf<'hello'>): void {
    this.#hello = hello
    if (!this.dialled) return
    this.#introduce().catch(thrown => this.#end(toStatemeshError(thrown, 'LINK_FAILED')))
  }

  // P3
  async #introduce(): Promise<void> {
    const { store, address, access, token, time } = this.#options.context
    const shown = this.dialled || access !== undefined ? token : undefined
    const text = (await shown?.get(time, greetingMilliseconds)) ?? ''
    this.#session.send({ type: 'peer', store, address: address() ?? '', token: text })
  }

  async #introduced(peer: FrameOf<'peer'>): Promise<void> {
    if (this.#peer !== undefined) {
      return this.fail(new StatemeshError('FRAME_INVALID', 'a second introduction'))
    }
    this.#peer = peer
    try {
      await this.#admit(peer.token)
      if (!this.dialled) await this.#introduce()
    } catch (thrown) {
      return this.#end(toStatemeshError(thrown, 'TOKEN_INVALID'))
    }
    if (this.#state === 'ended') return
    this.#cancelGreeting()
    this.#state = 'greeted'
    this.#options.context.copies.learn(peer.store, this.#hello?.generation ?? '')
    this.#options.onGreeted(this)
  }

  /** @throws TOKEN_INVALID, TOKEN_EXPIRED, ACCESS_DENIED, LINK_FAILED */
  async #admit(text: string): Promise<void> {
    const { access, time } = this.#options.context
    if (access === undefined) return
    const token = await access.admit(text)
    if (this.#state === 'ended') return
    this.#pass = new Pass({
      access,
      token,
      time,
      renewMilliseconds,
      onExpiring: () => this.#session.send({ type: 'token', token: '' }),
      onEnded: error => this.#end(error),
    })
  }

  async #renewToken(): Promise<void> {
    const { token, time, onWarning } = this.#options.context
    if (token?.renews !== true) return
    try {
      const text = await token.get(time, greetingMilliseconds)
      this.#session.send({ type: 'token', token: text })
    } catch (thrown) {
      // The link goes on until the present token ends; dialling then asks for one again.
      onWarning(toStatemeshError(thrown, 'LINK_FAILED'))
    }
  }

  /** What the peer may do with a document; undefined if nothing. */
  #right(name: DocumentName): Right | undefined {
    return this.#options.context.access === undefined ? 'admin' : this.#pass?.right(name)
  }

  /** The peer's token has changed (P3). */
  #applyRights(): void {
    for (const [name, { channel }] of this.#exchanges) {
      const right = this.#right(name)
      if (channel === undefined) continue
      channel.mayWrite = includesRight(right, 'write')
      if (right === undefined) channel.refuse(0, denied())
    }
  }

  /** Ends the link for what the peer may not do any more. */
  #end(error: StatemeshError): void {
    this.fail(error, closeCodeOf(error, this.dialled))
  }

  #openOffering(): Offering {
    const { time, documents, copies, stored, onWarning } = this.#options.context
    const has = (name: DocumentName, version = 0) =>
      copies.has(name, this.identity?.store ?? '', version)
    return new Offering({
      ...{ time, documents, onWarning, has },
      stored: () => [...stored()].filter(name => this.#right(name) !== undefined),
      open: document => this.#open(document),
      isSettled: ({ name, version }) => {
        const exchange = this.#exchanges.get(name)
        const isOver = exchange?.channel === undefined || exchange.refusal !== undefined
        return isOver || has(name, version)
      },
    })
  }

  #asked(patterns: readonly string[]): void {
    if (this.#state !== 'open') {
      this.#earlyPatterns = [...this.#earlyPatterns, ...patterns].slice(0, patternsMax + 1)
      return
    }
    try {
      this.#offering.ask(patterns)
    } catch (thrown) {
      this.fail(toStatemeshError(thrown, 'SCOPE_INVALID'))
    }
  }

  // P4
  async #offered(open: FrameOf<'open'>): Promise<void> {
    const { holds, wants, documents, onWarning } = this.#options.context
    try {
      if (this.#state !== 'open') return this.#keepForLater(open)
      const name = parseDocumentName(open.document)
      if (this.#right(name) === undefined) throw denied()
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
        this.#offended(error)
      }
    }
  }

  #keepForLater(open: FrameOf<'open'>): void {
    this.#early.push(open)
    if (this.#early.length <= earlyMax) return
    this.fail(new StatemeshError('LIMIT_REACHED', 'too many documents before the introduction'))
  }

  /** Keeps a document in memory for the peer, while it comes or changes (P4). */
  #serve(document: ReplicaDocument, release: () => void): void {
    const { time, idleMilliseconds } = this.#options.context
    this.#served.get(document.name)?.()
    let { version } = document
    let cancel: CancelTimer
    const look = () => {
      cancel = time.after(idleMilliseconds, () => {
        const exchange = this.#exchanges.get(document.name)
        const isComing = exchange?.channel !== undefined && !exchange.synced
        if (document.version === version && !isComing) return this.#served.get(document.name)?.()
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
    if (exchange?.channel !== undefined || this.#right(document.name) === undefined) return
    this.#openChannel(document)
  }

  #openChannel(document: ReplicaDocument): DocumentChannel {
    const { incarnation, copies, onChange } = this.#options.context
    const exchange = this.#exchange(document.name)
    exchange.refusal = undefined
    const store = this.identity?.store ?? ''
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
    channel.mayWrite = includesRight(this.#right(document.name), 'write')
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
    const who = this.subject ?? this.identity?.store ?? 'a peer'
    const message = `${name} is another here than at ${who}, under equal state vectors`
    return new StatemeshError('CONTENT_DIVERGED', message)
  }

  #offended(error: StatemeshError): void {
    this.#offences += 1
    if (this.#offences > offencesMax) this.fail(error)
  }

  #ended(code: number, reason: string): void {
    this.#state = 'ended'
    if (this.#session.blobs) this.#options.context.blobs?.unlinked(this.#session.blobs)
    this.#cancelGreeting()
    this.#pass?.stop()
    this.#antiEntropy.close()
    this.#offering.stop()
    for (const { cancelRetry } of this.#exchanges.values()) cancelRetry?.()
    this.#exchanges.clear()
    for (const release of [...this.#served.values()]) release()
    this.#options.onEnded(this, code, reason)
  }
}
