/**
 * The peers of a replica: links that it dials and links that it accepts, and the documents that
 * travel over all of them. Whatever a replica takes in from one link it passes on to the others.
 *
 * M1. There is one link to a store. Of two that were dialled at the same time both ends keep the one
 *     whose dialler has the smaller node id; a link to a later process of the store takes the place
 *     of one to an earlier process.
 * M2. A replica dials until it has the least number of links, and beyond the greatest number it ends
 *     one: each replica with few links of its own, and all of them connected by way of others. A peer
 *     whose link broke is looked for all the same, so that the halves of a mesh meet again.
 */
import { Emitter } from '../base/emitter.ts'
import { StatemeshError } from '../base/error.ts'
import { randomFraction, shuffled } from '../base/random.ts'
import type { CancelTimer } from '../base/time.ts'
import { type DocumentName, isDocumentName } from '../model/document-name.ts'
import type { IntroducedPeer } from '../protocol/frame.ts'
import { closeCodes } from '../protocol/link-rules.ts'
import { BulkTurns } from '../sync/bulk-turns.ts'
import type { Outbox } from '../sync/outbox.ts'
import { type Deadline, Waiters } from '../sync/waiters.ts'
import type { Acceptor, Listening } from '../transport/acceptor.ts'
import { brokenCode } from '../transport/close-code.ts'
import type { Link, Transport } from '../transport/transport.ts'
import { AddressBook } from './address-book.ts'
import { Membership, toldMembers } from './membership.ts'
import type { MeshContext } from './mesh-context.ts'
import { OwedDocuments } from './owed-documents.ts'
import type { PeerAddress } from './peer-address.ts'
import { messageBytesMax, PeerLink } from './peer-link.ts'
import { PeerSearch } from './peer-search.ts'
import { addressStatus, linkStatus, type PeerStatus } from './peer-status.ts'
import { type PeerTrouble, PeerTroubles } from './peer-troubles.ts'
import { type SubscribeOptions, Subscriptions } from './subscriptions.ts'

export type MeshEvents = {
  /** A link, or an attempt at one, began or ended. */
  state: undefined
  /** A peer refuses a document's changes. */
  rejected: { document: DocumentName; error: StatemeshError }
  warning: StatemeshError
  /** A peer has acked something of a document. */
  acked: DocumentName
}

export interface MeshOptions
  extends Omit<
    MeshContext,
    | 'address'
    | 'holds'
    | 'stored'
    | 'wants'
    | 'patterns'
    | 'onChange'
    | 'onMembers'
    | 'onRejected'
    | 'onWarning'
    | 'onTrouble'
    | 'turns'
  > {
  /** How addresses are dialled that were heard of. */
  transport: Transport
  /** How many links to have (M2). */
  linksMin: number
  linksMax: number
  /** The names of the documents that are stored. */
  stored: Iterable<string>
  /** Given where there is no relay; see `OwedDocuments`. */
  outbox: Outbox | undefined
}

/** How often somebody is told who there is, within a half. */
const tickMilliseconds = 10_000

/** What changed is compared with the peers once in so many ticks. */
const ticksPerComparison = 6

/** How many members a new peer is told of. */
const welcomeMembers = 16

/** So many that a relay names are taken from one frame. */
const introducedMax = 64

/** So many links may wait for the other end to introduce itself; a stranger costs no more. */
const greetingMax = 64

export class Mesh {
  readonly events: Emitter<MeshEvents> = new Emitter()
  readonly #options: MeshOptions
  readonly #context: MeshContext
  readonly #waiters: Waiters
  readonly #members: Membership
  readonly #search: PeerSearch
  readonly #troubles: PeerTroubles
  readonly #stored: Set<DocumentName>
  readonly #subscriptions: Subscriptions
  readonly #listening = new Set<Listening>()
  readonly #addresses: AddressBook
  /** Links on which the other end has not introduced itself, and the addresses they were dialled at. */
  readonly #greeting = new Map<PeerLink, PeerAddress | undefined>()
  /** By store (M1). */
  readonly #links = new Map<string, { link: PeerLink; from: PeerAddress | undefined }>()
  /** Undefined where the relay is owed what changes. */
  readonly #owed: OwedDocuments | undefined
  #ticks = 0
  #cancelTick: CancelTimer | undefined
  readonly #stopListening: Array<() => void>
  #state: 'connected' | 'disconnected' | 'closed' = 'connected'

  constructor(options: MeshOptions) {
    this.#options = options
    const { documents, copies, outbox } = options
    this.#stored = new Set([...options.stored].filter(isDocumentName))
    this.#subscriptions = new Subscriptions(warning => this.events.emit('warning', warning))
    this.#waiters = new Waiters(options.time)
    this.#troubles = new PeerTroubles(options.time)
    this.#members = new Membership(options.time, options.random)
    this.#addresses = new AddressBook({
      ...options,
      isLinked: store => this.#links.has(store),
      onLink: (link, from) => this.#greet(link, from),
      onState: () => this.#changed(),
    })
    this.#search = new PeerSearch({
      ...options,
      addresses: this.#addresses,
      members: this.#members,
      links: () => this.#reliableLinks + this.#meeting,
      isAlone: () => this.#links.size === 0,
      isOn: () => this.#state === 'connected',
    })
    this.#context = {
      ...options,
      turns: new BulkTurns(options.time),
      address: () => this.addresses[0],
      holds: name => this.#stored.has(name),
      stored: () => this.#stored,
      wants: name => this.#subscriptions.wants(name),
      patterns: () => this.#subscriptions.patterns,
      onChange: acked => this.#changed(acked),
      onMembers: (members, from) => {
        for (const member of members) this.#members.hear(member, from)
        this.#search.fillLater()
      },
      onRejected: (document, error) => this.events.emit('rejected', { document, error }),
      onWarning: error => this.events.emit('warning', error),
      onTrouble: (peer, error) => {
        this.#troubles.add(peer, error)
        this.events.emit('warning', error)
      },
    }
    this.#owed =
      outbox &&
      new OwedDocuments({
        ...{ ...options, outbox, waiters: this.#waiters },
        isLinked: () => this.#links.size > 0,
        isGivenUp: name => this.#isGivenUp(name),
        onRejected: this.#context.onRejected,
      })
    this.#stopListening = [
      documents.events.on('loaded', document => {
        this.#stored.add(document.name)
        this.#subscriptions.took(document.name)
        for (const { link } of this.#links.values()) link.documents.loaded(document)
      }),
      documents.events.on('unloaded', document => {
        copies.unloaded(document)
        for (const { link } of this.#links.values()) link.documents.unloaded(document)
      }),
      documents.events.on('changing', ({ document }) => {
        this.#owed?.changing(document.name)
        for (const { link } of this.#links.values()) link.documents.changing(document)
      }),
    ]
  }

  /** Where others can dial. */
  get addresses(): string[] {
    return [...this.#listening].map(({ address }) => address)
  }

  /** How many peers are linked. */
  get size(): number {
    return this.#links.size
  }

  get peers(): PeerStatus[] {
    const linked = [...this.#links.values()].map(({ link }) => linkStatus(link, 'linked'))
    const greeting = [...this.#greeting].flatMap(([link, from]) =>
      from === undefined ? [linkStatus(link, 'greeting')] : [],
    )
    const dialled = new Set([...this.#links.values()].map(({ from }) => from))
    const others = this.#addresses.all.filter(
      address =>
        !dialled.has(address) &&
        !this.#addresses.isLinked(address) &&
        (address.isFixed || !address.rests),
    )
    return [...linked, ...greeting, ...others.map(addressStatus)]
  }

  /** Who was cut off, and why; the latest first. */
  get troubles(): readonly PeerTrouble[] {
    return this.#troubles.list
  }

  /** Bytes that wait for peers to read them. */
  get queuedBytes(): number {
    return [...this.#links.values()].reduce((sum, { link }) => sum + link.queuedBytes, 0)
  }

  /**
   * Accepts links.
   *
   * @throws PORT_UNAVAILABLE, CLOSED
   */
  async listen(acceptor: Acceptor): Promise<Listening> {
    const listening = await acceptor.listen(link => this.#accept(link), { messageBytesMax })
    const own: Listening = {
      address: listening.address,
      close: () => {
        this.#listening.delete(own)
        return listening.close()
      },
    }
    this.#listening.add(own)
    if (this.#state === 'closed') {
      await own.close()
      throw new StatemeshError('CLOSED', 'the replica was closed')
    }
    return own
  }

  /** Looks for peers at addresses that the user has named. */
  meet(peers: readonly { address: string; transport: Transport }[]): void {
    for (const { address, transport } of peers) this.#addresses.know(address, transport, true)
    this.connect()
  }

  /** Others that a relay has named: they are dialled as members are that one hears of. */
  introduced(peers: readonly IntroducedPeer[]): void {
    for (const { store, address, subject } of peers.slice(0, introducedMax)) {
      if (address === '' || store === this.#options.store) continue
      const known = this.#addresses.know(address, this.#options.transport, false)
      known.store ??= store
      known.subject = subject === '' ? undefined : subject
      this.#members.hear({ store, address, age: 0 }, store)
    }
    this.#search.fillLater()
  }

  /** Dials again, at once. */
  connect(): void {
    if (this.#state === 'closed') return
    this.#state = 'connected'
    const { random, linksMin, linksMax } = this.#options
    const fixed = this.#addresses.all.filter(
      address => address.isFixed && !this.#addresses.isLinked(address),
    )
    const count = fixed.length <= linksMax ? fixed.length : linksMin
    for (const address of shuffled(fixed, random).slice(0, count)) address.dial()
    this.#cancelTick?.()
    this.#tick()
  }

  /** Ends all links, and refuses new ones. */
  disconnect(): void {
    if (this.#state === 'connected') this.#state = 'disconnected'
    this.#cancelTick?.()
    this.#search.stop()
    for (const address of this.#addresses.all) address.rest()
    for (const { link } of [...this.#links.values()]) link.close()
    for (const link of [...this.#greeting.keys()]) link.close()
  }

  async close(): Promise<void> {
    this.#state = 'closed'
    for (const stop of this.#stopListening) stop()
    this.#owed?.release()
    this.disconnect()
    this.#waiters.rejectAll(new StatemeshError('CLOSED', 'the replica was closed'))
    await Promise.all([...this.#listening].map(listening => listening.close()))
  }

  /**
   * Keeps what peers have of these scopes here as well.
   *
   * @throws SCOPE_INVALID, OPTION_INVALID, LIMIT_REACHED
   */
  subscribe(pattern: string, options: SubscribeOptions): () => void {
    const end = this.#subscriptions.add(pattern, options, this.#stored)
    for (const { link } of this.#links.values()) link.askFor([pattern])
    return end
  }

  /** A token was taken back: links that used it end. */
  recheckTokens(): void {
    for (const { link } of [...this.#links.values()]) link.recheck()
  }

  /**
   * Resolves when the loaded documents hold all that the linked peers had when they were asked. With
   * no peer linked it waits for one, and it waits for attempts that are under way.
   *
   * @throws FLUSH_TIMEOUT, CLOSED
   */
  synced(deadline: Deadline): Promise<void> {
    const asked = new Set<PeerLink>()
    const answered = new Set<PeerLink>()
    return this.#waiters.wait(deadline, () => {
      const links = [...this.#links.values()].map(({ link }) => link)
      for (const link of links) {
        if (asked.has(link) || !link.documents.synced()) continue
        asked.add(link)
        link.ask(() => {
          // What it has announced is still to come: it is asked again after that.
          if (link.documents.synced()) answered.add(link)
          else asked.delete(link)
          this.#waiters.evaluate()
        })
      }
      return this.#meeting === 0 && links.length > 0 && links.every(link => answered.has(link))
    })
  }

  /** How many links bring what they announce; others keep nobody from looking for more (M2). */
  get #reliableLinks(): number {
    return [...this.#links.values()].filter(({ link }) => link.owed === 0).length
  }

  /** How many links may be there in a moment. */
  get #meeting(): number {
    return this.#addresses.dialling + this.#greeting.size
  }

  #accept(link: Link): void {
    if (this.#state !== 'connected' || this.#greeting.size >= greetingMax) {
      return link.close(closeCodes.tryLater, 'not now')
    }
    this.#greet(link, undefined)
  }

  #greet(link: Link, from: PeerAddress | undefined): void {
    const peer = new PeerLink({
      link,
      dialled: from !== undefined,
      context: this.#context,
      onGreeted: peer => this.#settle(peer),
      onEnded: (peer, code, reason) => this.#ended(peer, code, reason),
    })
    this.#greeting.set(peer, from)
    this.#changed()
  }

  // M1
  #settle(link: PeerLink): void {
    const { identity } = link
    const from = this.#greeting.get(link)
    if (identity === undefined) return
    if (from !== undefined) from.store = identity.store
    if (identity.store === this.#options.store) {
      from?.rest() // a list of peers may name its reader
      return link.close('it is myself')
    }
    if (this.#troubles.shuns(link.proven)) {
      return link.close(
        'it was cut off a moment ago',
        from ? closeCodes.silent : closeCodes.tryLater,
      )
    }
    const other = this.#links.get(identity.store)
    if (other !== undefined && this.#isBetter(other.link, link)) {
      from?.rest()
      return link.close('there is another link')
    }
    this.#greeting.delete(link)
    this.#links.set(identity.store, { link, from })
    this.#search.found(identity.store, this.#links.size === 1)
    const { store, address } = identity
    if (address !== undefined) this.#options.copies.found(store, address)
    if (other !== undefined) {
      if (other.from !== from) other.from?.rest()
      other.link.close('there is another link')
    }
    from?.succeeded()
    this.#hearOf(link)
    for (const address of this.#addresses.all) {
      if (address !== from && address.store === identity.store) address.rest()
    }
    link.begin()
    link.tell(this.#links.size, this.#members.sample(welcomeMembers))
    this.#dropBeyondMax(link)
    void this.#owed?.offer()
    this.#changed()
  }

  // M2
  #dropBeyondMax(newest?: PeerLink): void {
    const { linksMax, random } = this.#options
    const links = [...this.#links.values()]
    // Who brings nothing is missed least, then who has many links.
    const victims = shuffled(links, random)
      .filter(({ link }) => link !== newest)
      .sort(({ link: a }, { link: b }) => b.owed - a.owed || b.degree - a.degree)
    for (const { link } of victims.slice(0, Math.max(0, links.length - linksMax))) {
      link.close('enough links', closeCodes.enough)
    }
  }

  /** Tells one peer who there is, and looks whether there are links enough (M2). */
  #tick(): void {
    const { time, random } = this.#options
    const links = [...this.#links.values()]
    for (const { link } of links) this.#hearOf(link)
    this.#dropBeyondMax()
    this.#ticks += 1
    if (this.#ticks % ticksPerComparison === 0)
      for (const { link } of links) link.documents.compare()
    const [chosen] = shuffled(links, random)
    chosen?.link.tell(links.length, this.#members.sample(toldMembers))
    this.#search.fill()
    this.#cancelTick = time.after((0.5 + randomFraction(random)) * tickMilliseconds, () =>
      this.#tick(),
    )
  }

  #hearOf({ identity }: PeerLink): void {
    if (identity?.address === undefined) return
    const { store, address } = identity
    this.#members.hear({ store, address, age: 0 }, store)
  }

  /** Whether a link stays although another one to the same store has come (M1). */
  #isBetter(present: PeerLink, next: PeerLink): boolean {
    if (present.identity?.node !== next.identity?.node) return false
    if (present.dialled === next.dialled) return false
    const oursIsSmaller = this.#options.node < (next.identity?.node ?? '')
    return present.dialled === oursIsSmaller
  }

  #ended(link: PeerLink, code: number, reason: string): void {
    const from = this.#greeting.get(link) ?? this.#linkOf(link)?.from
    if (link.failure !== undefined) this.#cutOff(link.failure, link, from)
    this.#greeting.delete(link)
    const store = link.identity?.store
    if (store !== undefined && this.#links.get(store)?.link === link) {
      this.#links.delete(store)
      if (code !== closeCodes.enough) this.#dialAgain(store, from)
      if (isBroken(code)) this.#search.lose(store)
    }
    // Another link to it may be on its way: to dial a third would end that one, and so on.
    const isGreeted = [...this.#greeting.values()].includes(from)
    if (code === closeCodes.enough) from?.rest()
    else if (!isGreeted) from?.lost(code, reason)
    this.#search.fillLater()
    if (this.#links.size === 0) this.#owed?.release()
    this.#changed()
  }

  #cutOff({ code, message }: StatemeshError, link: PeerLink, from: PeerAddress | undefined): void {
    const named = link.who ?? from?.subject ?? from?.address
    const peer = named ?? 'one that did not say who it is'
    const error = new StatemeshError(code, `the peer ${peer} was cut off: ${message}`)
    this.#troubles.add(peer, error, link.proven)
    this.events.emit('warning', error)
  }

  /** Dials the user's addresses of a peer that rested while it was linked another way. */
  #dialAgain(store: string, except: PeerAddress | undefined): void {
    if (this.#state !== 'connected') return
    for (const address of this.#addresses.all) {
      if (address.isFixed && address !== except && address.store === store) address.dial()
    }
  }

  #linkOf(link: PeerLink): { from: PeerAddress | undefined } | undefined {
    return [...this.#links.values()].find(entry => entry.link === link)
  }

  #isGivenUp(name: DocumentName): boolean {
    return [...this.#links.values()].every(({ link }) => !link.documents.exchanges(name))
  }

  #changed(acked?: DocumentName): void {
    if (acked !== undefined) {
      this.#owed?.acked(acked)
      this.events.emit('acked', acked)
    } else {
      this.events.emit('state', undefined)
    }
    this.#waiters.evaluate()
  }
}

/** Whether a link ended otherwise than by the will of either end. */
function isBroken(code: number): boolean {
  return code === brokenCode || code === closeCodes.silent
}
