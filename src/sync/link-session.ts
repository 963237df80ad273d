/**
 * One link from this end: hello, keep-alive, credit, and the channels on it. Both ends of a link
 * are equal; see PROTOCOL.md.
 */

import { concatBytes } from '../base/bytes.ts'
import { StatemeshError, toStatemeshError } from '../base/error.ts'
import type { ReplicaDocument } from '../document/replica-document.ts'
import type { DocumentName } from '../model/document-name.ts'
import { type BlobFrame, isBlobFrame } from '../protocol/blob-frame.ts'
import {
  decodeMessage,
  encodeFrame,
  type Frame,
  messageFramesMax,
  protocolVersion,
} from '../protocol/frame.ts'
import { closeCodes } from '../protocol/link-rules.ts'
import type { BlobStore } from '../storage/blobs/blob-store.ts'
import { BlobDesk } from './blob-desk.ts'
import { BlobRequests } from './blob-requests.ts'
import type { ChannelHandlers, ChannelLink, CreditWaiter } from './channel-options.ts'
import { DocumentChannel, type StreamFrame } from './document-channel.ts'
import { LinkIntake } from './link-intake.ts'
import type { FrameOf, LinkSessionOptions } from './link-session-options.ts'
import { LinkWatch } from './link-watch.ts'
import type { PresenceLink } from './presence-exchange.ts'

/** More than the fields before an update ever take: four numbers, a tag and a flag. */
const frameHeadBytesMax = 64

/** So many numbers of the peer are known as closed; a late frame on an older one is refused. */
const closedNumbersMax = 1_024

/** Its window slows an honest peer down, but not its opens: those of 75,000 documents take so long. */
const throttledMillisecondsMax = 30_000

/** What may wait for a peer that reads slowly before it is given no more pieces of blobs. */
const blobQueueBytesMax = 4 * 2 ** 20

export class LinkSession implements ChannelLink, PresenceLink {
  readonly #options: LinkSessionOptions
  #peer: FrameOf<'hello'> | undefined
  #closed = false
  // Frames of this turn, which leave as one message.
  #outgoing: Uint8Array[] = []
  #outgoingBytes = 0
  readonly #watch: LinkWatch
  readonly #intake: LinkIntake<Frame>
  // Whether the peer takes announcements.
  #announces = false
  #pings = 0
  // Who waits for the answer to which ping.
  readonly #asked = new Map<number, () => void>()
  #lastChannel = 0
  readonly #channels = new Map<number, DocumentChannel>()
  readonly #channelsByName = new Map<string, DocumentChannel>()
  // By the peer's numbers; and the numbers on which frames may be under way that nobody wants.
  readonly #peerChannels = new Map<number, DocumentChannel>()
  readonly #closedNumbers = new Set<number>()
  // The peer's opens that nobody has answered yet.
  readonly #offers = new Map<number, FrameOf<'open'>>()
  // Updates under way without a durable ack, and the channels that wait for room.
  #inFlightBytes = 0
  // Updates under way to us that are not durable here.
  #receivingBytes = 0
  readonly #blocked = new Set<CreditWaiter>()
  /** Asks the peer for blobs; undefined where we have no store for them. */
  readonly blobs: BlobRequests | undefined
  readonly #blobDesk: BlobDesk | undefined

  constructor(options: LinkSessionOptions) {
    this.#options = options
    const { blobs, time } = options
    const send = (frame: BlobFrame) => this.send(frame)
    this.blobs = blobs && new BlobRequests({ store: blobs, time, send })
    this.#blobDesk = blobs && this.#openBlobDesk(blobs)
    this.#watch = this.#openWatch()
    this.#intake = new LinkIntake({
      ...{ link: options.link, time, throttledMillisecondsMax },
      admits: (frame, now) => options.conduct?.admits(frame, now) ?? true,
      handle: frames => this.#handleAll(frames),
      onFlood: error => this.#fail(error),
    })
    options.link.start({
      message: message => this.#receive(message),
      close: (code, reason) => this.#ended(code, reason),
    })
    const { node, generation, messageBytesMax, windowBytes } = options
    const version = protocolVersion
    this.send({ type: 'hello', version, node, messageBytesMax, windowBytes, generation })
    if (options.turns) this.send({ type: 'want', channel: 0, seq: 0 })
    options.presences?.linked(this)
  }

  /** Begins to exchange a document. The peer must have said hello. */
  openChannel(
    document: ReplicaDocument,
    generation: string,
    handlers: ChannelHandlers,
  ): DocumentChannel {
    this.#lastChannel += 1
    const channel = new DocumentChannel({
      document,
      number: this.#lastChannel,
      link: this,
      isRelay: this.#options.isRelay,
      turns: this.#options.turns,
      handlers: {
        ...handlers,
        refused: error => {
          this.#forget(channel)
          handlers.refused(error)
        },
      },
    })
    this.#channels.set(channel.number, channel)
    this.#channelsByName.set(document.name, channel)
    channel.open(generation)
    return channel
  }

  closeChannel(channel: DocumentChannel): void {
    channel.close()
    this.#forget(channel)
  }

  /** Hands the peer's `open` to the channel that was opened in answer, if the peer still waits. */
  answerOpen(channel: DocumentChannel, open: FrameOf<'open'>): void {
    if (this.#offers.get(open.channel) !== open) return
    this.#offers.delete(open.channel)
    this.#peerChannels.set(open.channel, channel)
    this.#exchange(channel, open)
  }

  /** Answers the peer's `open` with a refusal, if the peer still waits. */
  refuseOpen(open: FrameOf<'open'>, { code, retryable, message }: StatemeshError): void {
    if (this.#offers.get(open.channel) !== open) return
    this.#offers.delete(open.channel)
    this.send({ type: 'nack', channel: open.channel, seq: 0, code, retryable, message })
  }

  /** Whether the peer still waits for an answer to its `open`. */
  isOffered(open: FrameOf<'open'>): boolean {
    return this.#offers.get(open.channel) === open
  }

  /**
   * Calls `answered` when the peer has sent all that it had for us when this reached it; never, if
   * the link ends before.
   */
  ask(answered: () => void): void {
    this.#asked.set(this.#ping(), answered)
  }

  /**
   * Ends the link after what was sent. It has ended for us at once: what is half-dead may answer the
   * close late, or never.
   */
  close(code: number, reason: string): void {
    this.#flush()
    this.#options.link.close(code, reason)
    this.#ended(code, reason)
  }

  send(frame: Frame): void {
    if (this.#closed) return
    const bytes = encodeFrame(frame)
    const bytesMax = this.#peer?.messageBytesMax ?? this.#options.messageBytesMax
    const isFull = this.#outgoing.length >= messageFramesMax
    if (isFull || this.#outgoingBytes + bytes.length > bytesMax) this.#flush()
    if (this.#outgoing.length === 0) queueMicrotask(() => this.#flush())
    this.#outgoing.push(bytes)
    this.#outgoingBytes += bytes.length
  }

  get isRelay(): boolean {
    return this.#options.isRelay
  }

  get subject(): string | undefined {
    return this.#options.subject?.()
  }

  /** Whether the peer wants to hear who is here in a document. A relay always does. */
  listens(document: DocumentName): boolean {
    const channel = this.#channelsByName.get(document)
    return channel?.peerNumber !== undefined && (this.isRelay || channel.listens)
  }

  /** Sends an awareness update, if the document is exchanged and the peer reads fast enough. */
  tell(document: DocumentName, update: Uint8Array): void {
    const channel = this.#channelsByName.get(document)
    if (channel?.peerNumber === undefined || update.length > this.updateBytesMax) return
    if (this.#options.link.bufferedBytes >= blobQueueBytesMax) return // it is said again
    this.send({ type: 'awareness', channel: channel.number, update })
  }

  get updateBytesMax(): number {
    return (this.#peer?.messageBytesMax ?? Number.POSITIVE_INFINITY) - frameHeadBytesMax
  }

  get announces(): boolean {
    return this.#announces
  }

  get peer(): string {
    return this.#options.peer?.() ?? ''
  }

  hasCredit(channel: CreditWaiter): boolean {
    const room = this.#hasRoom
    if (!room && this.#blocked.size === 0) this.#watch.acked()
    if (!room) this.#blocked.add(channel)
    return room
  }

  /** Whether the peer's window has room; none is larger than ours, and a queue no longer than that. */
  get #hasRoom(): boolean {
    const { windowBytes, link } = this.#options
    const window = Math.min(this.#peer?.windowBytes || Infinity, windowBytes || Infinity)
    const isRead = windowBytes === 0 || link.bufferedBytes < windowBytes
    return isRead && this.#inFlightBytes < window
  }

  spendCredit(bytes: number): void {
    this.#inFlightBytes += bytes
  }

  returnCredit(bytes: number): void {
    this.#inFlightBytes -= bytes
    if (this.#closed) return // nothing leaves any more
    this.#watch.acked()
    this.#unblock()
  }

  #unblock(): void {
    const blocked = [...this.#blocked]
    this.#blocked.clear()
    for (const channel of blocked) channel.pump() // who finds no room is blocked again
  }

  receiving(bytes: number): void {
    this.#receivingBytes += bytes
    const { windowBytes, messageBytesMax } = this.#options
    if (windowBytes === 0 || this.#receivingBytes <= windowBytes + messageBytesMax) return
    this.#fail(new StatemeshError('RATE_LIMITED', 'more is under way than the window allows'))
  }

  offended(error: StatemeshError): void {
    this.#options.onOffence?.(error)
  }

  late(error: StatemeshError): void {
    this.#options.onLate?.(error)
  }

  #flush(): void {
    if (this.#outgoing.length === 0) return
    this.#options.link.send(concatBytes(this.#outgoing))
    this.#watch.sent(this.#outgoingBytes)
    this.#outgoing = []
    this.#outgoingBytes = 0
  }

  #receive(message: Uint8Array): void {
    if (this.#closed) return
    this.#watch.received()
    try {
      this.#intake.take(decodeMessage(message), message.length)
    } catch (thrown) {
      this.#fail(toStatemeshError(thrown, 'FRAME_INVALID'))
    }
  }

  #fail(
    error: StatemeshError,
    code: number = error.retryable ? closeCodes.silent : closeCodes.malformed,
  ): void {
    this.#options.onMalformed?.(error)
    this.close(code, `${error.code}: ${error.message}`.slice(0, 120))
  }

  #handleAll(frames: readonly Frame[]): void {
    try {
      for (let at = 0; at < frames.length && !this.#closed; ) at += this.#handleFrom(frames, at)
    } catch (thrown) {
      this.#fail(toStatemeshError(thrown, 'FRAME_INVALID'))
    }
  }

  /** Handles a frame, with those that follow it in the stream of its channel; answers how many. */
  #handleFrom(frames: readonly Frame[], at: number): number {
    const first = frames[at] as Frame
    if (this.#peer === undefined || !isStreamFrame(first)) {
      this.#handle(first)
      return 1
    }
    let end = at + 1
    const isNext = (frame: Frame | undefined) =>
      frame !== undefined && isStreamFrame(frame) && frame.channel === first.channel
    while (isNext(frames[end])) end += 1
    this.#peerStreamed(first.channel, frames.slice(at, end) as StreamFrame[])
    return end - at
  }

  #handle(frame: Frame): void {
    if (frame.type === 'hello') return this.#greet(frame)
    if (this.#peer === undefined) throw new StatemeshError('FRAME_INVALID', 'no hello came first')
    if (isBlobFrame(frame)) return this.#onBlob(frame)
    switch (frame.type) {
      case 'ping':
        return this.send({ type: 'pong', nonce: frame.nonce })
      case 'pong':
        return this.#answered(frame.nonce)
      case 'token':
        if (frame.token === '') return this.#options.onTokenAsked?.()
        return this.#options.onToken?.(frame.token)
      case 'peer':
        return this.#options.onPeer?.(frame)
      case 'members':
        return this.#options.onMembers?.(frame)
      case 'introduce':
        return this.#options.onIntroduced?.(frame)
      case 'interest':
        return this.#options.onInterest?.(frame)
      case 'digest': {
        const channel = this.#peerChannels.get(frame.channel)
        return channel && this.#options.onDigest?.(channel, frame)
      }
      case 'awareness':
        return this.#peerSaid(frame)
      case 'open':
        return this.#peerOpened(frame)
      case 'close':
        return this.#peerClosed(frame)
      case 'ack':
        return this.#ours(frame.channel)?.acked(frame)
      case 'nack':
        return this.#ours(frame.channel)?.nacked(frame)
      case 'resync':
        return this.#ours(frame.channel)?.resync(frame)
      case 'want':
        if (frame.channel > 0) return this.#ours(frame.channel)?.wanted(frame)
        this.#announces = true
    }
  }

  #onBlob(frame: BlobFrame): void {
    if (frame.type === 'blobPiece' || frame.type === 'blobDone') this.blobs?.answered(frame)
    else this.#blobDesk?.ask(frame)
  }

  /** Blobs go where their document goes: a peer that exchanges it may read them. */
  #openBlobDesk(store: BlobStore): BlobDesk {
    return new BlobDesk({
      store,
      send: frame => this.send(frame),
      right: document =>
        this.#channelsByName.get(document)?.peerNumber === undefined ? undefined : 'read',
      bytesMax: 0,
      writable: () => this.#options.link.bufferedBytes < blobQueueBytesMax,
    })
  }

  #greet(hello: FrameOf<'hello'>): void {
    if (this.#peer !== undefined) throw new StatemeshError('FRAME_INVALID', 'a second hello')
    if (hello.version !== protocolVersion) {
      const why = `version ${protocolVersion} is spoken here, not ${hello.version}`
      const error = new StatemeshError('PROTOCOL_UNSUPPORTED', why)
      return this.#fail(error, closeCodes.noCommonVersion)
    }
    this.#peer = hello
    this.#options.onReady(hello)
  }

  #peerOpened(frame: FrameOf<'open'>): void {
    const channel = this.#channelsByName.get(frame.document)
    const holder = this.#peerChannels.get(frame.channel)
    if (holder !== undefined && holder !== channel) {
      throw new StatemeshError('FRAME_INVALID', 'a channel number used twice')
    }
    // A second open under another number: nothing of the first one is to reach the channel.
    if (channel?.peerNumber !== undefined) this.#retire(channel.peerNumber)
    this.#offers.delete(frame.channel)
    if (channel !== undefined) {
      this.#peerChannels.set(frame.channel, channel)
      return this.#exchange(channel, frame)
    }
    this.#retire(frame.channel)
    const { onOpened } = this.#options
    if (onOpened === undefined) {
      return this.#nackUnknown(frame.channel, 'the document is not open here')
    }
    this.#offers.set(frame.channel, frame)
    onOpened(frame)
  }

  #exchange(channel: DocumentChannel, open: FrameOf<'open'>): void {
    channel.opened(open)
    if (!channel.ended) this.#options.presences?.opened(this, channel.document.name)
  }

  #peerSaid({ channel: number, update }: FrameOf<'awareness'>): void {
    const channel = this.#peerChannels.get(number)
    const { presences } = this.#options
    if (channel === undefined || presences === undefined) return
    channel.listens = true
    presences.heard(this, channel.document.name, update)
  }

  #peerClosed(frame: FrameOf<'close'>): void {
    this.#offers.delete(frame.channel)
    const channel = this.#peerChannels.get(frame.channel)
    channel?.refused(new StatemeshError('CHANNEL_UNKNOWN', 'the peer closed the document'))
  }

  #peerStreamed(number: number, frames: readonly StreamFrame[]): void {
    const channel = this.#peerChannels.get(number)
    if (channel !== undefined) return channel.stream(frames)
    if (this.#closedNumbers.has(number)) return
    for (const _ of frames) this.#options.conduct?.odd()
    this.#nackUnknown(number, 'never opened')
  }

  #nackUnknown(channel: number, message: string): void {
    const code = 'CHANNEL_UNKNOWN'
    this.send({ type: 'nack', channel, seq: 0, code, retryable: true, message })
  }

  /** The channel of ours that a frame answers; undefined if it has ended meanwhile. */
  #ours(number: number): DocumentChannel | undefined {
    if (number < 1 || number > this.#lastChannel) {
      throw new StatemeshError('FRAME_INVALID', `channel ${number} was never opened`)
    }
    return this.#channels.get(number)
  }

  #forget(channel: DocumentChannel): void {
    this.#channels.delete(channel.number)
    this.#blocked.delete(channel)
    const { name } = channel.document
    if (this.#channelsByName.get(name) === channel) this.#channelsByName.delete(name)
    if (channel.peerNumber !== undefined) this.#retire(channel.peerNumber)
  }

  /** What the peer still sends on this number is for nobody. */
  #retire(number: number): void {
    this.#peerChannels.delete(number)
    this.#closedNumbers.delete(number) // the latest last
    this.#closedNumbers.add(number)
    if (this.#closedNumbers.size <= closedNumbersMax) return
    const [oldest] = this.#closedNumbers
    this.#closedNumbers.delete(oldest as number)
  }

  #openWatch(): LinkWatch {
    const { time, link } = this.#options
    return new LinkWatch({
      time,
      bufferedBytes: () => link.bufferedBytes,
      isBlocked: () => this.#blocked.size > 0,
      isUnheard: () => this.#intake.throttles,
      unblock: () => this.#unblock(),
      ping: () => this.#ping(),
      onDead: error => this.#fail(error),
    })
  }

  #ping(): number {
    this.#pings += 1
    this.send({ type: 'ping', nonce: this.#pings })
    return this.#pings
  }

  #answered(nonce: number): void {
    const answered = this.#asked.get(nonce)
    this.#asked.delete(nonce)
    answered?.()
  }

  #ended(code: number, reason: string): void {
    if (this.#closed) return
    this.#closed = true
    this.#options.presences?.unlinked(this)
    this.blobs?.close()
    this.#blobDesk?.close()
    this.#asked.clear()
    this.#watch.stop()
    this.#intake.stop()
    for (const channel of this.#channels.values()) channel.end()
    this.#options.onClose(code, reason)
  }
}

function isStreamFrame(frame: Frame): frame is StreamFrame {
  const { type } = frame
  return type === 'update' || type === 'skip' || type === 'state' || type === 'announce'
}
