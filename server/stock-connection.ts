/**
 * A socket of an unmodified y-websocket client: one document, no numbers and no acks. PROTOCOL.md,
 * *The y-websocket dialect*.
 *
 * A client whose update is invalid is told so and closed with 4400, after which it does not dial
 * again: its document holds that update, so it would send it again at every sync. One whose update
 * could not be stored is closed with 1013: it dials again and syncs. While the storage fails what it
 * writes is passed over, and it goes on reading; it is asked for all of it when the storage works.
 * One that may only read is told at each update, and goes on reading.
 */
import * as Y from 'yjs'
import { StatemeshError, toStatemeshError } from '../src/base/error.ts'
import type { DocumentName } from '../src/model/document-name.ts'
import type { StateVector } from '../src/model/update-check.ts'
import type { UpdateStructure } from '../src/model/update-structure.ts'
import { closeCodes } from '../src/protocol/link-rules.ts'
import {
  decodeYWebsocketMessage,
  encodeYWebsocketMessage,
  keepAliveMessage,
  syncMessagePieces,
  type YWebsocketMessage,
} from '../src/protocol/y-websocket.ts'
import { Conduct } from '../src/sync/conduct.ts'
import { LinkIntake } from '../src/sync/link-intake.ts'
import type { Link } from '../src/transport/transport.ts'
import { accessDenied } from '../src/trust/access.ts'
import { includesRight } from '../src/trust/grants.ts'
import { Pass } from '../src/trust/pass.ts'
import type { AccessToken } from '../src/trust/token.ts'
import { readAwareness } from './awareness.ts'
import type { Broadcast } from './broadcast.ts'
import { closeCodeOf } from './close-code.ts'
import { Feed, type FeedSink } from './feed.ts'
import { LinkPressure, type PressedLink } from './link-pressure.ts'
import { longUpdateBytes, sendBatch, sendPieces } from './message-batch.ts'
import type { Connection, RelayContext } from './relay-context.ts'
import type { Room } from './room.ts'
import type { RoomMember } from './room-member.ts'
import { StockAcks } from './stock-acks.ts'

/** An answer can have a gap only by others' commits under way, so that once or twice will do. */
const asksMax = 3

export interface StockConnectionOptions {
  link: Link
  relay: RelayContext
  document: DocumentName
  /** What it may do; undefined where access is off. */
  token: AccessToken | undefined
  id: number
  address: string | undefined
}

export class StockConnection implements Connection, RoomMember, FeedSink, PressedLink {
  readonly link: Link
  readonly #relay: RelayContext
  readonly id: number
  readonly address: string | undefined
  readonly #room: Room
  readonly #pressure: LinkPressure
  readonly #feed: Feed
  /** None where access is off. */
  readonly #pass: Pass | undefined
  /** By its token, of which there is no other in this dialect. */
  readonly #mayWrite: boolean
  readonly #conduct: Conduct
  readonly #intake: LinkIntake<YWebsocketMessage>
  /** What came before the document was loaded; undefined from then on. */
  #early: Uint8Array[] | undefined = []
  #earlyBytes = 0
  /** Whether the client has been asked for its state and has not answered. */
  #asked = false
  /** How often it has been asked since something of it was accepted. */
  #asks = 0
  /** The position that must be durable before it is asked. */
  #askAt: number | undefined
  /** Whether it wrote something while the storage failed, and is asked for it later. */
  #awaitsStorage = false
  /** Where the client has asked for acks. */
  #acks: StockAcks | undefined
  /** Whether the client missed awareness messages. */
  #awarenessMissed = false
  #draining = false
  #lastSent: number

  constructor({ link, relay, document, token, id, address }: StockConnectionOptions) {
    this.link = link
    this.#relay = relay
    this.id = id
    this.address = address
    this.#lastSent = relay.time.monotonic()
    this.#room = relay.room(document)
    this.#conduct = new Conduct(relay.conduct, this.#lastSent)
    this.#pressure = new LinkPressure(this, relay)
    this.#intake = new LinkIntake({
      ...{ link, time: relay.time },
      admits: (decoded, now) => this.#admits(decoded, now),
      handle: decoded => this.#onDecodedAll(decoded),
      onThrottled: () => relay.throttled(id),
      throttledMillisecondsMax: relay.limits.stockThrottledMilliseconds,
      onFlood: error => this.refused(error),
    })
    this.#pass = relay.access && this.#newPass(relay, token)
    const right = this.#pass === undefined ? 'admin' : this.#pass.right(document)
    this.#mayWrite = includesRight(right, 'write')
    this.#feed = new Feed(this)
    link.start({
      message: message => this.#onMessage(message),
      close: code => this.#onClose(code),
    })
    this.#room.join(this)
  }

  #newPass({ access, time }: RelayContext, token: AccessToken | undefined): Pass {
    return new Pass({
      access,
      token,
      time,
      renewMilliseconds: 0,
      onExpiring: () => undefined, // this dialect has no word for it
      onEnded: error => this.#end(error),
    })
  }

  drained(): void {
    this.#feed.resume()
    if (this.#awarenessMissed && this.#pressure.writable()) this.#sendAwareness()
  }

  stuck(): void {
    this.close(closeCodes.tryLater, 'the reader is too slow')
  }

  writable(): boolean {
    return this.#pressure.writable()
  }

  sendState(update: Uint8Array, _seq: number, last: boolean): void {
    this.#sendUpdate({ type: last ? 'sync-answer' : 'update', update })
  }

  catchUp(stateVector: StateVector): void {
    this.#room.resync(this, stateVector)
  }

  get queuedBytes(): number {
    return this.link.bufferedBytes
  }

  get throttled(): boolean {
    return this.#intake.throttles
  }

  tick(now: number): void {
    if (now - this.#lastSent < this.#relay.limits.keepAliveMilliseconds) return
    if (this.#pressure.writable()) this.#sendBytes(keepAliveMessage)
  }

  drain(): void {
    this.#draining = true
  }

  close(code: number, reason: string): void {
    this.#draining = true
    this.link.close(code, reason)
  }

  recheckToken(): void {
    this.#pass?.recheck()
  }

  admit(structure: UpdateStructure, known: StateVector): void {
    if (!this.#mayWrite) {
      throw accessDenied('the token does not allow to write the document')
    }
    this.#conduct.writers(structure, known)
  }

  welcome(stateVector: Uint8Array): void {
    this.#asked = true
    this.#send({ type: 'sync-request', stateVector })
    this.#sendAwareness()
    const early = this.#early ?? []
    this.#early = undefined
    for (const message of early) this.#take(message)
  }

  begin(updates: readonly Uint8Array[], seq: number): void {
    this.#feed.begin(updates, seq)
  }

  deliver(broadcast: Broadcast): void {
    this.#feed.deliver(broadcast)
  }

  committed(): void {
    this.#sendAck()
    if (this.#askAt !== undefined) this.#askWhenDurable(this.#askAt)
  }

  awareness(_updates: readonly Uint8Array[], message: () => Uint8Array): void {
    if (this.#pressure.writable()) this.#sendBytes(message())
    else this.#awarenessMissed = true
  }

  refused(error: StatemeshError): void {
    this.#reject(error)
    this.close(closeCodes.tryLater, error.message)
  }

  writesFailed(error: StatemeshError): void {
    this.close(closeCodes.tryLater, error.message)
  }

  writesResumed(lost: boolean): void {
    if (!this.#awaitsStorage && !(lost && this.#mayWrite)) return
    this.#awaitsStorage = false
    this.#askForState()
  }

  #onMessage(message: Uint8Array): void {
    if (this.#early === undefined) return this.#take(message)
    this.#earlyBytes += message.length
    this.#early.push(message)
    if (this.#earlyBytes > this.#relay.limits.messageBytesMax) {
      this.close(closeCodes.tryLater, 'too much was sent before the document was loaded')
    }
  }

  #take(bytes: Uint8Array): void {
    if (this.#draining) return
    try {
      const message = decodeYWebsocketMessage(bytes)
      if (message !== undefined) this.#intake.take([message], bytes.length)
    } catch (thrown) {
      this.#fail(thrown)
    }
  }

  #admits(message: YWebsocketMessage, now: number): boolean {
    switch (message.type) {
      case 'sync-request':
      case 'query-awareness':
        return this.#conduct.admitsJoin(now)
      case 'sync-answer':
      case 'update':
        return this.#conduct.admitsUpdate(message.update.length, now)
      default:
        return this.#conduct.admitsRequest(now)
    }
  }

  #onDecodedAll(messages: readonly YWebsocketMessage[]): void {
    for (const message of messages) {
      if (this.#draining) return
      try {
        this.#onDecoded(message)
      } catch (thrown) {
        this.#fail(thrown)
      }
    }
  }

  #onDecoded(message: YWebsocketMessage): void {
    switch (message.type) {
      case 'sync-request':
        this.#feed.restart()
        return this.#room.resync(this, readStateVector(message.stateVector))
      case 'sync-answer':
        this.#asked = false
        return this.#write(message.update, 'answer')
      case 'update':
        return this.#write(message.update, 'update')
      case 'awareness':
        return this.#say(message.payload)
      case 'query-awareness':
        return this.#sendAwareness()
      case 'ack-request':
        this.#acks ??= new StockAcks()
        return
      case 'permission-denied':
      case 'ack':
        return // clients do not send them
    }
  }

  #say(payload: Uint8Array): void {
    const entries = readAwareness(payload, this.#relay.limits)
    const subject = this.#pass?.subject
    this.#room.say(entries, { member: this, subject, now: this.#relay.time.monotonic() })
  }

  #write(update: Uint8Array, kind: 'answer' | 'update'): void {
    this.#relay.meter.update(update.length)
    if (this.#awaitsStorage) return this.#passOver()
    const position = this.#accept(update)
    if (position !== 'gap') {
      this.#asks = 0
      this.#acks?.accepted(position, kind === 'answer')
      return this.#sendAck()
    }
    this.#acks?.refused()
    if (kind === 'update' || this.#asks < asksMax) return this.#askForState()
    // A client that is itself waiting for something cannot do better; what it has else arrives.
    this.#reject(new StatemeshError('UPDATE_GAP', 'the answer has a gap'))
  }

  /** @throws as the room does, when what was refused has been kept to be looked at */
  #accept(update: Uint8Array): number | 'gap' {
    this.#acks?.arrived()
    try {
      return this.#room.write(this, update)
    } catch (thrown) {
      this.#acks?.refused()
      const { code, message: reason } = toStatemeshError(thrown, 'UPDATE_INVALID')
      if (code === 'UPDATE_INVALID') {
        const subject = this.#pass?.subject
        const { document } = this.#room
        this.#relay.quarantine({ document, connection: this.id, subject, code, reason, update })
      }
      throw thrown
    }
  }

  /** What it wrote comes again when it is asked for its state. */
  #passOver(): void {
    this.#acks?.arrived()
    this.#acks?.refused()
  }

  #sendAck(): void {
    const count = this.#acks?.durable(this.#room.durablePosition)
    if (count !== undefined) this.#send({ type: 'ack', count })
  }

  #askForState(): void {
    if (this.#asked) return
    this.#asked = true
    this.#asks += 1
    this.#askWhenDurable(this.#room.follow(this))
  }

  /** Asks when the state vector, which is that of what is durable, has reached what is accepted. */
  #askWhenDurable(position: number): void {
    this.#askAt = position
    if (position > this.#room.durablePosition) return
    this.#askAt = undefined
    this.#send({ type: 'sync-request', stateVector: this.#room.stateVector() })
  }

  #fail(thrown: unknown): void {
    if (!(thrown instanceof StatemeshError)) {
      const { message } = toStatemeshError(thrown, 'FRAME_INVALID')
      this.#relay.report({ level: 'error', event: 'failure', connection: this.id, message })
      return this.close(closeCodes.failure, 'internal error')
    }
    if (thrown.code === 'STORAGE_UNAVAILABLE') {
      this.#awaitsStorage = true
      return this.#reject(thrown)
    }
    if (thrown.code !== 'ACCESS_DENIED') return this.#end(thrown)
    this.#reject(thrown)
    this.#deny(thrown)
  }

  /** Ends the connection for what it did, or may not do any more. */
  #end(error: StatemeshError): void {
    this.#reject(error)
    this.#deny(error)
    this.close(closeCodeOf(error), error.message)
  }

  #deny({ code, message }: StatemeshError): void {
    this.#send({ type: 'permission-denied', reason: `${code}: ${message}` })
  }

  #reject({ code, message }: StatemeshError): void {
    const { document } = this.#room
    const connection = this.id
    this.#relay.report({ level: 'warn', event: 'rejected', connection, document, code, message })
  }

  #onClose(code: number): void {
    this.#draining = true
    this.#pressure.stop()
    this.#intake.stop()
    this.#pass?.stop()
    this.#room.leave(this)
    this.#relay.disconnected(this, code)
  }

  sendUpdates(broadcast: Broadcast): void {
    const { stockBatch, updates } = broadcast
    if (!broadcast.isOf(this)) {
      this.#lastSent = this.#relay.time.monotonic()
      return sendBatch(this.link, stockBatch)
    }
    for (const [index, { writer }] of updates.entries()) {
      if (writer !== this) this.#sendBytes(stockBatch.messages[index] as Uint8Array)
    }
  }

  #sendAwareness(): void {
    this.#awarenessMissed = false
    const message = this.#room.awarenessMessage()
    if (message !== undefined) this.#sendBytes(message)
  }

  #sendUpdate(message: { type: 'sync-answer' | 'update'; update: Uint8Array }): void {
    if (message.update.length < longUpdateBytes) return this.#send(message)
    this.#lastSent = this.#relay.time.monotonic()
    sendPieces(this.link, syncMessagePieces(message))
  }

  #send(message: YWebsocketMessage): void {
    this.#sendBytes(encodeYWebsocketMessage(message))
  }

  #sendBytes(message: Uint8Array): void {
    this.#lastSent = this.#relay.time.monotonic()
    this.link.send(message)
  }
}

function readStateVector(bytes: Uint8Array): Map<number, number> {
  try {
    return Y.decodeStateVector(bytes)
  } catch (cause) {
    throw new StatemeshError('FRAME_INVALID', 'a malformed state vector', { cause })
  }
}
