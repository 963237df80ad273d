/** How a client of each kind of server speaks, as far as a load needs it. */
import * as encoding from 'lib0/encoding'
import { concatBytes } from '../../../src/base/bytes.ts'
import { decodeMessage, encodeFrame, subprotocol } from '../../../src/protocol/frame.ts'
import { encodeYWebsocketMessage } from '../../../src/protocol/y-websocket.ts'

export interface Dialect {
  readonly subprotocol?: string
  /** The path of the socket's URL. */
  path(document: string): string
  /** What a client sends first. */
  greeting(document: string, stateVector?: Uint8Array): Uint8Array[]
  /**
   * What a client sends in answer to a message, before it is up to date.
   *
   * @throws an error with what the server says, when it refuses
   */
  reply?(message: Uint8Array, document: string, stateVector?: Uint8Array): Uint8Array[]
  /** Whether a message from the server is the one that brings the client up to date. */
  isReady(message: Uint8Array): boolean
  /** The message with a writer's update; numbers begin at 1. */
  update(number: number, update: Uint8Array, document: string): Uint8Array
}

const nothing = Uint8Array.of(0)

/** Unmodified y-websocket clients. */
export const stock: Dialect = {
  path: document => `/${document}`,
  greeting: (_document, stateVector = nothing) => [
    encodeYWebsocketMessage({ type: 'sync-request', stateVector }),
  ],
  isReady: message => message[0] === 0 && message[1] === 1,
  update: (_number, update) => encodeYWebsocketMessage({ type: 'update', update }),
}

/** A socket without any protocol: what is sent is forwarded. */
export const plain: Dialect = {
  ...stock,
  greeting: () => [],
  isReady: () => true,
}

/** The channel on which a load sends. */
export const loadChannel = 1

export const statemesh: Dialect = {
  subprotocol,
  path: () => '/',
  greeting: (document, stateVector = nothing) => [
    concatBytes([
      encodeFrame({
        type: 'hello',
        version: 1,
        node: 'bench',
        messageBytesMax: 2 ** 30,
        windowBytes: 0,
        generation: 'bench',
      }),
      encodeFrame({ type: 'open', channel: loadChannel, document, generation: '', stateVector }),
    ]),
  ],
  isReady: message => decodeMessage(message).some(frame => frame.type === 'state' && frame.last),
  update: (seq, update) =>
    seq === 1
      ? encodeFrame({ type: 'state', channel: loadChannel, seq, last: true, update })
      : encodeFrame({ type: 'update', channel: loadChannel, seq, update }),
}

const hocuspocusType = { sync: 0, auth: 2 }
/** In an answer to a token. */
const permissionDenied = 1

/** Hocuspocus puts the name of the document before each message, and wants a token first. */
export const hocuspocus: Dialect = {
  path: () => '/',
  greeting: document => [
    addressed(document, encoder => {
      encoding.writeVarUint(encoder, hocuspocusType.auth)
      encoding.writeVarUint(encoder, 0)
      encoding.writeVarString(encoder, 'token')
      encoding.writeVarString(encoder, '0.0.0')
    }),
  ],
  // What comes before it has answered the token it may lose.
  reply(message, document, stateVector = nothing) {
    const name = 1 + (message[0] as number)
    if (message[name] !== hocuspocusType.auth) return []
    if (message[name + 1] === permissionDenied) {
      throw new Error(`the server refuses: ${Buffer.from(message.subarray(name + 3))}`)
    }
    return [
      addressed(document, encoder => {
        encoding.writeVarUint(encoder, hocuspocusType.sync)
        encoding.writeVarUint(encoder, 0)
        encoding.writeVarUint8Array(encoder, stateVector)
      }),
    ]
  },
  isReady(message) {
    const name = 1 + (message[0] as number)
    return message[name] === hocuspocusType.sync && message[name + 1] === 1
  },
  update: (_number, update, document) =>
    addressed(document, encoder => {
      encoding.writeVarUint(encoder, hocuspocusType.sync)
      encoding.writeVarUint(encoder, 2)
      encoding.writeVarUint8Array(encoder, update)
    }),
}

function addressed(document: string, write: (encoder: encoding.Encoder) => void): Uint8Array {
  return encoding.encode(encoder => {
    encoding.writeVarString(encoder, document)
    write(encoder)
  })
}
