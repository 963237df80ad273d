/**
 * The exchange of one document over one link, from this end; PROTOCOL.md, *Channels* and *Numbers,
 * acks and gaps*.
 *
 * C1. Nothing but `open` is sent before the peer's `open`: without its state vector we do not know
 *     what it lacks. The `state` that answers covers every change made until then.
 * C2. After a `state` every local change is one update, so seq and the document's version differ
 *     by a constant, and an ack of one is an ack of the other.
 * C3. What does not fit the peer's window waits here, in order.
 */
import { assert } from '../base/assert.ts'
import { isErrorCode, StatemeshError, toStatemeshError } from '../base/error.ts'
import { Queue } from '../base/queue.ts'
import type { ReplicaDocument } from '../document/replica-document.ts'
import type { AckLevel, Frame } from '../protocol/frame.ts'
import { InboundStream } from './inbound-stream.ts'

type FrameOf<Type extends Frame['type']> = Extract<Frame, { type: Type }>

/** The link as a channel sees it. */
export interface ChannelLink {
  /** The longest update that the peer accepts. */
  readonly updateBytesMax: number
  send(frame: Frame): void
  /** Whether the peer's window has room; if not, `pump` is called when it has again. */
  hasCredit(channel: DocumentChannel): boolean
  spendCredit(bytes: number): void
  returnCredit(bytes: number): void
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

/** An encoded update without structs and deletions. */
const emptyUpdateBytes = 2

export class DocumentChannel {
  readonly document: ReplicaDocument
  readonly number: number
  readonly #link: ChannelLink
  readonly #handlers: ChannelHandlers
  readonly #inbound = new InboundStream()
  readonly #waiting = new Queue<Uint8Array>()
  // The sizes of what was sent and not acked durable, and the seq of the first of them.
  readonly #inFlight = new Queue<number>()
  #inFlightFrom = 1
  #seq = 0
  // While the peer is owed a `state` (C1).
  #owed: OwedState | undefined
  // The seq and version of the last `state` (C2).
  #state: { seq: number; version: number } | undefined
  #peerNumber: number | undefined
  #ended = false
  #readOnly = false
  readonly #stopListening: () => void

  constructor(
    document: ReplicaDocument,
    number: number,
    link: ChannelLink,
    handlers: ChannelHandlers,
  ) {
    this.document = document
    this.number = number
    this.#link = link
    this.#handlers = handlers
    this.#stopListening = document.events.on('local', update => {
      if (this.#state === undefined || this.#owed !== undefined) return // C1
      this.#waiting.push(update)
      this.pump()
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
    this.#peerNumber = frame.channel
    this.#inbound.restart()
    this.#handlers.generation(frame.generation)
    this.#oweState({ stateVector: frame.stateVector, durable: true })
  }

  resync(frame: FrameOf<'resync'>): void {
    if (this.#peerNumber === undefined) return
    // What it asks from may be what it has taken but not stored yet.
    this.#oweState({ stateVector: frame.stateVector, durable: false })
  }

  stream(frame: FrameOf<'state' | 'update' | 'skip'>): void {
    if (this.#ended) return
    const arrival = this.#inbound.accept(frame)
    if (arrival === 'ignore') return
    if (arrival === 'gap') return this.#askForState()
    if (frame.type !== 'skip') this.#apply(frame)
    // A state that was refused has brought nothing.
    if (frame.type === 'state' && !this.#ended && this.#inbound.synced) this.#handlers.synced()
  }

  acked(frame: FrameOf<'ack'>): void {
    if (frame.seq > this.#seq) throw new StatemeshError('FRAME_INVALID', 'an ack of the future')
    if (frame.level === 'durable') this.#settle(frame.seq)
    const state = this.#state
    // An ack of what preceded the last `state` says nothing of the present numbering (C2).
    if (state === undefined || frame.seq < state.seq) return
    this.#handlers.acked(frame.level, state.version + frame.seq - state.seq)
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
      const update = this.#waiting.shift() as Uint8Array
      if (this.#isTooLarge(update)) return
      this.#link.send({ type: 'update', channel: this.number, seq: this.#nextSeq(update), update })
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
  }

  #stopWriting(error: StatemeshError): void {
    this.#readOnly = true
    this.#stopListening()
    this.#owed = undefined
    while (this.#waiting.shift() !== undefined); // it stays in the document, and is sent never
    this.#settle(this.#seq)
    this.#handlers.writesRefused(error)
  }

  #oweState(owed: OwedState): void {
    if (this.#readOnly) return
    while (this.#waiting.shift() !== undefined); // the state covers what waited
    this.#owed = owed
    this.pump()
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
    const seq = this.#nextSeq(update)
    this.#owed = undefined
    this.#state = { seq, version: document.version }
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

  #nextSeq(update: Uint8Array): number {
    this.#link.spendCredit(update.length)
    this.#inFlight.push(update.length)
    this.#seq += 1
    return this.#seq
  }

  #apply(frame: FrameOf<'state' | 'update'>): void {
    try {
      if (this.document.apply(frame.update) !== 'gap') return
    } catch (thrown) {
      return this.#refuse(frame.seq, toStatemeshError(thrown, 'UPDATE_INVALID'))
    }
    if (frame.type === 'update') return this.#askForState()
    // Even its whole state builds on something that the peer does not have.
    this.#refuse(frame.seq, new StatemeshError('UPDATE_GAP', 'the state of the peer has a gap'))
  }

  #askForState(): void {
    this.#inbound.restart()
    const channel = this.#peerNumber
    assert(channel !== undefined, 'a stream arrived before its open')
    this.#link.send({ type: 'resync', channel, stateVector: this.document.stateVector() })
    this.#handlers.behind()
  }

  #refuse(seq: number, error: StatemeshError): void {
    const { code, retryable, message } = error
    const channel = this.#peerNumber
    assert(channel !== undefined, 'a stream arrived before its open')
    this.#link.send({ type: 'nack', channel, seq, code, retryable, message })
    this.close()
    this.#handlers.refused(error)
  }

  #settle(through: number): void {
    let bytes = 0
    while (this.#inFlight.length > 0 && this.#inFlightFrom <= through) {
      bytes += this.#inFlight.shift() as number
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
