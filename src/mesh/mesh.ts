/**
 * The peers of a replica: links that it dials and links that it accepts, and the documents that
 * travel over all of them. Whatever a replica takes in from one link it passes on to the others.
 *
 * M1. There is one link to a store. Of two that were dialled at the same time both ends keep the one
 *     whose dialler has the smaller node id; a link to a later process of the store takes the place
 *     of one to an earlier process.
 * M2. Where there is no relay, a document with local changes is in the outbox until one peer has
 *     acked all of it as durable, and stays in memory while there is a link.
 */
import { Emitter } from '../base/emitter.ts'
import { StatemeshError, toStatemeshError } from '../base/error.ts'
import type { CancelTimer } from '../base/time.ts'
import type { DocumentName } from '../model/document-name.ts'
import type { Outbox } from '../sync/outbox.ts'
import { type Deadline, Waiters } from '../sync/waiters.ts'
import type { Acceptor, Listening } from '../transport/acceptor.ts'
import type { Link, Transport } from '../transport/transport.ts'
import type { MeshContext } from './mesh-context.ts'
import { PeerAddress } from './peer-address.ts'
import { messageBytesMax, PeerLink } from './peer-link.ts'

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
  extends Omit<MeshContext, 'address' | 'holds' | 'onChange' | 'onRejected' | 'onWarning'> {
  /** The names of the documents that are stored. */
  stored: Iterable<string>
  /** Given where there is no relay (M2). */
  outbox: Outbox | undefined
}

/** A peer, or an address at which one is looked for. */
export interface PeerStatus {
  /** The id of its store, once it has introduced itself. */
  readonly store?: string
  /** Who its token was given to, where tokens are asked for. */
  readonly subject?: string
  /** Where it can be dialled. */
  readonly address?: string
  readonly state: 'linked' | 'greeting' | 'dialling' | 'waiting' | 'refused' | 'disconnected'
  /** Why there is no link. */
  readonly error?: StatemeshError
}

/** How long a document must be acked before the outbox forgets it: steady writers cost nothing. */
const settleMilliseconds = 1_000

export class Mesh {
  readonly events: Emitter<MeshEvents> = new Emitter()
  readonly #options: MeshOptions
  readonly #context: MeshContext
  readonly #waiters: Waiters
  readonly #stored: Set<string>
  readonly #listening = new Set<Listening>()
  readonly #addresses = new Map<string, PeerAddress>()
  /** Links on which the other end has not introduced itself, and the addresses they were dialled at. */
  readonly #greeting = new Map<PeerLink, PeerAddress | undefined>()
  /** By store (M1). */
  readonly #links = new Map<string, { link: PeerLink; from: PeerAddress | undefined }>()
  /** Documents that are in memory because they are owed (M2). */
  readonly #owed = new Map<DocumentName, () => void>()
  /** Documents that are about to leave the outbox. */
  readonly #settling = new Map<DocumentName, CancelTimer>()
  #offering = false
  readonly #stopListening: Array<() => void>
  #state: 'connected' | 'disconnected' | 'closed' = 'connected'

  constructor(options: MeshOptions) {
    this.#options = options
    const { documents, copies } = options
    this.#stored = new Set(options.stored)
    this.#waiters = new Waiters(options.time)
    this.#context = {
      ...options,
      address: () => this.addresses[0],
      holds: name => this.#stored.has(name),
      onChange: acked => this.#changed(acked),
      onRejected: (document, error) => this.events.emit('rejected', { document, error }),
      onWarning: error => this.events.emit('warning', error),
    }
    this.#stopListening = [
      documents.events.on('loaded', document => {
        this.#stored.add(document.name)
        for (const { link } of this.#links.values()) link.loaded(document)
      }),
      documents.events.on('unloaded', document => {
        copies.unloaded(document)
        for (const { link } of this.#links.values()) link.unloaded(document)
      }),
      documents.events.on('changing', ({ document }) => {
        this.#hold(document.name)
        for (const { link } of this.#links.values()) link.changing(document)
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
    const others = [...this.#addresses.values()].filter(
      address => !dialled.has(address) && !this.#isLinked(address),
    )
    return [...linked, ...greeting, ...others.map(addressStatus)]
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

  /** Keeps a link to whoever is at an address. */
  dial(address: string, transport: Transport): void {
    if (this.#addresses.has(address)) return
    const { time, random } = this.#options
    const peer = new PeerAddress({
      address,
      transport,
      time,
      random,
      onLink: (link, from) => this.#greet(link, from),
      onState: () => this.#changed(),
    })
    this.#addresses.set(address, peer)
    if (this.#state === 'connected') peer.dial()
  }

  /** Dials all addresses again. */
  connect(): void {
    if (this.#state === 'closed') return
    this.#state = 'connected'
    for (const address of this.#addresses.values()) if (!this.#isLinked(address)) address.dial()
  }

  /** Ends all links, and refuses new ones. */
  disconnect(): void {
    if (this.#state === 'connected') this.#state = 'disconnected'
    for (const address of this.#addresses.values()) address.rest()
    for (const { link } of [...this.#links.values()]) link.close()
    for (const link of [...this.#greeting.keys()]) link.close()
  }

  async close(): Promise<void> {
    this.#state = 'closed'
    for (const stop of this.#stopListening) stop()
    for (const [name, cancel] of this.#settling) {
      cancel()
      if (this.#isCopied(name)) this.#options.outbox?.remove(name)
    }
    for (const release of [...this.#owed.values()]) release()
    this.disconnect()
    this.#waiters.rejectAll(new StatemeshError('CLOSED', 'the replica was closed'))
    await Promise.all([...this.#listening].map(listening => listening.close()))
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
        if (asked.has(link) || !link.synced()) continue
        asked.add(link)
        link.ask(() => {
          answered.add(link)
          this.#waiters.evaluate()
        })
      }
      return !this.#isMeeting && links.length > 0 && links.every(link => answered.has(link))
    })
  }

  /** Whether a link may be there in a moment. */
  get #isMeeting(): boolean {
    const dialling = [...this.#addresses.values()].some(({ state }) => state.kind === 'dialling')
    return dialling || this.#greeting.size > 0
  }

  #accept(link: Link): void {
    if (this.#state !== 'connected') return link.close(1013, 'not now')
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
    const other = this.#links.get(identity.store)
    if (other !== undefined && this.#isBetter(other.link, link)) {
      from?.rest()
      return link.close('there is another link')
    }
    this.#greeting.delete(link)
    this.#links.set(identity.store, { link, from })
    if (other !== undefined) {
      if (other.from !== from) other.from?.rest()
      other.link.close('there is another link')
    }
    from?.succeeded()
    for (const address of this.#addresses.values()) {
      if (address !== from && address.store === identity.store) address.rest()
    }
    link.begin()
    void this.#offerOutbox()
    this.#changed()
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
    this.#greeting.delete(link)
    const store = link.identity?.store
    if (store !== undefined && this.#links.get(store)?.link === link) {
      this.#links.delete(store)
      for (const address of this.#addresses.values()) {
        if (address !== from && address.store === store && this.#state === 'connected') {
          address.dial()
        }
      }
    }
    from?.lost(code, reason)
    if (this.#links.size === 0) for (const release of [...this.#owed.values()]) release()
    this.#changed()
  }

  #linkOf(link: PeerLink): { from: PeerAddress | undefined } | undefined {
    return [...this.#links.values()].find(entry => entry.link === link)
  }

  #isLinked({ store }: PeerAddress): boolean {
    return store !== undefined && this.#links.has(store)
  }

  // M2
  #hold(name: DocumentName): void {
    const { outbox, documents } = this.#options
    if (this.#owed.has(name) || this.#links.size === 0 || outbox?.names.has(name) !== true) return
    const document = documents.get(name)
    if (document === undefined) return
    const release = documents.retain(document)
    this.#owed.set(name, () => {
      this.#owed.delete(name)
      release()
    })
  }

  /** Takes a document out of the outbox when a peer has had it whole for a while (M2). */
  #settleLater(name: DocumentName): void {
    if (this.#settling.has(name) || !this.#isCopied(name)) return
    const cancel = this.#options.time.after(settleMilliseconds, () => {
      this.#settling.delete(name)
      if (!this.#isCopied(name)) return
      this.#options.outbox?.remove(name)
      this.#owed.get(name)?.()
    })
    this.#settling.set(name, cancel)
  }

  /** Whether a document is in the outbox, and a peer has all of it. */
  #isCopied(name: DocumentName): boolean {
    const { outbox, documents, copies } = this.#options
    if (outbox?.names.has(name) !== true) return false
    const version = documents.get(name)?.version
    return version !== undefined && copies.count(name, version) > 0
  }

  /** Loads what was left unsent, one after the other, so that it reaches a peer. */
  async #offerOutbox(): Promise<void> {
    const { outbox } = this.#options
    if (outbox === undefined || this.#offering) return
    this.#offering = true
    for (const name of [...outbox.names]) {
      if (this.#links.size === 0) break
      await this.#offer(name)
    }
    this.#offering = false
  }

  async #offer(name: DocumentName): Promise<void> {
    const { documents } = this.#options
    try {
      const { release } = await documents.hold(name)
      this.#hold(name)
      release()
      await this.#waiters.wait({}, () => this.#isGivenUp(name) || this.#isCopied(name))
    } catch (thrown) {
      const error = toStatemeshError(thrown, 'STORAGE_UNAVAILABLE')
      if (error.code !== 'CLOSED') this.events.emit('rejected', { document: name, error })
    }
  }

  #isGivenUp(name: DocumentName): boolean {
    return [...this.#links.values()].every(({ link }) => !link.exchanges(name))
  }

  #changed(acked?: DocumentName): void {
    if (acked !== undefined) {
      this.#settleLater(acked)
      this.events.emit('acked', acked)
    } else {
      this.events.emit('state', undefined)
    }
    this.#waiters.evaluate()
  }
}

function linkStatus({ identity, subject }: PeerLink, state: 'linked' | 'greeting'): PeerStatus {
  if (identity === undefined) return { state }
  const { store, address } = identity
  return {
    state,
    store,
    ...(address !== undefined && { address }),
    ...(subject !== undefined && { subject }),
  }
}

function addressStatus({ address, state, error, store }: PeerAddress): PeerStatus {
  return {
    address,
    state: stateWords[state.kind],
    ...(store !== undefined && { store }),
    ...(error !== undefined && { error }),
  }
}

const stateWords: Record<PeerAddress['state']['kind'], PeerStatus['state']> = {
  idle: 'dialling',
  dialling: 'dialling',
  linked: 'greeting',
  waiting: 'waiting',
  refused: 'refused',
  stopped: 'disconnected',
}
