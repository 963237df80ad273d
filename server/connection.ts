/**
 * A statemesh link that the relay has accepted: hello, keep-alive, credit, and the channels on it.
 * PROTOCOL.md, *The statemesh link*.
 */
import * as Y from 'yjs'
import { StatemeshError, toStatemeshError } from '../src/base/error.ts'
import { type DocumentName, parseDocumentName } from '../src/model/document-name.ts'
import type { StateVector } from '../src/model/update-check.ts'
import type { UpdateStructure } from '../src/model/update-structure.ts'
import {
  decodeMessage,
  encodeFrame,
  type Frame,
  protocolVersion,
  stateFramePieces,
} from '../src/protocol/frame.ts'
import { closeCodes } from '../src/protocol/link-rules.ts'
import { BlobDesk } from '../src/sync/blob-desk.ts'
import { Conduct } from '../src/sync/conduct.ts'
import { LinkIntake } from '../src/sync/link-intake.ts'
import type { Link } from '../src/transport/transport.ts'
import { accessDenied } from '../src/trust/access.ts'
import { includesRight } from '../src/trust/grants.ts'
import type { AccessToken } from '../src/trust/token.ts'
import { readAwareness } from './awareness.ts'
import { type Broadcast, joinFrames, messageBytes } from './broadcast.ts'
import { Channel, type ChannelLink } from './channel.ts'
import { ChannelTable } from './channel-table.ts'
import { closeCodeOf } from './close-code.ts'
import { LinkAccess } from './link-access.ts'
import { LinkPressure, type PressedLink } from './link-pressure.ts'
import { longUpdateBytes, sendBatch, sendPieces } from './message-batch.ts'
import { RecentSet } from './recent-set.ts'
import type { Connection, RelayContext } from './relay-context.ts'

type FrameOf<Type extends Frame['type']> = Extract<Frame, { type: Type }>

/** Far more than can be under way when a channel closes. */
const closedNumbersMax = 1024

export interface LinkConnectionOptions {
  link: Link
  relay: RelayContext
  /** What it may do; undefined where access is off. */
  token: AccessToken | undefined
  id: number
  address: string | undefined
}

/** Nobody needs more at a time than one for every call that waits for its answer. */
const unansweredMax = 1_000

export class LinkConnection implements Connection, ChannelLink, PressedLink {
  readonly link: Link
  readonly #relay: RelayContext
  readonly id: number
  readonly address: string | undefined
  readonly #pressure: LinkPressure
  readonly #intake: LinkIntake<Frame>
  readonly #access: LinkAccess
  readonly #conduct: Conduct
  /** From when the peer first asks for a blob or brings one. */
  #blobs: BlobDesk | undefined
  /** What the peer's hello said: undefined before it. */
  #peerMessageBytesMax: number | undefined
  #peerWindowBytes = 0
  #draining = false
  readonly #channels = new ChannelTable()
  /** Numbers of channels that ended: the peer's, for frames under way, and ours, not to be used again. */
  readonly #closedByPeer = new RecentSet(closedNumbersMax)
  readonly #used = new RecentSet(closedNumbersMax)
  #receivingBytes = 0
  #sendingBytes = 0
  #outbox: Uint8Array[] = []
  #toAck: Set<Channel> | undefined
  #turnEnding = false
  #lastReceived: number
  #lastSent: number
  #nonce = 0
  /** The nonces of pings that wait for their pong. */
  readonly #unanswered: number[] = []

  constructor({ link, relay, token, id, address }: LinkConnectionOptions) {
    this.link = link
    this.#relay = relay
    this.id = id
    this.address = address
    this.#lastReceived = relay.time.monotonic()
    this.#lastSent = this.#lastReceived
    const { messageBytesMax, windowBytes } = relay.limits
    this.#conduct = new Conduct(relay.conduct, this.#lastReceived)
    this.#pressure = new LinkPressure(this, relay)
    this.#intake = new LinkIntake({
      ...{ link, time: relay.time },
      admits: (frame, now) => this.#conduct.admits(frame, now),
      handle: frames => this.#onFrames(frames),
      onThrottled: () => relay.throttled(id),
      onFlood: error => this.#end(error),
    })
    link.start({
      message: message => this.#onMessage(message),
      close: code => this.#onClose(code),
    })
    const { node } = relay
    this.#access = new LinkAccess({
      ...{ access: relay.access, token, time: relay.time },
      renewMilliseconds: relay.limits.tokenRenewMilliseconds,
      onExpiring: () => this.send({ type: 'token', token: '' }),
      onEnded: error => this.#end(error),
    })
    const generation = relay.generation()
    const version = protocolVersion
    this.send({ type: 'hello', version, node, messageBytesMax, windowBytes, generation })
  }

  #blobDesk(): BlobDesk {
    return new BlobDesk({
      store: this.#relay.blobs,
      send: frame => this.send(frame),
      right: document => this.#access.blobRight(document),
      bytesMax: this.#relay.limits.blobBytesMax,
      writable: () => this.#pressure.writable(),
    })
  }

  drained(): void {
    for (const channel of this.#channels.all()) channel.resume()
  }

  stuck(): void {
    this.close(closeCodes.tryLater, 'the reader is too slow')
  }

  get peerMessageBytesMax(): number {
    return this.#peerMessageBytesMax ?? 0
  }

  get windowed(): boolean {
    return this.#peerWindowBytes > 0
  }

  writable(): boolean {
    return !this.#windowUsedUp() && this.#pressure.writable()
  }

  send(frame: Frame): void {
    if (frame.type === 'state' && frame.update.length >= longUpdateBytes) {
      this.#flush()
      this.#lastSent = this.#relay.time.monotonic()
      return sendPieces(this.link, stateFramePieces(frame))
    }
    this.sendEncoded(encodeFrame(frame))
  }

  sendEncoded(frame: Uint8Array): void {
    this.#outbox.push(frame)
    this.#endTurnLater()
  }

  sendShared(broadcast: Broadcast, channel: number): void {
    if (this.peerMessageBytesMax < messageBytes) {
      for (const frame of broadcast.frames(channel)) this.sendEncoded(frame)
      return
    }
    this.#flush()
    this.#lastSent = this.#relay.time.monotonic()
    sendBatch(this.link, broadcast.batch(channel))
  }

  ackLater(channel: Channel): void {
    this.#toAck ??= new Set()
    this.#toAck.add(channel)
    this.#endTurnLater()
  }

  receiving(bytes: number): void {
    this.#receivingBytes += bytes
    const { windowBytes, messageBytesMax } = this.#relay.limits
    if (this.#receivingBytes > windowBytes + messageBytesMax) {
      this.close(closeCodes.tryLater, 'more is under way than the window allows')
    }
  }

  sending(bytes: number): void {
    const usedUp = this.#windowUsedUp()
    this.#sendingBytes += bytes
    if (usedUp && !this.#windowUsedUp()) this.drained()
  }

  generation(): string {
    return this.#relay.generation()
  }

  ended(channel: Channel): void {
    this.#endChannel(channel)
  }

  rejected(document: string, error: StatemeshError, update?: Uint8Array): void {
    const { code, message } = error
    const connection = this.id
    this.#relay.report({ level: 'warn', event: 'rejected', connection, document, code, message })
    if (update !== undefined && code === 'UPDATE_INVALID') {
      const subject = this.#access.subject
      this.#relay.quarantine({ document, connection, subject, code, reason: message, update })
    }
    this.#countOffence(error)
  }

  tick(now: number): void {
    const { deadMilliseconds, pingMilliseconds } = this.#relay.limits
    if (this.throttled) this.#lastReceived = now // it is we who do not listen
    if (now - this.#lastReceived >= deadMilliseconds) {
      return this.close(closeCodes.silent, 'nothing was received for too long')
    }
    if (now - this.#lastSent < pingMilliseconds) return
    this.#nonce += 1
    this.send({ type: 'ping', nonce: this.#nonce })
  }

  drain(): void {
    this.#draining = true
  }

  close(code: number, reason: string): void {
    this.#endTurn()
    this.#draining = true
    this.link.close(code, reason)
  }

  recheckToken(): void {
    this.#access.recheck()
  }

  get queuedBytes(): number {
    return this.link.bufferedBytes
  }

  get throttled(): boolean {
    return this.#intake.throttles
  }

  get receivedAt(): number {
    return this.#lastReceived
  }

  durable(receivedAt: number): void {
    const { meter, time } = this.#relay
    meter.acked(time.monotonic() - receivedAt)
  }

  arrived(bytes: number): void {
    this.#relay.meter.update(bytes)
  }

  admit(structure: UpdateStructure, known: StateVector): void {
    this.#conduct.writers(structure, known)
  }

  /** Ends the link for what it did, or may not do any more. */
  #end(error: StatemeshError): void {
    const { code, message } = error
    this.#relay.report({ level: 'warn', event: 'rejected', connection: this.id, code, message })
    this.close(closeCodeOf(error), error.message)
  }

  #onMessage(message: Uint8Array): void {
    if (this.#draining) return
    this.#lastReceived = this.#relay.time.monotonic()
    try {
      this.#intake.take(decodeMessage(message), message.length)
    } catch (thrown) {
      this.#fail(thrown)
    }
  }

  #onFrames(frames: readonly Frame[]): void {
    try {
      for (const frame of frames) {
        if (this.#draining) return
        this.#onFrame(frame)
      }
    } catch (thrown) {
      this.#fail(thrown)
    }
  }

  #fail(thrown: unknown): void {
    const ours = thrown instanceof StatemeshError
    const { code, message } = toStatemeshError(thrown, 'FRAME_INVALID')
    const level = ours ? 'warn' : 'error'
    const event = ours ? 'rejected' : 'failure'
    this.#relay.report({ level, event, connection: this.id, code, message })
    this.close(ours ? closeCodes.malformed : closeCodes.failure, ours ? message : 'internal error')
  }

  #onClose(code: number): void {
    this.#draining = true
    this.#pressure.stop()
    this.#intake.stop()
    this.#blobs?.close()
    this.#access.stop()
    this.#relay.introductions?.leave(this)
    for (const channel of this.#channels.all()) channel.end()
    this.#channels.clear()
    this.#relay.disconnected(this, code)
  }

  #onFrame(frame: Frame): void {
    if (frame.type === 'hello') return this.#onHello(frame)
    if (this.#peerMessageBytesMax === undefined) throw malformed('the first frame is not a hello')
    switch (frame.type) {
      case 'open':
        return this.#onOpen(frame)
      case 'state':
      case 'update':
      case 'skip':
        return this.#withPeerChannel(frame.channel, frame.seq, channel => channel.stream(frame))
      case 'awareness':
        return this.#onAwareness(frame)
      case 'close':
        return this.#withPeerChannel(frame.channel, 0, channel => this.#endChannel(channel))
      case 'ack':
        return this.#channels.ofNumber(frame.channel)?.acked(frame)
      case 'nack':
        return this.#channels.ofNumber(frame.channel)?.nacked()
      case 'resync':
        return this.#channels.ofNumber(frame.channel)?.resync(readStateVector(frame.stateVector))
      case 'ping':
        return this.#onPing(frame.nonce)
      case 'pong':
        return
      case 'blobWant':
      case 'blobPut':
        this.#blobs ??= this.#blobDesk()
        return this.#blobs.ask(frame)
      case 'introduce':
        return this.#relay.introductions?.introduce(this, this.#access, frame.peers)
      case 'token':
        return this.#access.renew(frame.token, () => this.#applyRights())
    }
  }

  #onAwareness({ channel: number, update }: FrameOf<'awareness'>): void {
    const entries = readAwareness(update, this.#relay.limits)
    const subject = this.#access.subject
    this.#withPeerChannel(number, 0, channel => channel.say(entries, subject, this.#lastReceived))
  }

  #onPing(nonce: number): void {
    this.#unanswered.push(nonce)
    if (this.#unanswered.length > unansweredMax) throw malformed('too many pings at a time')
    this.#endTurnLater()
  }

  /** A pong says that the peer has been sent everything, so it waits until that is so. */
  #answerPings(): void {
    if (this.#unanswered.length === 0) return
    for (const channel of this.#channels.all()) if (!channel.live) return
    for (const nonce of this.#unanswered.splice(0)) this.send({ type: 'pong', nonce })
  }

  #onHello(frame: FrameOf<'hello'>): void {
    if (this.#peerMessageBytesMax !== undefined) throw malformed('a second hello')
    if (frame.version !== protocolVersion) {
      return this.close(closeCodes.noCommonVersion, `version ${frame.version} is not spoken here`)
    }
    this.#peerMessageBytesMax = frame.messageBytesMax
    this.#peerWindowBytes = frame.windowBytes
  }

  #onOpen(frame: FrameOf<'open'>): void {
    if (frame.channel === 0) throw malformed('channels are numbered from 1')
    const stateVector = readStateVector(frame.stateVector)
    let document: DocumentName
    try {
      document = parseDocumentName(frame.document)
    } catch (thrown) {
      return this.#refuse(frame.channel, 0, toStatemeshError(thrown, 'DOCUMENT_NAME_INVALID'))
    }
    const right = this.#access.right(document)
    if (right === undefined) {
      // The same for a document that exists and one that does not.
      const error = accessDenied('the token does not open the document')
      return this.#refuse(frame.channel, 0, error, document)
    }
    const holder = this.#channels.ofPeerNumber(frame.channel)
    const present = this.#channels.ofDocument(document)
    if (present === undefined && this.#channels.size >= this.#relay.limits.channelsMax) {
      const message = `${this.#channels.size} documents are open on the link, and no more may be`
      return this.#refuse(frame.channel, 0, new StatemeshError('LIMIT_REACHED', message), document)
    }
    if (holder !== undefined && holder !== present) throw malformed('a channel number used twice')
    const channel = present ?? this.#newChannel(document, frame.channel)
    if (channel.peerNumber !== frame.channel) {
      this.#closedByPeer.add(channel.peerNumber)
      this.#channels.renumber(channel, frame.channel)
    }
    channel.mayWrite = includesRight(right, 'write')
    channel.open(frame.channel, stateVector)
  }

  /** The token has changed. */
  #applyRights(): void {
    this.#relay.report({ level: 'info', event: 'renewed', connection: this.id })
    for (const channel of this.#channels.all()) {
      const right = this.#access.right(channel.room.document)
      if (right === undefined) channel.deny(accessDenied('the token does not open the document'))
      else channel.mayWrite = includesRight(right, 'write')
    }
  }

  #newChannel(document: DocumentName, peerNumber: number): Channel {
    const room = this.#relay.room(document)
    // One number for all links lets them share bytes, unless this link has used it before.
    const number = this.#used.has(room.channel) ? this.#relay.freshChannel() : room.channel
    const channel = new Channel(room, number, peerNumber, this)
    this.#channels.add(channel)
    return channel
  }

  #windowUsedUp(): boolean {
    return this.windowed && this.#sendingBytes >= this.#peerWindowBytes
  }

  #endChannel(channel: Channel): void {
    channel.end()
    this.#toAck?.delete(channel)
    this.#channels.remove(channel)
    this.#used.add(channel.number)
    this.#closedByPeer.add(channel.peerNumber)
  }

  #withPeerChannel(number: number, seq: number, act: (channel: Channel) => void): void {
    const channel = this.#channels.ofPeerNumber(number)
    if (channel !== undefined) return act(channel)
    if (this.#closedByPeer.has(number)) return // it was under way when the channel ended
    this.#refuse(number, seq, new StatemeshError('CHANNEL_UNKNOWN', 'the channel was never opened'))
  }

  #refuse(channel: number, seq: number, error: StatemeshError, document?: DocumentName): void {
    const { code, retryable, message } = error
    const connection = this.id
    const where = document === undefined ? {} : { document }
    this.send({ type: 'nack', channel, seq, code, retryable, message })
    this.#relay.report({ level: 'warn', event: 'rejected', connection, ...where, code, message })
    this.#countOffence(error)
  }

  #countOffence(error: StatemeshError): void {
    if (!this.#conduct.offends(error) || this.#draining) return
    this.close(closeCodes.malformed, `too much was refused, lately ${error.code}`)
  }

  #endTurnLater(): void {
    if (this.#turnEnding) return
    this.#turnEnding = true
    queueMicrotask(() => this.#endTurn())
  }

  #endTurn(): void {
    const toAck = this.#toAck
    this.#toAck = undefined
    for (const channel of toAck ?? []) channel.flushAcks()
    this.#answerPings()
    this.#flush()
    this.#turnEnding = false
  }

  #flush(): void {
    if (this.#outbox.length === 0) return
    const frames = this.#outbox
    this.#outbox = []
    const bytesMax = Math.min(messageBytes, this.peerMessageBytesMax)
    for (const message of joinFrames(frames, bytesMax)) this.#sendMessage(message)
  }

  #sendMessage(message: Uint8Array): void {
    this.#lastSent = this.#relay.time.monotonic()
    this.link.send(message)
  }
}

function malformed(why: string): StatemeshError {
  return new StatemeshError('FRAME_INVALID', why)
}

function readStateVector(bytes: Uint8Array): StateVector {
  try {
    return Y.decodeStateVector(bytes)
  } catch (cause) {
    throw new StatemeshError('FRAME_INVALID', 'a malformed state vector', { cause })
  }
}
