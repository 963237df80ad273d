/**
 * One document on a statemesh link: what the peer writes is numbered, checked by the room and
 * acked; what the room commits is sent on. PROTOCOL.md, *Channels* and *Numbers, acks and gaps*.
 */
import { StatemeshError, toStatemeshError } from '../src/base/error.ts'
import { Queue } from '../src/base/queue.ts'
import type { StateVector } from '../src/model/update-check.ts'
import type { UpdateStructure } from '../src/model/update-structure.ts'
import type { AwarenessEntry } from '../src/protocol/awareness-update.ts'
import type { Frame } from '../src/protocol/frame.ts'
import { InboundStream } from '../src/sync/inbound-stream.ts'
import { accessDenied } from '../src/trust/access.ts'
import type { Broadcast } from './broadcast.ts'
import { Feed, type FeedSink } from './feed.ts'
import type { Room } from './room.ts'
import type { RoomMember } from './room-member.ts'

type FrameOf<Type extends Frame['type']> = Extract<Frame, { type: Type }>

/** The connection as its channels see it. */
export interface ChannelLink {
  /** The longest message that the peer accepts. */
  readonly peerMessageBytesMax: number
  /** Whether the peer bounds what is under way to it. */
  readonly windowed: boolean
  /** Whether the queue of the link and the peer's window have room. */
  writable(): boolean
  send(frame: Frame): void
  sendEncoded(frame: Uint8Array): void
  /** Sends all of a broadcast, in the bytes that other links get too. */
  sendShared(broadcast: Broadcast, channel: number): void
  /** Has `flushAcks` called at the end of this turn. */
  ackLater(channel: Channel): void
  /** What the peer has under way to us, not durable yet, changed by this many bytes. */
  receiving(bytes: number): void
  /** When the message arrived that is being handled (monotonic). */
  readonly receivedAt: number
  /** Acks an update as durable that arrived at a moment. */
  durable(receivedAt: number): void
  /** An update has arrived. */
  arrived(bytes: number): void
  /** Judges an update that brings something. @throws RATE_LIMITED */
  admit(structure: UpdateStructure, known: StateVector): void
  /** What we have under way to the peer, not acked yet, changed by this many bytes. */
  sending(bytes: number): void
  generation(): string
  /** The channel has ended by itself. */
  ended(channel: Channel): void
  /** Something was refused: an update, where it is given. */
  rejected(document: string, error: StatemeshError, update?: Uint8Array): void
}

interface AwaitedWrite {
  readonly seq: number
  readonly position: number
  readonly bytes: number
  readonly receivedAt: number
}

/** Tag, numbers and lengths around an update. */
const frameOverheadBytesMax = 32

/** A state can have a gap only by others' commits under way, so that once or twice will do. */
const asksMax = 3

export class Channel implements RoomMember, FeedSink {
  readonly room: Room
  /** The number on which we send. */
  readonly number: number
  /** The number on which the peer sends. */
  peerNumber: number
  /** Whether the peer may write the document, by its token. */
  mayWrite = true
  readonly #link: ChannelLink
  readonly #feed: Feed
  #inbound = new InboundStream()
  /** Whether `open` has been answered and the peer may write. */
  #writing = false
  /** Whether the peer asked what others say about themselves, is a member, and missed some of it. */
  #listens = false
  #welcomed = false
  #awarenessMissed = false
  readonly #awaited = new Queue<AwaitedWrite>()
  #receivedSeq = 0
  #ackedSeq = 0
  /** The position that must be durable before the peer is asked for its state. */
  #askAt: number | undefined
  /** How often it has been asked since something of it was accepted. */
  #asks = 0
  /** The number that the peer has come to; what it wrote itself is not sent, and skipped later. */
  #sentSeq = 0
  /** What was sent and not acked durable, where the peer has a window. */
  readonly #sent = new Queue<{ readonly seq: number; readonly bytes: number }>()

  constructor(room: Room, number: number, peerNumber: number, link: ChannelLink) {
    this.room = room
    this.number = number
    this.peerNumber = peerNumber
    this.#link = link
    this.#feed = new Feed(this)
  }

  writable(): boolean {
    return this.#link.writable()
  }

  catchUp(stateVector: StateVector): void {
    this.room.resync(this, stateVector)
  }

  /** The peer's `open`, the first or one that restarts both streams. */
  open(peerNumber: number, stateVector: StateVector): void {
    this.peerNumber = peerNumber
    this.#stopWriting()
    this.#feed.restart()
    this.room.join(this, stateVector)
  }

  stream(frame: FrameOf<'state' | 'update' | 'skip'>): void {
    if (!this.#writing) return
    const arrival = this.#inbound.accept(frame)
    if (arrival === 'ignore') return
    if (arrival === 'gap') return this.#askForState()
    if (frame.type === 'skip') return this.#await(frame.seq, this.room.durablePosition, 0)
    try {
      this.#write(frame)
    } catch (thrown) {
      this.#refuseWrites(frame.seq, toStatemeshError(thrown, 'UPDATE_INVALID'), frame.update)
    }
  }

  resync(stateVector: StateVector): void {
    this.#feed.restart()
    this.room.resync(this, stateVector)
  }

  acked(frame: FrameOf<'ack'>): void {
    if (frame.level !== 'durable') return
    let bytes = 0
    while (this.#sent.length > 0 && this.#sent.at(0).seq <= frame.seq) {
      bytes += this.#sent.shift()?.bytes ?? 0
    }
    if (bytes > 0) this.#link.sending(-bytes)
  }

  /** The peer does not want what we send. */
  nacked(): void {
    this.#feed.restart()
  }

  /** Whether the reader has been sent all that the room has committed. */
  get live(): boolean {
    return this.#feed.live
  }

  /** The link takes more again. */
  resume(): void {
    this.#feed.resume()
    if (this.#awarenessMissed && this.#link.writable()) {
      this.#sendAwareness(this.room.awarenessUpdates())
    }
  }

  /** Ends the exchange, and says why. */
  deny(error: StatemeshError): void {
    this.#refuseWrites(0, error)
    this.#link.ended(this)
  }

  /** Ends the exchange, without a word. */
  end(): void {
    this.#stopWriting()
    this.#welcomed = false
    this.room.leave(this)
    let bytes = 0
    while (this.#sent.length > 0) bytes += this.#sent.shift()?.bytes ?? 0
    if (bytes > 0) this.#link.sending(-bytes)
  }

  /** Sends one ack for all that has reached a level since the last. */
  flushAcks(): void {
    let durable: number | undefined
    let bytes = 0
    const { durablePosition } = this.room
    while (this.#awaited.length > 0 && this.#awaited.at(0).position <= durablePosition) {
      const write = this.#awaited.shift() as AwaitedWrite
      if (durable === undefined) this.#link.durable(write.receivedAt)
      durable = write.seq
      bytes += write.bytes
    }
    if (bytes > 0) this.#link.receiving(-bytes)
    const channel = this.peerNumber
    if (durable !== undefined) {
      this.#ackedSeq = Math.max(this.#ackedSeq, durable)
      this.#link.send({ type: 'ack', channel, level: 'durable', seq: durable })
    }
    if (this.#receivedSeq <= this.#ackedSeq) return
    this.#ackedSeq = this.#receivedSeq
    this.#link.send({ type: 'ack', channel, level: 'received', seq: this.#receivedSeq })
  }

  admit(structure: UpdateStructure, known: StateVector): void {
    if (!this.mayWrite) throw accessDenied('the token does not allow to write the document')
    this.#link.admit(structure, known)
  }

  welcome(stateVector: Uint8Array): void {
    this.#inbound = new InboundStream()
    this.#writing = true
    this.#welcomed = true
    const { number: channel } = this
    const { document } = this.room
    const generation = this.#link.generation()
    this.#link.send({ type: 'open', channel, document, generation, stateVector })
  }

  begin(updates: readonly Uint8Array[], seq: number): void {
    this.#feed.begin(updates, seq)
  }

  deliver(broadcast: Broadcast): void {
    this.#feed.deliver(broadcast)
  }

  committed(): void {
    this.flushAcks()
    if (this.#askAt !== undefined) this.#askWhenDurable(this.#askAt)
  }

  awareness(updates: readonly Uint8Array[]): void {
    if (!this.#listens) return
    if (this.#link.writable()) this.#sendAwareness(updates)
    else this.#awarenessMissed = true
  }

  /** The peer says something, or asks what others say. */
  say(entries: readonly AwarenessEntry[], subject: string | undefined, now: number): void {
    if (!this.#welcomed) return // it says it again
    const asks = entries.length === 0 || !this.#listens
    this.#listens = true
    this.room.say(entries, { member: this, subject, now })
    if (asks) this.#sendAwareness(this.room.awarenessUpdates())
  }

  #sendAwareness(updates: readonly Uint8Array[]): void {
    this.#awarenessMissed = false
    const { number: channel } = this
    for (const update of updates) this.#link.send({ type: 'awareness', channel, update })
  }

  refused(error: StatemeshError): void {
    this.deny(error)
  }

  writesFailed(error: StatemeshError): void {
    this.flushAcks()
    const seq = this.#awaited.length > 0 ? this.#awaited.at(0).seq : this.#receivedSeq + 1
    this.#refuseWrites(seq, error)
  }

  writesResumed(lost: boolean): void {
    // What was refused may be tried again: the nack says so, and the peer does, on a new channel.
    if (lost && this.#writing && this.mayWrite) this.#askForState()
  }

  #write({ type, seq, update }: FrameOf<'state' | 'update'>): void {
    this.#link.arrived(update.length)
    const position = this.room.write(this, update)
    if (position !== 'gap') {
      this.#asks = 0
      return this.#await(seq, position, update.length)
    }
    if (type === 'update' || this.#asks < asksMax) return this.#askForState()
    // Even what it sends when it is asked builds on something that we do not have.
    this.#refuseWrites(seq, new StatemeshError('UPDATE_GAP', 'the state has a gap'))
  }

  #await(seq: number, position: number, bytes: number): void {
    this.#receivedSeq = seq
    this.#awaited.push({ seq, position, bytes, receivedAt: this.#link.receivedAt })
    if (bytes > 0) this.#link.receiving(bytes)
    this.#link.ackLater(this)
  }

  #askForState(): void {
    this.#inbound.restart()
    this.#asks += 1
    this.#askWhenDurable(this.room.follow(this))
  }

  /** Asks when the state vector, which is that of what is durable, has reached what is accepted. */
  #askWhenDurable(position: number): void {
    this.#askAt = position
    if (position > this.room.durablePosition) return
    this.#askAt = undefined
    const stateVector = this.room.stateVector()
    this.#link.send({ type: 'resync', channel: this.peerNumber, stateVector })
  }

  #refuseWrites(seq: number, error: StatemeshError, update?: Uint8Array): void {
    this.flushAcks()
    this.#stopWriting()
    const { code, retryable, message } = error
    this.#link.send({ type: 'nack', channel: this.peerNumber, seq, code, retryable, message })
    this.#link.rejected(this.room.document, error, update)
  }

  #stopWriting(): void {
    this.#writing = false
    this.#askAt = undefined
    this.#asks = 0
    this.#receivedSeq = 0
    this.#ackedSeq = 0
    let bytes = 0
    while (this.#awaited.length > 0) bytes += this.#awaited.shift()?.bytes ?? 0
    if (bytes > 0) this.#link.receiving(-bytes)
  }

  sendState(update: Uint8Array, seq: number, last: boolean): void {
    if (!this.#fits(update.length)) return
    this.#link.send({ type: 'state', channel: this.number, seq, last, update })
    this.#sentSeq = seq
    this.#take(seq, update.length)
  }

  sendUpdates(broadcast: Broadcast): void {
    if (!this.#fits(broadcast.updateBytesMax)) return
    const sentBefore = this.#sentSeq
    if (broadcast.isOf(this)) {
      this.#sendOthers(broadcast)
    } else {
      this.#skipTo(broadcast.firstSeq - 1)
      this.#link.sendShared(broadcast, this.number)
      this.#sentSeq = broadcast.lastSeq
    }
    if (this.#sentSeq > sentBefore) this.#take(this.#sentSeq, broadcast.bytes)
  }

  /** Sends what others wrote. */
  #sendOthers(broadcast: Broadcast): void {
    const { firstSeq, updates } = broadcast
    for (const [index, { writer }] of updates.entries()) {
      if (writer === this) continue
      this.#skipTo(firstSeq + index - 1)
      this.#link.sendEncoded(broadcast.frames(this.number)[index] as Uint8Array)
      this.#sentSeq = firstSeq + index
    }
  }

  /** The peer's own updates are passed over when one of another's follows. */
  #skipTo(seq: number): void {
    if (seq > this.#sentSeq) this.#link.send({ type: 'skip', channel: this.number, seq })
  }

  #take(seq: number, bytes: number): void {
    if (!this.#link.windowed) return
    this.#sent.push({ seq, bytes })
    this.#link.sending(bytes)
  }

  #fits(updateBytes: number): boolean {
    const bytesMax = this.#link.peerMessageBytesMax
    if (updateBytes + frameOverheadBytesMax <= bytesMax) return true
    this.#feed.restart()
    const message = `the document holds an update of ${updateBytes} bytes`
    this.#refuseWrites(0, new StatemeshError('FRAME_TOO_LARGE', message))
    return false
  }
}
