/**
 * One link to a peer: the two introduce themselves, and exchange the documents that both have.
 *
 * P1. Nothing is exchanged before the mesh has settled on the link (`begin`): of two links between
 *     the same nodes one goes.
 * P2. Where tokens are asked for, whoever dialled shows its own first, and the other end only to
 *     somebody whom it knows. A document is exchanged as far as the peer's token allows it.
 */
import { StatemeshError, toStatemeshError } from '../base/error.ts'
import type { CancelTimer } from '../base/time.ts'
import { type BucketSize, TokenBucket } from '../base/token-bucket.ts'
import type { DocumentName } from '../model/document-name.ts'
import { documentWritersMax } from '../model/writer-limit.ts'
import type { MemberEntry } from '../protocol/frame.ts'
import { closeCodes } from '../protocol/link-rules.ts'
import { Conduct, type ConductSizes } from '../sync/conduct.ts'
import { LinkSession } from '../sync/link-session.ts'
import type { FrameOf } from '../sync/link-session-options.ts'
import type { Link } from '../transport/transport.ts'
import type { Right } from '../trust/grants.ts'
import { Pass } from '../trust/pass.ts'
import { DocumentExchanges } from './document-exchanges.ts'
import type { MeshContext } from './mesh-context.ts'
import { closeCodeOf } from './refusal.ts'

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

/** So much may be refused of what a peer sends before it is cut off. */
const offencesMax = 10

/**
 * What one peer may keep up, and at once. Its window slows down who writes as fast as it can: of updates and
 * bytes no replica comes to as much, in this process or on a faster machine. Opens and digests make us
 * read a document.
 */
const conductSizes: ConductSizes = {
  offencesMax,
  updates: { perSecond: 1_000_000, burst: 1_000_000 },
  bytes: { perSecond: 2 ** 29, burst: 2 ** 29 },
  requests: { perSecond: 10_000, burst: 16_384 },
  joins: { perSecond: 2_000, burst: 16_384 },
  writers: { perSecond: 4, burst: documentWritersMax },
}

/** How long the other end may take to introduce itself. */
const greetingMilliseconds = 10_000

/** How long before its end a fresh token is asked for. */
const renewMilliseconds = 60_000

/** So many members are taken from one frame. */
const membersMax = 64

/** An honest peer tells of members every few seconds; to take a frame in costs milliseconds. */
const tellingSize: BucketSize = { perSecond: 0.5, burst: 16 }

export class PeerLink {
  readonly dialled: boolean
  /** The documents that are exchanged with it. */
  readonly documents: DocumentExchanges
  readonly #options: PeerLinkOptions
  readonly #session: LinkSession
  #hello: FrameOf<'hello'> | undefined
  #peer: FrameOf<'peer'> | undefined
  #pass: Pass | undefined
  #state: 'greeting' | 'greeted' | 'open' | 'ended' = 'greeting'
  #failure: StatemeshError | undefined
  #cancelGreeting: CancelTimer
  readonly #telling: TokenBucket
  #offences = 0
  #degree = 0

  constructor(options: PeerLinkOptions) {
    this.#options = options
    this.dialled = options.dialled
    const { time, node, incarnation } = options.context
    this.#cancelGreeting = time.after(greetingMilliseconds, () =>
      this.fail(new StatemeshError('PROTOCOL_UNSUPPORTED', 'it does not introduce itself')),
    )
    this.#telling = new TokenBucket(tellingSize, time.monotonic())
    this.#session = new LinkSession({
      link: options.link,
      time,
      node,
      isRelay: false,
      turns: options.context.turns,
      generation: incarnation.generation,
      messageBytesMax,
      windowBytes,
      conduct: new Conduct(conductSizes, time.monotonic()),
      blobs: options.context.blobs?.store,
      presences: options.context.presences,
      peer: () => this.proven,
      subject: () => this.subject,
      onReady: hello => this.#ready(hello),
      onPeer: peer => void this.#introduced(peer),
      onToken: token => this.#pass?.renew(token, () => this.documents.applyRights()),
      onTokenAsked: () => void this.#renewToken(),
      onMembers: ({ links, members }) => {
        if (this.#state !== 'open') return
        this.#degree = links
        // Not an offence: who is honest tells again.
        if (!this.#telling.take(1, time.monotonic())) return
        this.#options.context.onMembers(members.slice(0, membersMax), this.identity?.store ?? '')
      },
      onInterest: ({ patterns }) => this.documents.asked(patterns),
      onDigest: (channel, digests) => this.documents.heard(channel, digests),
      onOpened: open => void this.documents.offered(open),
      onOffence: error => this.#offended(error),
      onLate: error => options.context.onTrouble(this.who ?? 'a peer', error),
      onMalformed: error => {
        this.#failure ??= error
      },
      onClose: (code, reason) => this.#ended(code, reason),
    })
    this.documents = new DocumentExchanges({
      session: this.#session,
      context: options.context,
      right: name => this.#right(name),
      store: () => this.identity?.store ?? '',
      who: () => this.who ?? 'a peer',
      onOffence: error => this.#offended(error),
      onFailure: error => this.fail(error),
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

  /** Who it is, for people; undefined until it has said so. */
  get who(): string | undefined {
    return this.subject ?? this.identity?.store
  }

  /** Who it is, as far as it cannot pass for somebody else; where no tokens are asked for nobody looks. */
  get proven(): string | undefined {
    return this.#options.context.access === undefined ? this.identity?.store : this.subject
  }

  /** Bytes that wait for it to read them. */
  get queuedBytes(): number {
    return this.#options.link.bufferedBytes
  }

  /** How many deliveries it owes of what it has announced; see `BulkTurns`. */
  get owed(): number {
    return this.#options.context.turns.owes(this.proven ?? '')
  }

  /** How many links the peer has, by its own account. */
  get degree(): number {
    return this.#degree
  }

  /** Tells the peer who else there is. */
  tell(links: number, members: readonly MemberEntry[]): void {
    this.#session.send({ type: 'members', links, members })
  }

  /** Why we ended it, if we did. */
  get failure(): StatemeshError | undefined {
    return this.#failure
  }

  /** Calls back when the peer has sent all that it had for us when it was asked. */
  ask(answered: () => void): void {
    this.#session.ask(answered)
  }

  /** The mesh has settled on this link (P1). */
  begin(): void {
    this.#state = 'open'
    const { blobs, patterns } = this.#options.context
    if (this.#session.blobs) blobs?.peerLinked(this.#session.blobs)
    this.documents.begin()
    this.askFor(patterns())
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

  // P2
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

  /** Ends the link for what the peer may not do any more. */
  #end(error: StatemeshError): void {
    this.fail(error, closeCodeOf(error, this.dialled))
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
    this.documents.end()
    this.#options.onEnded(this, code, reason)
  }
}
