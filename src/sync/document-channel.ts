/**
 * The exchange of one document over one link, from this end; PROTOCOL.md, *Channels* and *Numbers,
 * acks and gaps*.
 *
 * C1. Nothing but `open` is sent before the peer's `open`: without its state vector we do not know
 *     what it lacks. The `state` that answers covers every change made until then.
 * C2. After a `state` every change is one update, but for those that came on this channel. So an
 *     ack covers all versions of the document before the one that the next frame brings.
 * C3. What does not fit the peer's window waits here, in order, up to a limit, and what was made
 *     here leaves as one; beyond the limit the peer is owed a `state` instead.
 * C4. To a peer that is told so, everything that was taken in is acked once it is durable here.
 * C5. What is long and was not made here may be announced instead of sent, to a peer that takes it so.
 *     What follows waits until the peer has it, or has asked for it.
 */
import * as Y from 'yjs'
import { present } from '../base/assert.ts'
import { equalBytes } from '../base/bytes.ts'
import { isErrorCode, StatemeshError, toStatemeshError } from '../base/error.ts'
import type { ReplicaDocument, UpdateSource } from '../document/replica-document.ts'
import { outlineOf } from '../model/update-outline.ts'
import { writerOf } from '../model/update-structure.ts'
import { outlineBytesMax } from '../protocol/bulk-frame.ts'
import type { Frame } from '../protocol/frame.ts'
import { AnnouncedBulk, type AnnounceFrame } from './announced-bulk.ts'
import { Branch } from './branch.ts'
import type { BulkTurns } from './bulk-turns.ts'
import type { ChannelHandlers, ChannelLink, ChannelOptions } from './channel-options.ts'
import { DurableAcks } from './durable-acks.ts'
import { InboundStream } from './inbound-stream.ts'
import { SentFrames } from './sent-frames.ts'
import { type WaitingUpdate, WaitingUpdates } from './waiting-updates.ts'

type FrameOf<Type extends Frame['type']> = Extract<Frame, { type: Type }>

/** A frame of the stream of a channel. */
export type StreamFrame = FrameOf<'state' | 'update' | 'skip' | 'announce'>

/** What the peer said to have, whether that is on its disk, and whether it has asked for the rest. */
interface OwedState {
  readonly stateVector: Uint8Array
  readonly durable: boolean
  readonly asked: boolean
}

/** A frame that an announcement stands for. */
type SentBulk = FrameOf<'state' | 'update'>

/** An encoded update without structs and deletions. */
const emptyUpdateBytes = 2

/** A damaged entry of the log costs all that is in it, and each change is one. */
const changeBytesMax = 64 * 1024

/** What is shorter costs less than to be asked for. */
const bulkBytesMin = 4_096

/** An announcement is worth its bytes if it takes this part of what it stands for, or less. */
const outlineShare = 1 / 8

/**
 * So 128 of our updates are under way in a window of 8 MiB, and those behind them are joined: at 20 ms
 * from an update to its ack that is at 6,400 a second, and at a relay that takes 100 a second after 1.3 s.
 */
const ownCreditMin = 64 * 1024

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
  readonly #acks: DurableAcks
  // What the peer has announced, and what we have announced and not sent (C5).
  readonly #announced: AnnouncedBulk | undefined
  #offered: SentBulk | undefined
  readonly #branch = new Branch()
  readonly #waiting = new WaitingUpdates()
  readonly #sent = new SentFrames()
  // What was here when we asked for a state last.
  #askedFrom: Uint8Array = new Uint8Array(0)
  #peerVector: Uint8Array = new Uint8Array(1)
  // While the peer is owed a `state` (C1).
  #owed: OwedState | undefined
  // The seq of the last `state` (C2).
  #state: { seq: number } | undefined
  #peerNumber: number | undefined
  #ended = false
  #readOnly = false
  readonly #stopListening: () => void

  constructor({ document, number, link, isRelay, turns, handlers }: ChannelOptions) {
    this.document = document
    this.number = number
    this.isRelay = isRelay
    this.#link = link
    this.#handlers = handlers
    this.#acks = new DurableAcks({
      document,
      receiving: bytes => link.receiving(bytes),
      ack: seq => link.send({ type: 'ack', channel: this.#peer, level: 'durable', seq }),
    })
    this.#announced = turns && this.#awaitBulk(turns)
    this.#stopListening = document.events.on('change', ({ update, source }) => {
      if (this.#state === undefined || this.#owed !== undefined) return // C1
      if (source === this) return this.#tellCovered()
      this.#waiting.push(update, document.version, source === undefined)
      this.pump()
      if (this.#waiting.bytes > waitingBytesMax) this.#dropWaiting()
    })
  }

  /** The peer's number for the document; undefined before its `open`. */
  get peerNumber(): number | undefined {
    return this.#peerNumber
  }

  open(generation: string): void {
    const stateVector = this.document.stateVector()
    this.#askedFrom = stateVector
    const { number: channel, document } = this
    this.#link.send({ type: 'open', channel, document: document.name, generation, stateVector })
  }

  /** The peer's `open`, the first or one that restarts the exchange. */
  opened(frame: FrameOf<'open'>): void {
    checkStateVector(frame.stateVector)
    // Another number is another stream, which counts from 1 again.
    if (frame.channel !== this.#peerNumber) this.#acks.restart()
    this.#peerNumber = frame.channel
    this.#restartInbound()
    this.#handlers.generation(frame.generation)
    const { stateVector } = frame
    this.#oweState({ stateVector, durable: this.isRelay, asked: false })
  }

  resync(frame: FrameOf<'resync'>): void {
    if (this.#peerNumber === undefined) return
    checkStateVector(frame.stateVector)
    // What it asks from may be what it has taken but not stored yet.
    this.#oweState({ stateVector: frame.stateVector, durable: false, asked: true })
  }

  /** The peer asks for what was announced (C5). */
  wanted({ seq }: FrameOf<'want'>): void {
    const offered = this.#offered
    if (offered?.seq !== seq) return // it is covered by a `state` since
    this.#offered = undefined
    this.#branch.asked()
    this.#send(offered)
    this.pump()
  }

  /** Frames that came in one message, in their order. What they bring is one change. */
  stream(frames: readonly StreamFrame[]): void {
    for (let next = 0; next < frames.length && !this.#ended; ) {
      let afterwards: (() => void) | undefined
      let bytes = 0
      const takeIn = () => {
        for (; next < frames.length && bytes < changeBytesMax && !afterwards; next++) {
          const frame = frames[next] as StreamFrame
          afterwards = this.#takeIn(frame)
          if ('update' in frame) bytes += frame.update.length
        }
      }
      if (frames.length === 1) takeIn()
      else this.document.together(this, takeIn)
      this.#acks.ackTaken()
      afterwards?.()
    }
  }

  acked(frame: FrameOf<'ack'>): void {
    if (frame.seq > this.#sent.seq)
      throw new StatemeshError('FRAME_INVALID', 'an ack of the future')
    if (this.#sent.isSettled(frame.seq)) return // it was acked before
    const covered = this.#coveredBy(frame.seq)
    if (frame.level === 'durable') {
      this.#settle(frame.seq)
      this.#branch.acked(frame.seq)
    }
    if (covered !== undefined) this.#handlers.acked(frame.level, covered)
    if (this.#offered === undefined || frame.seq < this.#offered.seq) return
    this.#offered = undefined
    this.pump()
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
    while (!this.#waiting.isEmpty && this.#offered === undefined && this.#link.hasCredit(this)) {
      const next = this.#waiting.shift(this.#link.updateBytesMax)
      if (this.#isTooLarge(next.update)) return
      this.#sendUpdate(next)
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
    this.#settle(this.#sent.seq)
    this.#announced?.drop()
    this.#acks.end()
  }

  #stopWriting(error: StatemeshError): void {
    this.#readOnly = true
    this.#stopListening()
    this.#owed = this.#offered = undefined
    this.#waiting.clear() // it stays in the document, and is sent never
    this.#settle(this.#sent.seq)
    this.#handlers.writesRefused(error)
  }

  #oweState(owed: OwedState): void {
    if (this.#readOnly) return
    this.#waiting.clear() // the state covers what waited
    this.#peerVector = owed.stateVector
    this.#owed = owed
    this.pump()
  }

  // C3
  #dropWaiting(): void {
    this.#waiting.clear()
    this.#owed = { stateVector: this.#peerVector, durable: false, asked: false }
  }

  /** The version up to which everything is covered once all up to `seq` is (C2). */
  #coveredBy(seq: number): number | undefined {
    const { version } = this.document // what was made in this turn is sent by that
    const state = this.#state
    // What preceded the last `state` says nothing of what that covers.
    if (state === undefined || seq < state.seq) return undefined
    const next = this.#sent.versionAfter(seq)
    if (next !== undefined) return next - 1
    if (this.#owed !== undefined) return this.#sent.version
    if (!this.#waiting.isEmpty) return this.#waiting.firstVersion - 1
    return version
  }

  /** What came on this channel raises the version, and is no news to the peer. */
  #tellCovered(): void {
    if (!this.#sent.isEmpty || !this.#waiting.isEmpty) return // the next ack says it
    this.#handlers.acked('durable', this.document.version)
  }

  #sendUpdate({ update, firstVersion, version, own }: WaitingUpdate): void {
    const { number: channel } = this
    const seq = this.#sent.add(version, firstVersion)
    const isBulk = !own && update.length >= bulkBytesMin
    if (isBulk && this.#announced?.includes(update)) {
      return this.#link.send({ type: 'skip', channel, seq })
    }
    const frame = { type: 'update', channel, seq, update } as const
    if (isBulk && !this.#branch.isOne && this.#announce(frame)) return
    if (this.#link.announces) this.#branch.sent(writerOf(update), seq)
    this.#send(frame, own ? ownCreditMin : 0)
  }

  /** Announces a frame instead of sending it, if that is worth it; answers whether (C5). */
  #announce(frame: SentBulk): boolean {
    const { type, channel, seq, update } = frame
    const bytes = update.length
    if (!this.#link.announces || bytes < bulkBytesMin) return false
    const outline = outlineOf(update)
    if (outline.length > Math.min(outlineBytesMax, bytes * outlineShare)) return false
    this.#offered = frame
    this.#link.send({ type: 'announce', channel, seq, state: type === 'state', bytes, outline })
    return true
  }

  #sendState({ stateVector, durable, asked }: OwedState): void {
    const update = this.document.diff(stateVector)
    if (this.#isTooLarge(update)) return
    const { number: channel, document } = this
    const seq = this.#sent.add(document.version)
    this.#owed = this.#offered = undefined
    this.#state = { seq }
    const frame = { type: 'state', channel, seq, last: true, update } as const
    if (!asked && this.#announce(frame)) return
    this.#send(frame)
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

  /** Sends what has its number; only now it takes room in the peer's window, `creditMin` at least. */
  #send(frame: SentBulk, creditMin = 0): void {
    const { seq, update } = frame
    const credit = Math.max(update.length, creditMin)
    this.#sent.sent(seq, credit)
    this.#link.spendCredit(credit)
    this.#link.send(frame)
  }

  /** Takes a frame in; answers what is to be done about it when the change is made. */
  #takeIn(frame: StreamFrame): (() => void) | undefined {
    const arrival = this.#inbound.accept(frame)
    if (arrival === 'ignore') return undefined
    if (arrival === 'gap') return () => this.askForState()
    if (frame.type === 'announce') return () => this.#awaited.take(frame)
    const problem = this.#apply(frame)
    if (frame.type !== 'state' && this.#announced?.isAwaited !== true) return problem
    return () => {
      if (problem === undefined && this.#inbound.synced) this.#announced?.came()
      else this.#announced?.drop()
      problem?.()
      if (!this.#ended && this.#inbound.synced) this.#handlers.synced()
    }
  }

  /** Answers what is to be done where it cannot be applied. */
  #apply(frame: Exclude<StreamFrame, AnnounceFrame>): (() => void) | undefined {
    if (frame.type === 'skip') {
      this.#take(frame.seq, 0)
      return undefined
    }
    try {
      // What nobody announces, as from a relay, is not to cost the look.
      const tells = this.#link.announces && frame.type === 'update'
      const writer = tells ? writerOf(frame.update) : -1
      const clock = this.document.clockOf(writer)
      if (!this.mayWrite) this.#checkReader(frame)
      else if (this.document.apply(frame.update, this) === 'gap') return () => this.#missed(frame)
      this.#branch.received(writer, this.document.clockOf(writer) > clock)
      this.#take(frame.seq, frame.update.length)
      return undefined
    } catch (thrown) {
      return () => this.refuse(frame.seq, toStatemeshError(thrown, 'UPDATE_INVALID'))
    }
  }

  #missed(frame: FrameOf<'state' | 'update'>): void {
    if (frame.type === 'update') return this.askForState()
    // What came from others meanwhile may end in the midst of an item that it holds whole.
    const isOutrun = !equalBytes(this.#askedFrom, this.document.stateVector())
    if (isOutrun) return this.askForState()
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
    if (!this.isRelay) this.#acks.take(seq, bytes)
  }

  // C5
  #awaitBulk(turns: BulkTurns): AnnouncedBulk {
    const { document } = this
    return new AnnouncedBulk({
      ...{ document, turns, link: this.#link, mayWrite: () => this.mayWrite },
      onHeld: frame => this.#held(frame),
      onMissing: () => this.#handlers.behind(),
      want: ({ seq }) => this.#link.send({ type: 'want', channel: this.#peer, seq }),
      wantRest: () => this.#requestState(),
      onBroken: () => this.askForState(),
    })
  }

  get #awaited(): AnnouncedBulk {
    if (this.#announced !== undefined) return this.#announced
    throw new StatemeshError('FRAME_INVALID', 'announced to who takes no announcements')
  }

  /** What the peer has announced is here, from wherever it came. */
  #held({ seq }: AnnounceFrame): void {
    this.#branch.held()
    this.#inbound.held(seq)
    // It goes on at once; the ack that counts follows.
    this.#link.send({ type: 'ack', channel: this.#peer, level: 'received', seq })
    this.#take(seq, 0)
    this.#acks.ackTaken()
    this.#handlers.synced()
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
    this.#restartInbound()
    this.#requestState()
    this.#handlers.behind()
  }

  #restartInbound(): void {
    this.#announced?.drop()
    this.#inbound.restart()
  }

  #requestState(): void {
    const stateVector = this.document.stateVector()
    this.#askedFrom = stateVector
    this.#link.send({ type: 'resync', channel: this.#peer, stateVector })
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
    const bytes = this.#sent.settle(through)
    if (bytes > 0) this.#link.returnCredit(bytes)
  }
}

function refusal({ code, retryable, message }: FrameOf<'nack'>): StatemeshError {
  return isErrorCode(code)
    ? new StatemeshError(code, message, { retryable })
    : new StatemeshError('REFUSED', `${code}: ${message}`, { retryable })
}

/** When it comes, and not when it is used: that may be in anybody's turn. @throws FRAME_INVALID */
function checkStateVector(stateVector: Uint8Array): void {
  try {
    Y.decodeStateVector(stateVector)
  } catch (cause) {
    throw new StatemeshError('FRAME_INVALID', 'a malformed state vector', { cause })
  }
}
