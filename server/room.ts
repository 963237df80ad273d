/**
 * One document on the relay: an actor that checks and stores what its members write, and passes it
 * on when it is durable. It handles bytes; no Yjs document is made.
 *
 * - R1. What is stored builds only on what was stored before it: an update is checked against the
 *   *accepted* state, which includes the commits under way.
 * - R2. What anyone sees (updates, state vectors, state, acks) is committed.
 * - R3. When a commit fails, all that was accepted and is not committed is void, and every member
 *   that wrote some of it is told.
 * - R4. A join waits until the document has been loaded; it never sees an empty one instead.
 * - R5. When the storage failed to commit, the room is read-only until it is told that it works.
 */
import * as Y from 'yjs'
import { assert } from '../src/base/assert.ts'
import { StatemeshError, toStatemeshError } from '../src/base/error.ts'
import type { DocumentName } from '../src/model/document-name.ts'
import type { StateVector } from '../src/model/update-check.ts'
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
import { Broadcast, type CommittedUpdate, messageBytes } from './broadcast.ts'
import { DocumentSize } from './document-size.ts'
import { DocumentState } from './document-state.ts'
import { RoomContent } from './room-content.ts'
import type { RoomLimits } from './room-limits.ts'
import type { RoomMember } from './room-member.ts'
import {
  cutPiece,
  newPiece,
  type Piece,
  type ReadDocument,
  readDocument,
} from './stored-document.ts'
import { WriteBatch } from './write-batch.ts'

export interface RoomOptions {
  document: DocumentName
  /** The number of the channel on which all its statemesh readers get its updates. */
  channel: number
  storage: Storage
  limits: RoomLimits
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
  content: Content
}

type Content =
  | { readonly kind: 'present'; readonly chunks: RoomContent }
  /** It was too much to keep; the next who needs it has it read. */
  | { readonly kind: 'stored' }
  | { readonly kind: 'reading'; readonly meanwhile: LaidOutUpdate[] }

export class Room {
  readonly document: DocumentName
  readonly channel: number
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
  // Positions count the updates accepted, the number that readers see those committed.
  #acceptedPosition = 0
  #durablePosition = 0
  #seq = 0
  // Grows with every failed commit: what was accepted before is void (R3).
  #epoch = 0
  /** What was accepted in this turn, and is not with the storage yet. */
  #gathered: WriteBatch | undefined
  #underWay = 0
  /** Stored updates that build on something that the store has lost. */
  #orphans: readonly Piece[] = []
  #settled: (() => void)[] = []
  #turn: CommittedUpdate[] = []
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
    void this.#read()
  }

  /** Whether nobody is in it and nothing is under way. */
  get idle(): boolean {
    return (
      this.#state.kind !== 'loading' &&
      this.#members.size === 0 &&
      (this.#needs?.size ?? 0) === 0 &&
      this.#underWay === 0
    )
  }

  /** Whether it refuses what is new, since the storage failed. */
  get readOnly(): boolean {
    return this.#state.kind === 'read-only'
  }

  /** Up to which position everything accepted is durable. */
  get durablePosition(): number {
    return this.#durablePosition
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
      this.#size.check(update.length, () => this.#measure(state))
      if (state.kind === 'read-only') throw storageFails()
      member.admit(structure, state.accepted.vector)
      this.#accept(member, newPiece({ update, layout: structure }, state.accepted), state)
    }
    return this.follow(member)
  }

  #accept(writer: object, { update, layout }: Piece, { accepted }: LoadedState): void {
    accepted.advance(layout)
    accepted.delete(layout.deletes)
    this.#size.add(layout.endOffset)
    this.#acceptedPosition += 1
    if (this.#gathered?.fits(layout.endOffset) === false) void this.#append()
    if (this.#gathered === undefined) {
      this.#gathered = new WriteBatch(this.#epoch)
      this.#underWay += 1
      queueMicrotask(() => void this.#append())
    }
    this.#gathered.add(writer, update, layout)
  }

  /** Gives what was gathered to the storage. */
  async #append(): Promise<void> {
    const batch = this.#gathered
    if (batch === undefined) return
    this.#gathered = undefined
    const joined = batch.joined()
    try {
      await this.#storage.append(this.document, joined.update)
    } catch (thrown) {
      return this.#failed(batch, toStatemeshError(thrown, 'STORAGE_UNAVAILABLE'))
    }
    this.#committed(batch, joined)
  }

  /** Tells a member of commits until all is durable that is accepted now; answers its position. */
  follow(member: RoomMember): number {
    if (this.#acceptedPosition > this.#durablePosition) {
      this.#writers ??= new Map()
      this.#writers.set(member, this.#acceptedPosition)
    }
    return this.#acceptedPosition
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

  /**
   * The stored document has been compacted to so many bytes. Where that is much less than what is in
   * memory, that is given up: who joins next gets the compacted one.
   */
  compacted(bytes: number): void {
    const state = this.#state
    if (!isLoaded(state) || state.content.kind !== 'present') return
    if (state.content.chunks.bytes > 2 * bytes) state.content = { kind: 'stored' }
  }

  /** The storage works again: what is new is taken in. */
  resumeWrites(): void {
    if (this.#state.kind !== 'read-only') return
    this.#state.kind = 'active'
    for (const member of this.#members) member.writesResumed()
  }

  /** Resolves when no commit is under way. */
  async settled(): Promise<void> {
    if (this.#underWay > 0) await new Promise<void>(resolve => this.#settled.push(resolve))
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
    if (state.content.kind === 'stored') {
      state.content = { kind: 'reading', meanwhile: [] }
      void this.#read()
    }
    if (state.content.kind !== 'present') return
    const { chunks } = state.content
    // What is sent as state is not sent as updates again.
    this.#endTurn()
    const needs = this.#needs
    for (const [member, need] of needs) {
      needs.delete(member)
      if (need.welcome) {
        this.#members.add(member)
        member.welcome(this.stateVector())
      }
      if (need.stateVector) member.begin(chunks.lacking(need.stateVector), this.#seq)
    }
    if (this.#needs === needs) this.#needs = undefined
  }

  /** Has the stored document read again, to know its size. */
  #measure(state: LoadedState): void {
    if (state.content.kind === 'reading') return
    state.content = { kind: 'reading', meanwhile: [] }
    void this.#read()
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

  #hasRead({ updates, state: read, damage, orphans }: ReadDocument): void {
    const state = this.#state
    if (state.kind === 'closed') return
    if (damage.length > 0) this.#events.damaged(this, damage)
    if (state.kind === 'loading') {
      this.#orphans = orphans
      const content: Content = { kind: 'present', chunks: new RoomContent(updates) }
      this.#size.measured(content.chunks.bytes)
      this.#state = { kind: 'active', accepted: new DocumentState(read), committed: read, content }
    } else {
      assert(state.content.kind === 'reading', 'read what nobody needed')
      // Commits meanwhile may be among what was read.
      for (const piece of state.content.meanwhile) {
        if (read.overlaps(piece.layout)) continue
        read.advance(piece.layout)
        updates.push(piece)
      }
      const chunks = new RoomContent(updates)
      this.#size.measured(chunks.bytes)
      state.content = { kind: 'present', chunks }
    }
    this.#serve()
  }

  #readFailed(error: StatemeshError): void {
    const state = this.#state
    if (state.kind === 'closed') return
    const waiting = [...(this.#needs?.keys() ?? [])]
    this.#needs?.clear()
    if (isLoaded(state)) state.content = { kind: 'stored' }
    else this.close()
    if (state.kind === 'loading') this.#events.loadFailed(this, error)
    for (const member of waiting) member.refused(error)
  }

  #committed(batch: WriteBatch, joined: LaidOutUpdate): void {
    this.#underWay -= 1
    const state = this.#state
    // Something before it failed: it is stored, but builds on what is not. See `readDocument`.
    if (batch.epoch !== this.#epoch || !isLoaded(state)) return this.#evaluateSettled()
    this.#rememberClocks(state.committed.vector, joined)
    state.committed.advance(joined.layout)
    for (const deletes of batch.deletes) state.committed.delete(deletes)
    this.#durablePosition += batch.updates.length
    this.#seq += batch.updates.length
    this.#keep(state, joined)
    // The commits of one group resolve together: one broadcast for all of them.
    if (this.#turn.length === 0) queueMicrotask(() => this.#endTurn())
    this.#turn.push(...batch.updates)
    this.#evaluateSettled()
  }

  #rememberClocks(vector: StateVector, { layout }: LaidOutUpdate): void {
    this.#clocksBefore ??= new Map()
    for (const { client } of layout.blocks) {
      if (!this.#clocksBefore.has(client)) this.#clocksBefore.set(client, vector.get(client) ?? 0)
    }
  }

  #keep(state: LoadedState, update: LaidOutUpdate): void {
    const { content } = state
    if (content.kind === 'reading') content.meanwhile.push(update)
    if (content.kind !== 'present') return
    content.chunks.add(update)
    if (content.chunks.addedBytes > this.#contentBytesMax) state.content = { kind: 'stored' }
  }

  #endTurn(): void {
    const updates = this.#turn
    if (updates.length === 0) return
    this.#turn = []
    const firstSeq = this.#seq - updates.length + 1
    const broadcast = new Broadcast(firstSeq, updates, () => this.#vectorBefore())
    for (const member of this.#members) member.deliver(broadcast)
    this.#clocksBefore = undefined
    const writers = this.#writers
    for (const [member, position] of writers ?? []) {
      if (position <= this.#durablePosition) writers?.delete(member)
      member.committed()
    }
    if (writers?.size === 0 && this.#writers === writers) this.#writers = undefined
    this.#adoptOrphans()
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
    return new Map([...this.#state.committed.vector, ...(this.#clocksBefore ?? [])])
  }

  #failed(batch: WriteBatch, error: StatemeshError): void {
    this.#underWay -= 1
    const state = this.#state
    if (batch.epoch === this.#epoch && isLoaded(state)) {
      this.#endTurn()
      this.#epoch += 1
      this.#dropGathered()
      state.accepted = new DocumentState(state.committed)
      this.#acceptedPosition = this.#durablePosition
      const writers = [...(this.#writers?.keys() ?? [])]
      this.#writers = undefined
      if (error.code === 'STORAGE_UNAVAILABLE') state.kind = 'read-only'
      this.#events.commitFailed(this, error)
      for (const member of writers) member.writesFailed(error)
    }
    this.#evaluateSettled()
  }

  #dropGathered(): void {
    if (this.#gathered === undefined) return
    this.#gathered = undefined
    this.#underWay -= 1
  }

  #evaluateSettled(): void {
    if (this.#underWay > 0 || this.#settled.length === 0) return
    const settled = this.#settled
    this.#settled = []
    // Behind the end of the turn, which sends the acks.
    queueMicrotask(() => {
      for (const resolve of settled) resolve()
    })
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
