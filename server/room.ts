/**
 * One document on the relay: an actor that checks and stores what its members write, and passes it
 * on when it is durable. It handles bytes; no Yjs document is made.
 *
 * - R1. What is stored builds only on what was stored before it: an update is checked against the
 *   *accepted* state, which includes the commits under way.
 * - R2. What anyone sees is committed: state vectors and acks always, updates and state unless they
 *   are forwarded early.
 * - R3. When a commit fails, all that was accepted and is not committed is void, and every member
 *   that wrote some of it is told. What was forwarded early cannot be taken back: every member is
 *   asked for it when the storage works again.
 * - R4. A join waits until the document has been loaded; it never sees an empty one instead.
 * - R5. When the storage failed to commit, the room is read-only until it is told that it works.
 */
import * as Y from 'yjs'
import { assert } from '../src/base/assert.ts'
import { StatemeshError, toStatemeshError } from '../src/base/error.ts'
import type { DocumentName } from '../src/model/document-name.ts'
import type { StateVector } from '../src/model/update-check.ts'
import type { UpdateLayout } from '../src/model/update-layout.ts'
import type { LaidOutUpdate } from '../src/model/update-splice.ts'
import { readUpdateStructure } from '../src/model/update-structure.ts'
import { checkUpdateWriters } from '../src/model/writer-limit.ts'
import { type AwarenessEntry, encodeAwarenessUpdates } from '../src/protocol/awareness-update.ts'
import type { Storage, StoredDocument } from '../src/storage/storage.ts'
import {
  type AwarenessSpeaker,
  awarenessMessage,
  RoomAwareness,
  type RoomAwarenessLimits,
} from './awareness.ts'
import { Broadcast, messageBytes, type RoomUpdate } from './broadcast.ts'
import { ContentCache } from './content-cache.ts'
import { DocumentSize } from './document-size.ts'
import { DocumentState } from './document-state.ts'
import type { Forwarding } from './relay-options.ts'
import { RoomJournal } from './room-journal.ts'
import type { RoomLimits } from './room-limits.ts'
import type { RoomMember } from './room-member.ts'
import {
  cutPiece,
  newPiece,
  type Piece,
  type ReadDocument,
  readDocument,
} from './stored-document.ts'
import type { WriteBatch } from './write-batch.ts'

export interface RoomOptions {
  document: DocumentName
  /** The number of the channel on which all its statemesh readers get its updates. */
  channel: number
  storage: Storage
  limits: RoomLimits
  forward: Forwarding
  /** Updates in memory beyond this many bytes are left to the storage. */
  contentBytesMax: number
  events: RoomEvents
}

/** Of all rooms of a relay. */
export interface RoomEvents {
  /** The document could not be loaded; the room is of no use any more. */
  loadFailed(room: Room, error: StatemeshError): void
  /** The stored document has damage; the relay lost data. */
  damaged(room: Room, damage: readonly string[]): void
  /** A commit failed; the room is read-only if it is the disk. */
  commitFailed(room: Room, error: StatemeshError): void
}

/** What a member is to be sent: a welcome, and what its state vector lacks. */
interface Need {
  readonly welcome: boolean
  readonly stateVector: StateVector | undefined
}

type RoomState = { readonly kind: 'loading' } | LoadedState | { readonly kind: 'closed' }

interface LoadedState {
  /** Read-only since a commit failed (R5). */
  kind: 'active' | 'read-only'
  /** Committed, and commits under way (R1). */
  accepted: DocumentState
  readonly committed: DocumentState
  readonly cache: ContentCache
}

export class Room {
  readonly document: DocumentName
  readonly channel: number
  /** Resolves when the document has been loaded, or cannot be. */
  readonly loaded: Promise<void>
  readonly #storage: Storage
  readonly #contentBytesMax: number
  readonly #events: RoomEvents
  #state: RoomState = { kind: 'loading' }
  readonly #members = new Set<RoomMember>()
  /** What members wait for; the map is there while some do, like the others below. */
  #needs: Map<RoomMember, Need> | undefined
  readonly #awarenessLimits: RoomAwarenessLimits
  /** From when somebody first says something. */
  #awareness: RoomAwareness | undefined
  readonly #size: DocumentSize
  readonly #writersMax: number
  readonly #journal: RoomJournal
  readonly #early: boolean
  /** Whether members may hold what was forwarded and then lost (R3). */
  #lost = false
  /** Counts the updates shown to readers. */
  #seq = 0
  /** Stored updates that build on something that the store has lost. */
  #orphans: readonly Piece[] = []
  #turn: RoomUpdate[] = []
  #turnEnding = false
  /** The clocks before this turn of the clients that it moved. */
  #clocksBefore: Map<number, number> | undefined
  /** Members to be told of commits, and the position of what they wrote last. */
  #writers: Map<RoomMember, number> | undefined

  constructor(options: RoomOptions) {
    this.document = options.document
    this.channel = options.channel
    this.#storage = options.storage
    this.#contentBytesMax = options.contentBytesMax
    this.#events = options.events
    this.#awarenessLimits = options.limits.awareness
    this.#size = new DocumentSize(options.limits.bytesMax)
    this.#writersMax = options.limits.writersMax
    this.#early = options.forward === 'early'
    this.#journal = new RoomJournal({
      document: options.document,
      storage: options.storage,
      events: {
        appending: (batch, joined) => this.#appending(batch, joined),
        committed: (batch, joined) => this.#committed(batch, joined),
        failed: error => this.#failed(error),
      },
    })
    this.loaded = this.#read()
  }

  /** Whether nobody is in it and nothing is under way. */
  get idle(): boolean {
    return (
      this.#state.kind !== 'loading' &&
      this.#members.size === 0 &&
      (this.#needs?.size ?? 0) === 0 &&
      this.#journal.idle
    )
  }

  /** Of the document; 0 until it has been loaded. */
  get bytes(): number {
    return this.#size.bytes
  }

  /** Whether it refuses what is new, since the storage failed. */
  get readOnly(): boolean {
    return this.#state.kind === 'read-only'
  }

  /** Up to which position everything accepted is durable. */
  get durablePosition(): number {
    return this.#journal.durablePosition
  }

  /**
   * Lets a member in: it gets `welcome`, and with a state vector what that lacks, or `refused`.
   * Joining again starts anew.
   */
  join(member: RoomMember, stateVector?: StateVector): void {
    this.#need(member, { welcome: true, stateVector })
  }

  /** Sends a member what it lacks, once more. */
  resync(member: RoomMember, stateVector: StateVector): void {
    this.#need(member, { welcome: false, stateVector })
  }

  leave(member: RoomMember): void {
    this.#needs?.delete(member)
    this.#writers?.delete(member)
    if (!this.#members.delete(member)) return
    if (this.#awareness !== undefined) this.#sendAwareness(this.#awareness.remove(member), member)
  }

  /**
   * Takes in an update, whose bytes must not be changed afterwards. Answers the position that
   * `durablePosition` must reach before it, and all before it, is durable; `gap` if it builds on
   * something that is not there.
   *
   * @throws UPDATE_INVALID, WRITERS_EXCEEDED, DOCUMENT_TOO_LARGE, STORAGE_UNAVAILABLE, and what the
   * member's `admit` throws
   */
  write(member: RoomMember, update: Uint8Array): number | 'gap' {
    const state = this.#state
    assert(isLoaded(state), 'a member writes before its welcome')
    const structure = readUpdateStructure(update)
    const verdict = state.accepted.check(structure)
    if (verdict === 'gap') return 'gap'
    if (verdict === 'new') {
      checkUpdateWriters(structure, state.accepted.vector, this.#writersMax)
      this.#size.check(update.length, () => state.cache.read())
      if (state.kind === 'read-only') throw storageFails()
      member.admit(structure, state.accepted.vector)
      this.#accept(member, newPiece({ update, layout: structure }, state.accepted), state)
    }
    return this.follow(member)
  }

  #accept(writer: object, piece: Piece, { accepted }: LoadedState): void {
    const { layout } = piece
    if (!this.#journal.fits(layout.endOffset)) this.#journal.flush()
    if (this.#early) this.#rememberClocks(accepted.vector, layout)
    accepted.advance(layout)
    accepted.delete(layout.deletes)
    this.#size.add(layout.endOffset)
    this.#journal.add(writer, piece)
  }

  /** Tells a member of commits until all is durable that is accepted now; answers its position. */
  follow(member: RoomMember): number {
    const { position, durablePosition } = this.#journal
    if (position > durablePosition) {
      this.#writers ??= new Map()
      this.#writers.set(member, position)
    }
    return position
  }

  /** Takes in what a member says about itself, and tells the others. */
  say(entries: readonly AwarenessEntry[], by: AwarenessSpeaker): void {
    this.#awareness ??= new RoomAwareness(this.#awarenessLimits)
    this.#sendAwareness(this.#awareness.apply(entries, by), by.member)
  }

  /** Takes back what members have not said again for too long, as of `now` (monotonic). */
  expireAwareness(now: number): void {
    if (this.#awareness !== undefined) this.#sendAwareness(this.#awareness.expire(now))
  }

  /** What is durable, as an encoded state vector. */
  stateVector(): Uint8Array {
    const state = this.#state
    assert(isLoaded(state), 'the state of a room that is not loaded')
    // Yjs takes a map for a document, and does not change it.
    return Y.encodeStateVector(state.committed.vector as Map<number, number>)
  }

  /** What all members say, as a message; undefined if nobody says anything. */
  awarenessMessage(): Uint8Array | undefined {
    const entries = this.#awareness?.all() ?? []
    return entries.length === 0 ? undefined : awarenessMessage(entries)
  }

  /** What all members say, in pieces of a message's length. */
  awarenessUpdates(): Uint8Array[] {
    return encodeAwarenessUpdates(this.#awareness?.all() ?? [], messageBytes)
  }

  /** The stored document has been compacted to so many bytes. */
  compacted(bytes: number): void {
    if (isLoaded(this.#state)) this.#state.cache.compacted(bytes)
  }

  /** The storage works again: what is new is taken in. */
  resumeWrites(): void {
    if (this.#state.kind !== 'read-only') return
    this.#state.kind = 'active'
    this.#tellResumed()
  }

  #tellResumed(): void {
    const lost = this.#lost
    this.#lost = false
    for (const member of this.#members) member.writesResumed(lost)
  }

  /** Resolves when no commit is under way. */
  settled(): Promise<void> {
    return this.#journal.settled()
  }

  /** Ends the room: it has been idle, or the relay closes. */
  close(): void {
    this.#state = { kind: 'closed' }
    this.#members.clear()
    this.#needs?.clear()
  }

  #need(member: RoomMember, need: Need): void {
    if (this.#state.kind === 'closed') return
    this.#needs ??= new Map()
    this.#needs.set(member, need)
    this.#serve()
  }

  /** Gives the members what they need, if it is there. */
  #serve(): void {
    const state = this.#state
    if (!isLoaded(state) || this.#needs === undefined) return
    const content = state.cache.get()
    if (content === undefined) return
    // What is sent as state is not sent as updates again.
    this.#endTurn()
    const needs = this.#needs
    for (const [member, need] of needs) {
      needs.delete(member)
      if (need.welcome) {
        this.#members.add(member)
        member.welcome(this.stateVector())
      }
      if (need.stateVector) member.begin(content.lacking(need.stateVector), this.#seq)
    }
    if (this.#needs === needs) this.#needs = undefined
  }

  async #read(): Promise<void> {
    let stored: StoredDocument
    try {
      stored = await this.#storage.load(this.document)
    } catch (thrown) {
      return this.#readFailed(toStatemeshError(thrown, 'STORAGE_UNAVAILABLE'))
    }
    // Commits under way may be among what was read; a reader can take them twice.
    this.#hasRead(readDocument(stored))
  }

  #hasRead(stored: ReadDocument): void {
    const state = this.#state
    if (state.kind === 'closed') return
    const { damage, updates, state: read, orphans } = stored
    if (damage.length > 0) this.#events.damaged(this, damage)
    if (state.kind === 'loading') {
      this.#orphans = orphans
      const bytesMax = this.#contentBytesMax
      const cache = new ContentCache(updates, { bytesMax, read: () => void this.#read() })
      this.#size.measured(cache.bytes)
      this.#state = { kind: 'active', accepted: new DocumentState(read), committed: read, cache }
    } else {
      state.cache.hasRead(stored, this.#shown(state))
      this.#size.measured(state.cache.bytes)
    }
    this.#serve()
  }

  #readFailed(error: StatemeshError): void {
    const state = this.#state
    if (state.kind === 'closed') return
    const waiting = [...(this.#needs?.keys() ?? [])]
    this.#needs?.clear()
    if (isLoaded(state)) state.cache.readFailed()
    else this.close()
    if (state.kind === 'loading') this.#events.loadFailed(this, error)
    for (const member of waiting) member.refused(error)
  }

  #appending({ updates }: WriteBatch, joined: LaidOutUpdate): void {
    if (!this.#early || !isLoaded(this.#state)) return
    this.#show(this.#state, updates, joined)
  }

  #committed({ updates, deletes }: WriteBatch, joined: LaidOutUpdate): void {
    const state = this.#state
    if (!isLoaded(state)) return
    if (!this.#early) this.#rememberClocks(state.committed.vector, joined.layout)
    state.committed.advance(joined.layout)
    for (const ranges of deletes) state.committed.delete(ranges)
    if (this.#early) state.cache.stored(joined)
    else this.#show(state, updates, joined)
    this.#endTurnLater()
    if (this.#lost) this.#tellResumed()
  }

  /** Readers get these updates with the end of the turn, or as state. */
  #show({ cache }: LoadedState, updates: readonly RoomUpdate[], joined: LaidOutUpdate): void {
    this.#seq += updates.length
    cache.add(joined, { stored: !this.#early })
    this.#turn.push(...updates)
    this.#endTurnLater()
  }

  /** What readers are shown, as a state vector (R2). */
  #shown({ accepted, committed }: LoadedState): StateVector {
    return (this.#early ? accepted : committed).vector
  }

  #rememberClocks(vector: StateVector, { blocks }: UpdateLayout): void {
    this.#clocksBefore ??= new Map()
    for (const { client } of blocks) {
      if (!this.#clocksBefore.has(client)) this.#clocksBefore.set(client, vector.get(client) ?? 0)
    }
  }

  /** The commits of one group resolve together: one broadcast for all of them. */
  #endTurnLater(): void {
    if (this.#turnEnding) return
    this.#turnEnding = true
    queueMicrotask(() => {
      this.#turnEnding = false
      this.#endTurn()
      this.#tellWriters()
      this.#adoptOrphans()
    })
  }

  #endTurn(): void {
    // What is shown is what is accepted, so that all of it belongs to the turn.
    if (this.#early) this.#journal.flush()
    this.#broadcast()
  }

  #broadcast(): void {
    const updates = this.#turn
    if (updates.length === 0) return
    this.#turn = []
    const firstSeq = this.#seq - updates.length + 1
    const broadcast = new Broadcast(firstSeq, updates, () => this.#vectorBefore())
    for (const member of this.#members) member.deliver(broadcast)
    this.#clocksBefore = undefined
  }

  #tellWriters(): void {
    const writers = this.#writers
    for (const [member, position] of writers ?? []) {
      if (position <= this.durablePosition) writers?.delete(member)
      member.committed()
    }
    if (writers?.size === 0 && this.#writers === writers) this.#writers = undefined
  }

  /**
   * Takes in stored updates when what they build on has come back: nobody else may have them. They
   * are stored once more, behind it.
   */
  #adoptOrphans(): void {
    const state = this.#state
    if (state.kind !== 'active' || this.#orphans.length === 0) return
    this.#orphans = this.#orphans.filter(orphan => {
      const piece = cutPiece(orphan, state.accepted)
      const verdict = state.accepted.check(piece.layout)
      if (verdict === 'new') this.#accept(this, piece, state)
      return verdict !== 'known' // one that is under way may still fail
    })
  }

  #vectorBefore(): StateVector {
    assert(isLoaded(this.#state), 'a turn of a room that is not loaded')
    return new Map([...this.#shown(this.#state), ...(this.#clocksBefore ?? [])])
  }

  #failed(error: StatemeshError): void {
    const state = this.#state
    if (!isLoaded(state)) return
    this.#broadcast()
    this.#tellWriters()
    if (this.#early) {
      this.#lost = true
      state.cache.dropUnstored()
      this.#clocksBefore = undefined
    }
    state.accepted = new DocumentState(state.committed)
    const writers = [...(this.#writers?.keys() ?? [])]
    this.#writers = undefined
    if (error.code === 'STORAGE_UNAVAILABLE') state.kind = 'read-only'
    this.#events.commitFailed(this, error)
    for (const member of writers) member.writesFailed(error)
  }

  #sendAwareness(entries: readonly AwarenessEntry[], from?: RoomMember): void {
    if (entries.length === 0) return
    const updates = encodeAwarenessUpdates(entries, messageBytes)
    let message: Uint8Array | undefined
    const stock = () => (message ??= awarenessMessage(entries))
    for (const member of this.#members) {
      if (member !== from) member.awareness(updates, stock)
    }
  }
}

function isLoaded(state: RoomState): state is LoadedState {
  return state.kind === 'active' || state.kind === 'read-only'
}

function storageFails(): StatemeshError {
  const message = 'the storage fails; the document is read-only until it works again'
  return new StatemeshError('STORAGE_UNAVAILABLE', message)
}
