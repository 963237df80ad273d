/**
 * The frames of a statemesh link, encoded and decoded; `PROTOCOL.md` beside this file is their
 * grammar. Pure: no sockets, no state.
 */
import * as decoding from 'lib0/decoding'
import * as encoding from 'lib0/encoding'
import { StatemeshError } from '../base/error.ts'

/** The WebSocket subprotocol that selects this dialect. */
export const subprotocol = 'statemesh.v1'

export const protocolVersion = 1

/** How safe an update is at the end that sent the ack. */
export type AckLevel = 'received' | 'durable'

export type Frame =
  | {
      type: 'hello'
      version: number
      /** The id of this incarnation of the sender. */
      node: string
      /** The longest message that the sender accepts. */
      messageBytesMax: number
      /** How many bytes of updates may be under way to the sender without a durable ack; 0: any. */
      windowBytes: number
    }
  | {
      type: 'open'
      channel: number
      document: string
      /** The incarnation of the sender's store. */
      generation: string
      /** What the sender holds durably, as an encoded Yjs state vector. */
      stateVector: Uint8Array
    }
  | { type: 'state'; channel: number; seq: number; last: boolean; update: Uint8Array }
  | { type: 'update'; channel: number; seq: number; update: Uint8Array }
  | { type: 'skip'; channel: number; seq: number }
  | { type: 'ack'; channel: number; level: AckLevel; seq: number }
  | {
      type: 'nack'
      channel: number
      seq: number
      /** An error code; one that this version does not know is passed on as it came. */
      code: string
      retryable: boolean
      message: string
    }
  | { type: 'resync'; channel: number; stateVector: Uint8Array }
  | { type: 'close'; channel: number }
  | { type: 'ping'; nonce: number }
  | { type: 'pong'; nonce: number }

type FrameType = Frame['type']
type FrameOf<Type extends FrameType> = Extract<Frame, { type: Type }>

interface FrameCodec<Type extends FrameType> {
  readonly tag: number
  write(encoder: encoding.Encoder, frame: FrameOf<Type>): void
  read(decoder: decoding.Decoder): FrameOf<Type>
}

const ackLevels: readonly AckLevel[] = ['received', 'durable']

const codecs: { readonly [Type in FrameType]: FrameCodec<Type> } = {
  hello: {
    tag: 0,
    write(encoder, { version, node, messageBytesMax, windowBytes }) {
      encoding.writeVarUint(encoder, version)
      encoding.writeVarString(encoder, node)
      encoding.writeVarUint(encoder, messageBytesMax)
      encoding.writeVarUint(encoder, windowBytes)
    },
    read: decoder => ({
      type: 'hello',
      version: decoding.readVarUint(decoder),
      node: readString(decoder),
      messageBytesMax: decoding.readVarUint(decoder),
      windowBytes: decoding.readVarUint(decoder),
    }),
  },
  open: {
    tag: 1,
    write(encoder, { channel, document, generation, stateVector }) {
      encoding.writeVarUint(encoder, channel)
      encoding.writeVarString(encoder, document)
      encoding.writeVarString(encoder, generation)
      encoding.writeUint8Array(encoder, stateVector)
    },
    read: decoder => ({
      type: 'open',
      channel: decoding.readVarUint(decoder),
      document: readString(decoder),
      generation: readString(decoder),
      stateVector: decoding.readTailAsUint8Array(decoder),
    }),
  },
  state: {
    tag: 2,
    write(encoder, { channel, seq, last, update }) {
      encoding.writeVarUint(encoder, channel)
      encoding.writeVarUint(encoder, seq)
      encoding.writeUint8(encoder, last ? 1 : 0)
      encoding.writeUint8Array(encoder, update)
    },
    read: decoder => ({
      type: 'state',
      channel: decoding.readVarUint(decoder),
      seq: decoding.readVarUint(decoder),
      last: readFlag(decoder),
      update: decoding.readTailAsUint8Array(decoder),
    }),
  },
  update: {
    tag: 3,
    write(encoder, { channel, seq, update }) {
      encoding.writeVarUint(encoder, channel)
      encoding.writeVarUint(encoder, seq)
      encoding.writeUint8Array(encoder, update)
    },
    read: decoder => ({
      type: 'update',
      channel: decoding.readVarUint(decoder),
      seq: decoding.readVarUint(decoder),
      update: decoding.readTailAsUint8Array(decoder),
    }),
  },
  skip: {
    tag: 4,
    write(encoder, { channel, seq }) {
      encoding.writeVarUint(encoder, channel)
      encoding.writeVarUint(encoder, seq)
    },
    read: decoder => ({
      type: 'skip',
      channel: decoding.readVarUint(decoder),
      seq: decoding.readVarUint(decoder),
    }),
  },
  ack: {
    tag: 5,
    write(encoder, { channel, level, seq }) {
      encoding.writeVarUint(encoder, channel)
      encoding.writeUint8(encoder, ackLevels.indexOf(level))
      encoding.writeVarUint(encoder, seq)
    },
    read(decoder) {
      const channel = decoding.readVarUint(decoder)
      const level = ackLevels[decoding.readUint8(decoder)]
      if (level === undefined) throw invalid('an unknown ack level')
      return { type: 'ack', channel, level, seq: decoding.readVarUint(decoder) }
    },
  },
  nack: {
    tag: 6,
    write(encoder, { channel, seq, code, retryable, message }) {
      encoding.writeVarUint(encoder, channel)
      encoding.writeVarUint(encoder, seq)
      encoding.writeVarString(encoder, code)
      encoding.writeUint8(encoder, retryable ? 1 : 0)
      encoding.writeVarString(encoder, message)
    },
    read: decoder => ({
      type: 'nack',
      channel: decoding.readVarUint(decoder),
      seq: decoding.readVarUint(decoder),
      code: readString(decoder),
      retryable: readFlag(decoder),
      message: readString(decoder),
    }),
  },
  resync: {
    tag: 7,
    write(encoder, { channel, stateVector }) {
      encoding.writeVarUint(encoder, channel)
      encoding.writeUint8Array(encoder, stateVector)
    },
    read: decoder => ({
      type: 'resync',
      channel: decoding.readVarUint(decoder),
      stateVector: decoding.readTailAsUint8Array(decoder),
    }),
  },
  close: {
    tag: 8,
    write: (encoder, { channel }) => encoding.writeVarUint(encoder, channel),
    read: decoder => ({ type: 'close', channel: decoding.readVarUint(decoder) }),
  },
  ping: {
    tag: 9,
    write: (encoder, { nonce }) => encoding.writeVarUint(encoder, nonce),
    read: decoder => ({ type: 'ping', nonce: decoding.readVarUint(decoder) }),
  },
  pong: {
    tag: 10,
    write: (encoder, { nonce }) => encoding.writeVarUint(encoder, nonce),
    read: decoder => ({ type: 'pong', nonce: decoding.readVarUint(decoder) }),
  },
}

const codecByTag = new Map<number, FrameCodec<FrameType>>(
  Object.values(codecs).map(codec => [codec.tag, codec as FrameCodec<FrameType>]),
)

/** One frame as it stands in a message: its length, its tag, its fields. */
export function encodeFrame(frame: Frame): Uint8Array {
  const body = encoding.createEncoder()
  const codec = codecs[frame.type] as FrameCodec<FrameType>
  encoding.writeUint8(body, codec.tag)
  codec.write(body, frame)
  const framed = encoding.createEncoder()
  encoding.writeVarUint(framed, encoding.length(body))
  encoding.writeBinaryEncoder(framed, body)
  return encoding.toUint8Array(framed)
}

/**
 * The frames of a message, in order. Frames with a tag that this version does not know are left
 * out; byte arrays in the frames are views into `message`.
 *
 * @throws FRAME_INVALID if the message is not a sequence of well-formed frames
 */
export function decodeMessage(message: Uint8Array): Frame[] {
  const frames: Frame[] = []
  const decoder = decoding.createDecoder(message)
  try {
    while (decoding.hasContent(decoder)) {
      const body = decoding.readVarUint8Array(decoder)
      const frame = decodeBody(body)
      if (frame !== undefined) frames.push(frame)
    }
  } catch (cause) {
    if (cause instanceof StatemeshError) throw cause
    throw invalid('a field runs past the end of its frame', cause)
  }
  return frames
}

function decodeBody(body: Uint8Array): Frame | undefined {
  if (body.length === 0) throw invalid('a frame without a tag')
  const decoder = decoding.createDecoder(body)
  const codec = codecByTag.get(decoding.readUint8(decoder))
  if (codec === undefined) return undefined
  const frame = codec.read(decoder)
  if (decoding.hasContent(decoder)) throw invalid(`bytes after the end of a ${frame.type}`)
  return frame
}

function readFlag(decoder: decoding.Decoder): boolean {
  const flag = decoding.readUint8(decoder)
  if (flag > 1) throw invalid('a flag is neither 0 nor 1')
  return flag === 1
}

const utf8 = new TextDecoder('utf-8', { fatal: true })

// Not lib0's reader, which accepts malformed UTF-8 where its native decoder is missing.
function readString(decoder: decoding.Decoder): string {
  return utf8.decode(decoding.readVarUint8Array(decoder))
}

function invalid(why: string, cause?: unknown): StatemeshError {
  return new StatemeshError('FRAME_INVALID', `malformed message: ${why}`, { cause })
}
