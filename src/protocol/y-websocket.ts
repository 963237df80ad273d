/**
 * The messages of the stock y-websocket dialect, encoded and decoded; `PROTOCOL.md` beside this
 * file is their grammar. Pure: no sockets, no state, and no `Y.Doc`.
 */
import * as encoding from 'lib0/encoding'
import { unreachable } from '../base/assert.ts'
import { varUintBytes, writeVarUint } from '../base/var-uint.ts'
import { frameInvalid, Reader } from './reader.ts'

export type YWebsocketMessage =
  /** Asks for everything that an encoded state vector lacks. */
  | { type: 'sync-request'; stateVector: Uint8Array }
  /** The update that answers a `sync-request`. */
  | { type: 'sync-answer'; update: Uint8Array }
  | { type: 'update'; update: Uint8Array }
  /** An awareness payload, as `awareness-update.ts` reads it. */
  | { type: 'awareness'; payload: Uint8Array }
  /** The relay refuses the document; it closes the socket afterwards. */
  | { type: 'permission-denied'; reason: string }
  | { type: 'query-awareness' }
  /** The client asks to be told what is durable; ours, stock clients do not send it. */
  | { type: 'ack-request' }
  /** So many updates of the client, counted since it asked, are durable. */
  | { type: 'ack'; count: number }

const messageType = { sync: 0, awareness: 1, auth: 2, queryAwareness: 3, ack: 100 } as const
const syncStep = { request: 0, answer: 1, update: 2 } as const
const permissionDenied = 0
const ackStep = { request: 0, durable: 1 } as const

/** An awareness message about nobody: stock clients drop a socket that is silent for 30 s. */
export const keepAliveMessage: Uint8Array = Uint8Array.of(messageType.awareness, 1, 0)

/** One message, as it stands on a socket. */
export function encodeYWebsocketMessage(message: YWebsocketMessage): Uint8Array {
  switch (message.type) {
    case 'sync-request':
      return encodeSync(syncStep.request, message.stateVector)
    case 'sync-answer':
      return encodeSync(syncStep.answer, message.update)
    case 'update':
      return encodeSync(syncStep.update, message.update)
    case 'awareness':
      return encoding.encode(encoder => {
        encoding.writeVarUint(encoder, messageType.awareness)
        encoding.writeVarUint8Array(encoder, message.payload)
      })
    case 'permission-denied':
      return encoding.encode(encoder => {
        encoding.writeVarUint(encoder, messageType.auth)
        encoding.writeVarUint(encoder, permissionDenied)
        encoding.writeVarString(encoder, message.reason)
      })
    case 'query-awareness':
      return Uint8Array.of(messageType.queryAwareness)
    case 'ack-request':
      return Uint8Array.of(messageType.ack, ackStep.request)
    case 'ack':
      return encoding.encode(encoder => {
        encoding.writeVarUint(encoder, messageType.ack)
        encoding.writeVarUint(encoder, ackStep.durable)
        encoding.writeVarUint(encoder, message.count)
      })
    default:
      return unreachable(message)
  }
}

/** By hand: an encoder would copy a state of megabytes three times. */
function encodeSync(step: number, bytes: Uint8Array): Uint8Array {
  const message = new Uint8Array(updateMessageBytes(bytes.length))
  writeSync(message, 0, step, bytes)
  return message
}

/** A sync message whose update is not copied: what stands before it, and the update itself. */
export function syncMessagePieces({
  type,
  update,
}: {
  readonly type: 'sync-answer' | 'update'
  readonly update: Uint8Array
}): [head: Uint8Array, update: Uint8Array] {
  const head = new Uint8Array(2 + varUintBytes(update.length))
  head[0] = messageType.sync
  head[1] = type === 'update' ? syncStep.update : syncStep.answer
  writeVarUint(head, 2, update.length)
  return [head, update]
}

/** The length of an `update` message, before it is written. */
export function updateMessageBytes(updateBytes: number): number {
  return 2 + varUintBytes(updateBytes) + updateBytes
}

/**
 * Writes an `update` message into a buffer that has room for it; answers the offset behind it. What
 * `encodeYWebsocketMessage` makes, for those who write thousands into one buffer.
 */
export function writeUpdateMessage(target: Uint8Array, offset: number, update: Uint8Array): number {
  return writeSync(target, offset, syncStep.update, update)
}

function writeSync(target: Uint8Array, offset: number, step: number, bytes: Uint8Array): number {
  target[offset] = messageType.sync
  target[offset + 1] = step
  const at = writeVarUint(target, offset + 2, bytes.length)
  target.set(bytes, at)
  return at + bytes.length
}

/**
 * Reads one message. Byte arrays in it are views into `bytes`.
 *
 * @returns undefined for a type that this version does not know; it is to be ignored
 * @throws FRAME_INVALID if the bytes are not one well-formed message
 */
export function decodeYWebsocketMessage(bytes: Uint8Array): YWebsocketMessage | undefined {
  const reader = new Reader(bytes)
  const message = readMessage(reader)
  if (message !== undefined && !reader.atEnd) {
    throw frameInvalid(`bytes after the end of a message of type ${message.type}`)
  }
  return message
}

function readMessage(reader: Reader): YWebsocketMessage | undefined {
  switch (reader.varUint()) {
    case messageType.sync:
      return readSync(reader)
    case messageType.awareness:
      return { type: 'awareness', payload: reader.varBytes() }
    case messageType.auth:
      if (reader.varUint() !== permissionDenied) throw frameInvalid('an unknown auth message')
      return { type: 'permission-denied', reason: reader.string() }
    case messageType.queryAwareness:
      return { type: 'query-awareness' }
    case messageType.ack:
      return readAck(reader)
    default:
      return undefined
  }
}

function readAck(reader: Reader): YWebsocketMessage {
  switch (reader.varUint()) {
    case ackStep.request:
      return { type: 'ack-request' }
    case ackStep.durable:
      return { type: 'ack', count: reader.varUint() }
    default:
      throw frameInvalid('an unknown ack step')
  }
}

function readSync(reader: Reader): YWebsocketMessage {
  switch (reader.varUint()) {
    case syncStep.request:
      return { type: 'sync-request', stateVector: reader.varBytes() }
    case syncStep.answer:
      return { type: 'sync-answer', update: reader.varBytes() }
    case syncStep.update:
      return { type: 'update', update: reader.varBytes() }
    default:
      throw frameInvalid('an unknown sync step')
  }
}
