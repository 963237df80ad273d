/**
 * Keeps a replica's documents in step with a relay: those that are loaded, and those that hold
 * changes the relay does not have. Offline it only keeps account.
 *
 * R1. A document with a local change is in the outbox (the replica sees to that) until the relay
 *     acked all of it as durable; it is back if the relay's store turns out to be another.
 * R2. A loaded document in the outbox stays in memory while there is a session, so that it is sent
 *     whole; offline it may be unloaded.
 * R3. Every loaded document has a channel while there is a session, unless it was refused. What was
 *     for lack of room gets one when another document leaves memory, or on the next link.
 */

import { Emitter } from '../base/emitter.ts'
import { StatemeshError, toStatemeshError } from '../base/error.ts'
import type { RandomSource } from '../base/random.ts'
import type { CancelTimer, TimeSource } from '../base/time.ts'
import type { DocumentSet } from '../document/document-set.ts'
import type { ReplicaDocument } from '../document/replica-document.ts'
import type { DocumentName } from '../model/document-name.ts'
import type { AckLevel, IntroducedPeer } from '../protocol/frame.ts'
import { closeCodes } from '../protocol/link-rules.ts'
import type { Incarnation } from '../storage/incarnation.ts'
import type { Link, Transport } from '../transport/transport.ts'
import { Dialler, type DiallerState } from './dialler.ts'
import { DocumentProgress } from './document-progress.ts'
import { LinkSession } from './link-session.ts'
import type { Outbox } from './outbox.ts'
import type { Presences } from './presences.ts'
import type { ReplicaBlobs } from './replica-blobs.ts'
import type { TokenSource } from './token-source.ts'
import { type Deadline, Waiters } from './waiters.ts'

export type RelaySyncEvents = {
  state: DiallerState
  /** The relay refuses a document's changes; what is retryable is tried again by itself. */
  rejected: { document: DocumentName; error: StatemeshError }
  /** The relay has acked something of a document. */
  acked: DocumentName
  /** A token or the storage failed while the link was up; it is tried again. */
  warning: StatemeshError
}

export interface RelaySyncOptions {
  address: string
  transport: Transport
  time: TimeSource
  random: RandomSource
  incarnation: Incarnation
  /** The id of this process's incarnation, for the hello. */
  node: string
  documents: DocumentSet
  outbox: Outbox
  blobs?: ReplicaBlobs | undefined
  presences?: Presences | undefined
  token?: TokenSource | undefined
}

/** Where this replica is, for others who are linked with the relay. */
export interface Introduction {
  readonly store: string
  /** Empty where it does not listen. */
  address(): string
  /** The relay names others. */
  onIntroduced(peers: readonly IntroducedPeer[]): void
}

/** The longest message that we accept: the state of a document of that size. */
const messageBytesMax = 256 * 2 ** 20

/** How long a fresh token may take. */
const tokenMilliseconds = 10_000

/** How many documents of the outbox are loaded at a time, so that memory stays bounded. */
const outboxLoadsMax = 16

/** The pause before what is owed and could not be loaded is tried again. */
const outboxRetryMilliseconds = 5_000

export class RelaySync {
  readonly events: Emitter<RelaySyncEvents> = new Emitter()
  readonly #options: RelaySyncOptions
  readonly #dialler: Dialler
  readonly #progress = new Map<DocumentName, DocumentProgress>()
  readonly #waiters: Waiters
  #session: LinkSession | undefined
  #ready = false
  #introduction: Introduction | undefined
  /** Documents for which there are too many channels on the link. */
  readonly #crowdedOut = new Set<DocumentProgress>()
  /** What is owed but cannot be loaded, and why not. */
  readonly #unreadable = new Map<DocumentName, StatemeshError>()
  #cancelOutboxRetry: CancelTimer | undefined
  // Whether the documents that another store of the relay may lack are being listed, and how many
  // stores there have been.
  #owing = false
  #stores = 0
  readonly #stopListening: Array<() => void>

  constructor(options: RelaySyncOptions) {
    this.#options = options
    const { address, transport, time, random, documents } = options
    this.#waiters = new Waiters(time)
    this.#dialler = new Dialler({
      address,
      transport,
      time,
      random,
      messageBytesMax,
      token: options.token,
      onLink: link => this.#linked(link),
      onState: state => {
        this.events.emit('state', state)
        this.#waiters.evaluate()
      },
    })
    this.#stopListening = [
      documents.events.on('loaded', document => this.#loaded(document)),
      documents.events.on('unloaded', document => this.#unloaded(document)),
      documents.events.on('changing', ({ document: { name } }) =>
        this.#hold(this.#progress.get(name)),
      ),
    ]
  }

  get state(): DiallerState {
    return this.#dialler.state
  }

  /** Has the relay introduce this replica to others, and these to it, on every link anew. */
  introduce(introduction: Introduction): void {
    this.#introduction = introduction
    if (this.#ready) this.#introduce()
  }

  /** Dials, and keeps the link until `disconnect`. */
  connect(): void {
    this.#dialler.start()
  }

  /** Ends the link; the outbox keeps what is owed. */
  disconnect(): void {
    this.#dialler.stop()
    const session = this.#session
    // Forgotten now, not when its end is known: that may be long after the next link is up.
    this.#unlinked()
    session?.close(closeCodes.normal, '')
  }

  /** Ends the link and every wait, for good. */
  close(): void {
    for (const stop of this.#stopListening) stop()
    for (const progress of this.#progress.values()) progress.rest()
    this.disconnect()
    this.#waiters.rejectAll(new StatemeshError('CLOSED', 'the replica was closed'))
  }

  /**
   * Resolves when everything that was written so far, to one document or to all, has reached a
   * level at the relay.
   *
   * @throws FLUSH_TIMEOUT, CLOSED, LINK_FAILED when the relay refuses the link, and the relay's
   * code when it refuses a document for good
   */
  flush(level: AckLevel, deadline: Deadline, document?: DocumentName): Promise<void> {
    const targets = new Map<DocumentName, number>()
    const aim = () => {
      for (const name of this.#options.outbox.names) {
        if (document !== undefined && name !== document) continue
        if (!targets.has(name)) targets.set(name, this.#progress.get(name)?.document.version ?? 0)
      }
    }
    aim()
    let stores = this.#stores
    return this.#waiters.wait(deadline, () => {
      if (this.#owing) {
        this.#throwRefusal(undefined)
        return false
      }
      // Another store than the one that acked: what had reached that one is owed again.
      if (stores !== this.#stores) aim()
      stores = this.#stores
      for (const [name, version] of targets) {
        const progress = this.#progress.get(name)
        const done = progress?.has(level, version) || !this.#options.outbox.names.has(name)
        if (done) targets.delete(name)
        else this.#throwRefusal(progress, this.#unreadable.get(name))
      }
      return targets.size === 0
    })
  }

  /**
   * Resolves when the loaded documents, or one of them, hold all that the relay had when it was
   * asked.
   *
   * @throws as `flush` does
   */
  synced(deadline: Deadline, document?: DocumentName): Promise<void> {
    // That the documents were in step once says nothing of what is under way: the relay is asked
    // for it, on every link anew.
    let asked: LinkSession | undefined
    let answered: LinkSession | undefined
    return this.#waiters.wait(deadline, () => {
      const behind = [...this.#progress.values()].filter(
        progress =>
          !progress.synced && (document ?? progress.document.name) === progress.document.name,
      )
      for (const progress of behind) this.#throwRefusal(progress)
      this.#throwRefusal(undefined) // with no document open, too
      const session = this.#session
      if (!this.#ready || session === undefined || behind.length > 0) return false
      if (asked !== session) {
        asked = session
        session.ask(() => {
          answered = session
          this.#waiters.evaluate()
        })
      }
      return answered === session
    })
  }

  /** How far a loaded document is known at the relay. */
  progress(document: DocumentName): DocumentProgress | undefined {
    return this.#progress.get(document)
  }

  /** Whether the relay has a document up to a version on disk. */
  has(name: DocumentName, version: number): boolean {
    if (this.#owing) return false
    return (
      this.#progress.get(name)?.has('durable', version) ?? !this.#options.outbox.names.has(name)
    )
  }

  /** The incarnation of the relay's store, as it was last told with a document. */
  generation(document: DocumentName): string | undefined {
    return this.#progress.get(document)?.relayGeneration
  }

  #throwRefusal(progress: DocumentProgress | undefined, refusal = progress?.refusal): void {
    if (refusal !== undefined && !refusal.retryable) throw refusal
    if (this.#dialler.state.kind === 'refused') throw this.#dialler.state.error
  }

  #linked(link: Link): void {
    const { time, node, incarnation } = this.#options
    const session: LinkSession = new LinkSession({
      link,
      time,
      node,
      messageBytesMax,
      isRelay: true,
      windowBytes: 0,
      generation: incarnation.generation,
      blobs: this.#options.blobs?.store,
      presences: this.#options.presences,
      onReady: ({ generation }) => {
        this.#ready = true
        if (session.blobs) this.#options.blobs?.relayLinked(session.blobs, generation)
        const owesAll = !this.#options.outbox.trusts(generation)
        this.#owing = owesAll
        for (const progress of this.#progress.values()) {
          if (owesAll) progress.forget()
          this.#openChannel(progress)
        }
        if (owesAll) void this.#oweAll(session, generation)
        else void this.#sendOutbox(session)
        this.#introduce()
        this.#waiters.evaluate()
      },
      onIntroduced: ({ peers }) => this.#introduction?.onIntroduced(peers),
      onTokenAsked: () => void this.#renewToken(session),
      onClose: (code, reason) => {
        if (this.#session !== session) return
        this.#unlinked()
        this.#dialler.lost(code, reason)
      },
    })
    this.#session = session
  }

  #introduce(): void {
    if (this.#introduction === undefined) return
    const { store, address } = this.#introduction
    this.#session?.send({ type: 'introduce', peers: [{ store, address: address(), subject: '' }] })
  }

  async #renewToken(session: LinkSession): Promise<void> {
    const { token, time } = this.#options
    if (token?.renews !== true) return
    try {
      session.send({ type: 'token', token: await token.get(time, tokenMilliseconds) })
    } catch (thrown) {
      // The link goes on until the present token ends; dialling then asks for one again.
      this.events.emit('warning', toStatemeshError(thrown, 'LINK_FAILED'))
    }
  }

  #unlinked(): void {
    if (this.#session?.blobs) this.#options.blobs?.unlinked(this.#session.blobs)
    this.#session = undefined
    this.#ready = false
    this.#cancelOutboxRetry?.()
    this.#unreadable.clear()
    for (const progress of this.#progress.values()) {
      progress.disconnected()
      progress.rest()
    }
  }

  #loaded(document: ReplicaDocument): void {
    const { outbox, random } = this.#options
    const progress = new DocumentProgress(document, outbox.names.has(document.name), random)
    this.#progress.set(document.name, progress)
    this.#unreadable.delete(document.name)
    this.#openChannel(progress)
  }

  #unloaded({ name }: ReplicaDocument): void {
    const progress = this.#progress.get(name)
    this.#progress.delete(name)
    if (progress?.channel !== undefined) this.#session?.closeChannel(progress.channel)
    progress?.rest()
    this.#makeUseOfRoom(progress)
    this.#waiters.evaluate()
  }

  /** A document has left: one that the relay had no room for may have its place. */
  #makeUseOfRoom(left: DocumentProgress | undefined): void {
    if (left !== undefined) this.#crowdedOut.delete(left)
    const [next] = this.#crowdedOut
    if (next !== undefined) this.#openChannel(next)
  }

  // R2
  #hold(progress: DocumentProgress | undefined): void {
    const { documents, outbox } = this.#options
    if (!this.#ready || !progress || !outbox.names.has(progress.document.name)) return
    progress.release ??= documents.retain(progress.document)
  }

  // R3
  #openChannel(progress: DocumentProgress): void {
    const session = this.#session
    if (session === undefined || !this.#ready || progress.channel !== undefined) return
    progress.cancelRetry?.()
    this.#crowdedOut.delete(progress)
    this.#hold(progress)
    const { incarnation, outbox } = this.#options
    progress.channel = session.openChannel(progress.document, incarnation.generation, {
      acked: (level, version) => {
        progress.acked(level, version)
        progress.refusal = undefined
        this.#settle(progress)
        this.#waiters.evaluate()
        this.events.emit('acked', progress.document.name)
      },
      synced: () => {
        progress.synced = true
        if (progress.channel?.readOnly !== true) progress.refusal = undefined
        progress.backoff.reset()
        this.#dialler.succeeded()
        this.#waiters.evaluate()
      },
      behind: () => {
        progress.synced = false
      },
      generation: generation => {
        if (!progress.learn(generation)) return
        outbox.add(progress.document.name) // R1
        this.#hold(progress)
      },
      writesRefused: error => {
        progress.refusal = error
        this.events.emit('rejected', { document: progress.document.name, error })
        this.#waiters.evaluate()
      },
      refused: error => this.#refused(progress, error),
    })
  }

  #refused(progress: DocumentProgress, error: StatemeshError): void {
    progress.disconnected()
    progress.refusal = error
    if (error.code === 'LIMIT_REACHED') {
      this.#crowdedOut.add(progress)
    } else if (error.retryable) {
      progress.cancelRetry = this.#options.time.after(progress.backoff.next(), () =>
        this.#openChannel(progress),
      )
    }
    this.events.emit('rejected', { document: progress.document.name, error })
    this.#waiters.evaluate()
  }

  /** Where the relay has all of a document on disk, it is owed no more. */
  #settle(progress: DocumentProgress): void {
    const { document } = progress
    if (!progress.has('durable', document.version)) return
    this.#options.outbox.remove(document.name)
    progress.letGo()
  }

  // Everything that was acked, was acked by another store.
  async #oweAll(session: LinkSession, generation: string): Promise<void> {
    const { outbox, time } = this.#options
    try {
      await outbox.oweAll(generation)
      this.#stores += 1
      this.#owing = false
      for (const progress of this.#progress.values()) this.#hold(progress)
      if (this.#session === session) void this.#sendOutbox(session)
    } catch (thrown) {
      const error = toStatemeshError(thrown, 'STORAGE_UNAVAILABLE')
      if (error.code === 'CLOSED' || this.#session !== session) return
      this.events.emit('warning', error)
      // Until it succeeds no flush does.
      this.#cancelOutboxRetry = time.after(outboxRetryMilliseconds, () => {
        if (this.#session === session) void this.#oweAll(session, generation)
      })
    } finally {
      this.#waiters.evaluate()
    }
  }

  // Loads what was left unsent, a few at a time; each goes again once it has been acked.
  async #sendOutbox(session: LinkSession): Promise<void> {
    const { documents, outbox, time } = this.#options
    const isRoom = () => this.#session !== session || this.#held() < outboxLoadsMax
    let again = false
    for (const document of [...outbox.names]) {
      if (this.#progress.has(document) || this.#unreadable.has(document)) continue
      try {
        await this.#waiters.wait({}, isRoom)
        if (this.#session !== session) return
        const { release } = await documents.hold(document)
        release() // R2 holds it as long as it is owed
      } catch (thrown) {
        const error = toStatemeshError(thrown, 'STORAGE_UNAVAILABLE')
        if (error.code === 'CLOSED') return
        if (error.retryable) again = true
        else this.#unreadable.set(document, error)
        this.events.emit('rejected', { document, error })
        this.#waiters.evaluate()
      }
    }
    if (!again || this.#session !== session) return
    this.#cancelOutboxRetry = time.after(outboxRetryMilliseconds, () => {
      void this.#sendOutbox(session)
    })
  }

  /** How many documents are being sent. What is refused would keep the others waiting for ever. */
  #held(): number {
    let held = 0
    for (const { release, refusal } of this.#progress.values()) {
      if (release !== undefined && refusal === undefined) held += 1
    }
    return held
  }
}
