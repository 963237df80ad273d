/**
 * The exchange of one document over one link, from this end; PROTOCOL.md, *Channels* and *Numbers,
 * acks and gaps*.
 *
 * C1. Nothing but `open` is sent before the peer's `open`: without its state vector we do not know
 *     what it lacks. The `state` that answers covers every change made until then.
 * C2. After a `state` every change is one update, but for those that came on this channel. So an
 *     ack covers all versions of the document before the one that the next frame brings.
 * C3. What does not fit the peer's window waits here, in order, up to a limit; beyond it the peer
 *     is owed a `state` instead.
 * C4. To a peer that is told so, everything that was taken in is acked once it is durable here.
 */
import { present } from '../base/assert.ts'
import { isErrorCode, StatemeshError, toStatemeshError } from '../base/error.ts'
import { Queue } from '../base/queue.ts'
import type { ReplicaDocument, UpdateSource } from '../document/replica-document.ts'
import type { AckLevel, Frame } from '../protocol/frame.ts'
import { InboundStream } from './inbound-stream.ts'

type FrameOf<Type extends Frame['type']> = Extract<Frame, { type: Type }>

/** A frame of the stream of a channel. */
export type StreamFrame = FrameOf<'state' | 'update' | 'skip'>

/** The link as a channel sees it. */
export interface ChannelLink {
  /** The longest update that the peer accepts. */
  readonly updateBytesMax: number
  send(frame: Frame): void
  /** Whether the peer's window has room; if not, `pump` is called when it has again. */
  hasCredit(channel: DocumentChannel): boolean
  spendCredit(bytes: number): void
  returnCredit(bytes: number): void
  /** What the peer has under way to us, not durable yet, changed by this many bytes. */
  receiving(bytes: number): void
  /** What the peer sent was refused. */
  offended(error: StatemeshError): void
}

export interface ChannelOptions {
  document: ReplicaDocument
  number: number
  link: ChannelLink
  /**
   * A relay stores what it has before it says so, and is told nothing of what is durable here. A
   * peer may say what it has only in memory, and both ends ack.
   */
  isRelay: boolean
  handlers: ChannelHandlers
}

export interface ChannelHandlers {
  /** The peer has everything up to `version` of the document, at a level. */
  acked(level: AckLevel, version: number): void
  /** We have all that the peer had when it sent its `state`. */
  synced(): void
  /** Something is missing, and was asked for; `synced` follows. */
  behind(): void
  /** The peer's store, learnt from its `open`. */
  generation(generation: string): void
  /** The peer takes nothing more of ours, and goes on sending what it has. */
  writesRefused(error: StatemeshError): void
  /** The channel has ended: refused by the peer, or by us for what it sent. */
  refused(error: StatemeshError): void
}

/** What the peer said to have, and whether that is on its disk. */
interface OwedState {
  readonly stateVector: Uint8Array
  readonly durable: boolean
}

/** An update, and the version of the document that it makes. */
interface Versioned {
  readonly update: Uint8Array
  readonly version: number
}

/** An encoded update without structs and deletions. */
const emptyUpdateBytes = 2

/** A damaged entry of the log costs all that is in it, and each change is one. */
const changeBytesMax = 64 * 1024

/** Beyond this a `state` is less to keep than what waits; a window of a peer is as large. */
const waitingBytesMax = 8 * 2 ** 20

export class DocumentChannel implements UpdateSource {
  readonly document: ReplicaDocument
  readonly number: number
  readonly isRelay: boolean
  /** Whether what the peer sends is taken in; a reader's is refused. */
  mayWrite = true
  /** Whether the peer has asked who is here. */
  listens = false
  readonly #link: ChannelLink
  readonly #handlers: ChannelHandlers
  readonly #inbound = new InboundStream()
  // What was taken in, what was acked of it, and whether the next ack is under way (C4).
  #receivedSeq = 0
  #receivedBytes = 0
  #ackedSeq = 0
  #acking = false
  readonly #waiting = new Queue<Versioned>()
  #waitingBytes = 0
  // What was sent and not acked durable, and the seq of the first of it.
  readonly #inFlight = new Queue<{ readonly bytes: number; readonly version: number }>()
  #inFlightFrom = 1
  #seq = 0
  #peerVector: Uint8Array = new Uint8Array(1)
  // While the peer is owed a `state` (C1).
  #owed: OwedState | undefined
  // The seq of the last `state` (C2), and the version up to which all was sent.
  #state: { seq: number } | undefined
  #sentVersion = -1
  #peerNumber: number | undefined
  #ended = false
  #readOnly = false
  readonly #stopListening: () => void

  constructor({ document, number, link, isRelay, handlers }: ChannelOptions) {
    this.document = document
    this.number = number
    this.isRelay = isRelay
    this.#link = link
    this.#handlers = handlers
    this.#stopListening = document.events.on('change', ({ update, source }) => {
      if (this.#state === undefined || this.#owed !== undefined) return // C1
      if (source === this) return this.#tellCovered()
      this.#waiting.push({ update, version: document.version })
      this.#waitingBytes += update.length
      this.pump()
      if (this.#waitingBytes > waitingBytesMax) this.#dropWaiting()
    })
  }

  /** The peer's number for the document; undefined before its `open`. */
  get peerNumber(): number | undefined {
    return this.#peerNumber
  }

  open(generation: string): void {
    this.#link.send({
      type: 'open',
      channel: this.number,
      document: this.document.name,
      generation,
      stateVector: this.document.stateVector(),
    })
  }

  /** The peer's `open`, the first or one that restarts the exchange. */
  opened(frame: FrameOf<'open'>): void {
    // Another number is another stream, which counts from 1 again.
    if (frame.channel !== this.#peerNumber) this.#receivedSeq = this.#ackedSeq = 0
    this.#peerNumber = frame.channel
    this.#inbound.restart()
    this.#handlers.generation(frame.generation)
    this.#oweState({ stateVector: frame.stateVector, durable: this.isRelay })
  }

  resync(frame: FrameOf<'resync'>): void {
    if (this.#peerNumber === undefined) return
    // What it asks from may be what it has taken but not stored yet.
    this.#oweState({ stateVector: frame.stateVector, durable: false })
  }

  /** Frames that came in one message, in their order. What they bring is one change. */
  stream(frames: readonly StreamFrame[]): void {
    for (let next = 0; next < frames.length && !this.#ended; ) {
      let afterwards: (() => void) | undefined
      const takeIn = () => {
        let bytes = 0
        for (; next < frames.length && bytes < changeBytesMax && !afterwards; next++) {
          const frame = frames[next] as StreamFrame
          afterwards = this.#takeIn(frame)
          if (frame.type !== 'skip') bytes += frame.update.length
        }
      }
      if (frames.length === 1) takeIn()
      else this.document.together(this, takeIn)
      this.#ackTaken()
      afterwards?.()
    }
  }

  acked(frame: FrameOf<'ack'>): void {
    if (frame.seq > this.#seq) throw new StatemeshError('FRAME_INVALID', 'an ack of the future')
    if (frame.seq < this.#inFlightFrom) return // it was acked before
    const covered = this.#coveredBy(frame.seq)
    if (frame.level === 'durable') this.#settle(frame.seq)
    if (covered !== undefined) this.#handlers.acked(frame.level, covered)
  }

  nacked(frame: FrameOf<'nack'>): void {
    // A reader that wrote; anything else needs a new exchange.
    if (frame.code === 'ACCESS_DENIED' && frame.seq > 0) this.#stopWriting(refusal(frame))
    else this.refused(refusal(frame))
  }

  /** Whether the peer takes nothing of ours. */
  get readOnly(): boolean {
    return this.#readOnly
  }

  /** The peer ended the exchange. */
  refused(error: StatemeshError): void {
    this.end()
    this.#handlers.refused(error)
  }

  /** Sends what waits, as far as the window allows (C3). */
  pump(): void {
    if (this.#owed !== undefined && this.#link.hasCredit(this)) this.#sendState(this.#owed)
    if (this.#owed !== undefined) return
    while (this.#waiting.length > 0 && this.#link.hasCredit(this)) {
      const { update, version } = this.#waiting.shift() as Versioned
      this.#waitingBytes -= update.length
      if (this.#isTooLarge(update)) return
      const seq = this.#nextSeq(update, version)
      this.#link.send({ type: 'update', channel: this.number, seq, update })
    }
  }

  /** Ends the exchange and tells the peer. */
  close(): void {
    if (!this.#ended) this.#link.send({ type: 'close', channel: this.number })
    this.end()
  }

  /** Ends the exchange without a word: the peer ended it, or the link is gone. */
  end(): void {
    if (this.#ended) return
    this.#ended = true
    this.#stopListening()
    this.#settle(this.#seq)
    this.#release(this.#receivedBytes)
  }

  #stopWriting(error: StatemeshError): void {
    this.#readOnly = true
    this.#stopListening()
    this.#owed = undefined
    this.#emptyWaiting() // it stays in the document, and is sent never
    this.#settle(this.#seq)
    this.#handlers.writesRefused(error)
  }

  #oweState(owed: OwedState): void {
    if (this.#readOnly) return
    this.#emptyWaiting() // the state covers what waited
    this.#peerVector = owed.stateVector
    this.#owed = owed
    this.pump()
  }

  // C3
  #dropWaiting(): void {
    this.#emptyWaiting()
    this.#owed = { stateVector: this.#peerVector, durable: false }
  }

  #emptyWaiting(): void {
    while (this.#waiting.shift() !== undefined);
    this.#waitingBytes = 0
  }

  /** The version up to which everything is covered once all up to `seq` is (C2). */
  #coveredBy(seq: number): number | undefined {
    const { version } = this.document // what was made in this turn is sent by that
    const state = this.#state
    // What preceded the last `state` says nothing of what that covers.
    if (state === undefined || seq < state.seq) return undefined
    const index = seq + 1 - this.#inFlightFrom
    if (index < this.#inFlight.length) return this.#inFlight.at(index).version - 1
    if (this.#owed !== undefined) return this.#sentVersion
    if (this.#waiting.length > 0) return this.#waiting.at(0).version - 1
    return version
  }

  /** What came on this channel raises the version, and is no news to the peer. */
  #tellCovered(): void {
    if (this.#inFlight.length > 0 || this.#waiting.length > 0) return // the next ack says it
    this.#handlers.acked('durable', this.document.version)
  }

  #sendState({ stateVector, durable }: OwedState): void {
    let update: Uint8Array
    try {
      update = this.document.diff(stateVector)
    } catch (cause) {
      throw new StatemeshError('FRAME_INVALID', 'a malformed state vector', { cause })
    }
    if (this.#isTooLarge(update)) return
    const { number: channel, document } = this
    const seq = this.#nextSeq(update, document.version)
    this.#owed = undefined
    this.#state = { seq }
    this.#link.send({ type: 'state', channel, seq, last: true, update })
    // It lacks nothing of ours.
    if (durable && update.length === emptyUpdateBytes)
      this.#handlers.acked('durable', document.version)
  }

  // Sent all the same it would cost the whole link, with every other document on it.
  #isTooLarge(update: Uint8Array): boolean {
    const { updateBytesMax } = this.#link
    if (update.length <= updateBytesMax) return false
    this.close()
    const message = `an update of ${update.length} bytes; the peer accepts ${updateBytesMax}`
    this.#handlers.refused(new StatemeshError('FRAME_TOO_LARGE', message))
    return true
  }

  #nextSeq(update: Uint8Array, version: number): number {
    this.#link.spendCredit(update.length)
    this.#inFlight.push({ bytes: update.length, version })
    this.#sentVersion = version
    this.#seq += 1
    return this.#seq
  }

  /** Takes a frame in; answers what is to be done about it when the change is made. */
  #takeIn(frame: StreamFrame): (() => void) | undefined {
    const arrival = this.#inbound.accept(frame)
    if (arrival === 'ignore') return undefined
    if (arrival === 'gap') return () => this.askForState()
    if (frame.type === 'skip') {
      this.#take(frame.seq, 0)
      return undefined
    }
    const problem = this.#apply(frame)
    if (frame.type === 'update') return problem
    return () => {
      problem?.()
      if (!this.#ended && this.#inbound.synced) this.#handlers.synced()
    }
  }

  /** Answers what is to be done where it cannot be applied. */
  #apply(frame: FrameOf<'state' | 'update'>): (() => void) | undefined {
    try {
      if (!this.mayWrite) this.#checkReader(frame)
      else if (this.document.apply(frame.update, this) === 'gap') return () => this.#missed(frame)
      this.#take(frame.seq, frame.update.length)
      return undefined
    } catch (thrown) {
      return () => this.refuse(frame.seq, toStatemeshError(thrown, 'UPDATE_INVALID'))
    }
  }

  #missed(frame: FrameOf<'state' | 'update'>): void {
    if (frame.type === 'update') return this.askForState()
    // Even its whole state builds on something that the peer does not have.
    this.refuse(frame.seq, new StatemeshError('UPDATE_GAP', 'the state of the peer has a gap'))
  }

  /** A reader's `state` repeats the deletions that it knows; anything else is a write. */
  #checkReader({ type, update }: FrameOf<'state' | 'update'>): void {
    if (!this.document.brings(update, { deletions: type === 'update' })) return
    throw new StatemeshError('ACCESS_DENIED', 'the token does not allow to write the document')
  }

  // C4
  #take(seq: number, bytes: number): void {
    if (this.isRelay) return
    this.#receivedSeq = seq
    this.#receivedBytes += bytes
    this.#link.receiving(bytes)
  }

  #ackTaken(): void {
    if (!this.#acking) void this.#ackWhenDurable()
  }

  async #ackWhenDurable(): Promise<void> {
    this.#acking = true
    while (!this.#ended && this.#ackedSeq < this.#receivedSeq) {
      const [peer, seq, bytes] = [this.#peerNumber, this.#receivedSeq, this.#receivedBytes]
      try {
        await this.document.durable()
      } catch (thrown) {
        if (toStatemeshError(thrown, 'STORAGE_UNAVAILABLE').code === 'CLOSED') return
        continue // the journal tries again, and answers after its pause
      }
      if (this.#ended) return
      this.#release(bytes)
      if (peer !== this.#peerNumber) continue // it was of a stream that is over
      this.#ackedSeq = seq
      this.#link.send({ type: 'ack', channel: this.#peer, level: 'durable', seq })
    }
    this.#acking = false
  }

  #release(bytes: number): void {
    this.#receivedBytes -= bytes
    if (bytes > 0) this.#link.receiving(-bytes)
  }

  /** The number of the peer's stream. */
  get #peer(): number {
    return present(this.#peerNumber, 'a stream arrived before its open')
  }

  /** Whether the exchange is over. */
  get ended(): boolean {
    return this.#ended
  }

  /** Asks the peer for what is lacking here, with all its deletions. */
  askForState(): void {
    if (this.#ended || this.#peerNumber === undefined) return
    this.#inbound.restart()
    const stateVector = this.document.stateVector()
    this.#link.send({ type: 'resync', channel: this.#peer, stateVector })
    this.#handlers.behind()
  }

  /** Refuses what the peer sent from a number on; all of it, from 0. */
  refuse(seq: number, error: StatemeshError): void {
    if (this.#ended || this.#peerNumber === undefined) return
    const { code, retryable, message } = error
    this.#link.send({ type: 'nack', channel: this.#peerNumber, seq, code, retryable, message })
    this.#link.offended(error)
    if (code === 'ACCESS_DENIED' && seq > 0) return // it goes on reading
    this.close()
    this.#handlers.refused(error)
  }

  #settle(through: number): void {
    let bytes = 0
    while (this.#inFlight.length > 0 && this.#inFlightFrom <= through) {
      bytes += this.#inFlight.shift()?.bytes ?? 0
      this.#inFlightFrom += 1
    }
    if (bytes > 0) this.#link.returnCredit(bytes)
  }
}

function refusal({ code, retryable, message }: FrameOf<'nack'>): StatemeshError {
  return isErrorCode(code)
    ? new StatemeshError(code, message, { retryable })
    : new StatemeshError('REFUSED', `${code}: ${message}`, { retryable })
}
