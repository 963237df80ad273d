/**
 * The frames of a statemesh link, encoded and decoded; `PROTOCOL.md` beside this file is their
 * grammar. Pure: no sockets, no state.
 */
import * as encoding from 'lib0/encoding'
import { concatBytes } from '../base/bytes.ts'
import { encodeBytes } from '../base/scratch-encoder.ts'
import { varUintBytes, writeVarUint } from '../base/var-uint.ts'
import { type BlobFrame, blobCodecs } from './blob-frame.ts'
import { type BulkFrame, bulkCodecs } from './bulk-frame.ts'
import { frameInvalid, Reader } from './reader.ts'

/** The WebSocket subprotocol that selects this dialect. */
export const subprotocol = 'statemesh.v1'

export const protocolVersion = 1

/** So many frames are in one message at most: a message of small ones takes some hundred times its bytes. */
export const messageFramesMax = 65_536

/** How safe an update is at the end that sent the ack. */
export type AckLevel = 'received' | 'durable'

/** Somebody who can be dialled, and how many seconds ago somebody was linked with it. */
export interface MemberEntry {
  readonly store: string
  readonly address: string
  readonly age: number
}

/** Somebody whom a relay knows: its store, where it can be dialled, and who its token was given to. */
export interface IntroducedPeer {
  readonly store: string
  /** Empty: nowhere. */
  readonly address: string
  /** Empty: nobody has looked. */
  readonly subject: string
}

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
      /** The incarnation of the sender's store; another than before may lack what it once had. */
      generation: string
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
  /** A fresh token of whoever dialled; empty: the other end asks for one. */
  | { type: 'token'; token: string }
  | {
      type: 'peer'
      /** The id of the sender's store, for as long as that exists. */
      store: string
      /** Where the sender can be dialled; empty: nowhere. */
      address: string
      /** Says who the sender is; empty: it has none. */
      token: string
    }
  | {
      type: 'members'
      /** How many links the sender has. */
      links: number
      members: readonly MemberEntry[]
    }
  /** What the sender holds of the document of its channel, as digests. */
  | { type: 'digest'; channel: number; state: string; content: string }
  /** Asks for all that the other end has of these scopes, by their patterns. */
  | { type: 'interest'; patterns: readonly string[] }
  /** To a relay: introduces its sender to others. From a relay: others who have asked for that. */
  | { type: 'introduce'; peers: readonly IntroducedPeer[] }
  /** What members say about themselves, as `awareness-update.ts` reads it; about nobody: it asks. */
  | { type: 'awareness'; channel: number; update: Uint8Array }
  | BulkFrame
  | BlobFrame

type FrameType = Frame['type']
type FrameOf<Type extends FrameType> = Extract<Frame, { type: Type }>

interface FrameCodec<Type extends FrameType> {
  readonly tag: number
  write(encoder: encoding.Encoder, frame: FrameOf<Type>): void
  read(reader: Reader): FrameOf<Type>
}

const ackLevels: readonly AckLevel[] = ['received', 'durable']

const codecs: { readonly [Type in FrameType]: FrameCodec<Type> } = {
  hello: {
    tag: 0,
    write(encoder, { version, node, messageBytesMax, windowBytes, generation }) {
      encoding.writeVarUint(encoder, version)
      encoding.writeVarString(encoder, node)
      encoding.writeVarUint(encoder, messageBytesMax)
      encoding.writeVarUint(encoder, windowBytes)
      encoding.writeVarString(encoder, generation)
    },
    read: reader => ({
      type: 'hello',
      version: reader.varUint(),
      node: reader.string(),
      messageBytesMax: reader.varUint(),
      windowBytes: reader.varUint(),
      generation: reader.string(),
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
    read: reader => ({
      type: 'open',
      channel: reader.varUint(),
      document: reader.string(),
      generation: reader.string(),
      stateVector: reader.rest(),
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
    read: reader => ({
      type: 'state',
      channel: reader.varUint(),
      seq: reader.varUint(),
      last: reader.flag(),
      update: reader.rest(),
    }),
  },
  update: {
    tag: 3,
    write(encoder, { channel, seq, update }) {
      encoding.writeVarUint(encoder, channel)
      encoding.writeVarUint(encoder, seq)
      encoding.writeUint8Array(encoder, update)
    },
    read: reader => ({
      type: 'update',
      channel: reader.varUint(),
      seq: reader.varUint(),
      update: reader.rest(),
    }),
  },
  skip: {
    tag: 4,
    write(encoder, { channel, seq }) {
      encoding.writeVarUint(encoder, channel)
      encoding.writeVarUint(encoder, seq)
    },
    read: reader => ({
      type: 'skip',
      channel: reader.varUint(),
      seq: reader.varUint(),
    }),
  },
  ack: {
    tag: 5,
    write(encoder, { channel, level, seq }) {
      encoding.writeVarUint(encoder, channel)
      encoding.writeUint8(encoder, ackLevels.indexOf(level))
      encoding.writeVarUint(encoder, seq)
    },
    read(reader) {
      const channel = reader.varUint()
      const level = ackLevels[reader.byte()]
      if (level === undefined) throw frameInvalid('an unknown ack level')
      return { type: 'ack', channel, level, seq: reader.varUint() }
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
    read: reader => ({
      type: 'nack',
      channel: reader.varUint(),
      seq: reader.varUint(),
      code: reader.string(),
      retryable: reader.flag(),
      message: reader.string(),
    }),
  },
  resync: {
    tag: 7,
    write(encoder, { channel, stateVector }) {
      encoding.writeVarUint(encoder, channel)
      encoding.writeUint8Array(encoder, stateVector)
    },
    read: reader => ({
      type: 'resync',
      channel: reader.varUint(),
      stateVector: reader.rest(),
    }),
  },
  close: {
    tag: 8,
    write: (encoder, { channel }) => encoding.writeVarUint(encoder, channel),
    read: reader => ({ type: 'close', channel: reader.varUint() }),
  },
  ping: {
    tag: 9,
    write: (encoder, { nonce }) => encoding.writeVarUint(encoder, nonce),
    read: reader => ({ type: 'ping', nonce: reader.varUint() }),
  },
  pong: {
    tag: 10,
    write: (encoder, { nonce }) => encoding.writeVarUint(encoder, nonce),
    read: reader => ({ type: 'pong', nonce: reader.varUint() }),
  },
  token: {
    tag: 11,
    write: (encoder, { token }) => encoding.writeVarString(encoder, token),
    read: reader => ({ type: 'token', token: reader.string() }),
  },
  peer: {
    tag: 12,
    write(encoder, { store, address, token }) {
      encoding.writeVarString(encoder, store)
      encoding.writeVarString(encoder, address)
      encoding.writeVarString(encoder, token)
    },
    read: reader => ({
      type: 'peer',
      store: reader.string(),
      address: reader.string(),
      token: reader.string(),
    }),
  },
  members: {
    tag: 13,
    write(encoder, { links, members }) {
      encoding.writeVarUint(encoder, links)
      for (const { store, address, age } of members) {
        encoding.writeVarString(encoder, store)
        encoding.writeVarString(encoder, address)
        encoding.writeVarUint(encoder, age)
      }
    },
    read(reader) {
      const links = reader.varUint()
      const members: MemberEntry[] = []
      while (!reader.atEnd) {
        members.push({
          store: reader.string(),
          address: reader.string(),
          age: reader.varUint(),
        })
      }
      return { type: 'members', links, members }
    },
  },
  digest: {
    tag: 14,
    write(encoder, { channel, state, content }) {
      encoding.writeVarUint(encoder, channel)
      encoding.writeVarString(encoder, state)
      encoding.writeVarString(encoder, content)
    },
    read: reader => ({
      type: 'digest',
      channel: reader.varUint(),
      state: reader.string(),
      content: reader.string(),
    }),
  },
  interest: {
    tag: 20,
    write(encoder, { patterns }) {
      for (const pattern of patterns) encoding.writeVarString(encoder, pattern)
    },
    read(reader) {
      const patterns: string[] = []
      while (!reader.atEnd) patterns.push(reader.string())
      return { type: 'interest', patterns }
    },
  },
  introduce: {
    tag: 21,
    write(encoder, { peers }) {
      for (const { store, address, subject } of peers) {
        encoding.writeVarString(encoder, store)
        encoding.writeVarString(encoder, address)
        encoding.writeVarString(encoder, subject)
      }
    },
    read(reader) {
      const peers: IntroducedPeer[] = []
      while (!reader.atEnd) {
        peers.push({
          store: reader.string(),
          address: reader.string(),
          subject: reader.string(),
        })
      }
      return { type: 'introduce', peers }
    },
  },
  awareness: {
    tag: 15,
    write(encoder, { channel, update }) {
      encoding.writeVarUint(encoder, channel)
      encoding.writeUint8Array(encoder, update)
    },
    read: reader => ({ type: 'awareness', channel: reader.varUint(), update: reader.rest() }),
  },
  ...bulkCodecs,
  ...blobCodecs,
}

const codecByTag = new Map<number, FrameCodec<FrameType>>(
  Object.values(codecs).map(codec => [codec.tag, codec as FrameCodec<FrameType>]),
)

/** One frame as it stands in a message: its length, its tag, its fields. */
export function encodeFrame(frame: Frame): Uint8Array {
  // The only long ones: an encoder would copy a state of megabytes three times.
  if (frame.type === 'state') return encodeState(frame)
  if (frame.type === 'update') {
    const { channel, seq, update } = frame
    const encoded = new Uint8Array(updateFrameBytes(channel, seq, update.length))
    writeUpdateFrame(encoded, 0, frame)
    return encoded
  }
  const codec = codecs[frame.type] as FrameCodec<FrameType>
  const body = encodeBytes(encoder => {
    encoding.writeUint8(encoder, codec.tag)
    codec.write(encoder, frame)
  })
  return withLength(body)
}

/** The length of an `update` frame, before it is written. */
export function updateFrameBytes(channel: number, seq: number, updateBytes: number): number {
  const body = updateBodyBytes(channel, seq, updateBytes)
  return varUintBytes(body) + body
}

/**
 * Writes an `update` frame into a buffer that has room for it; answers the offset behind it. What
 * `encodeFrame` makes, for those who write thousands into one buffer.
 */
export function writeUpdateFrame(
  target: Uint8Array,
  offset: number,
  { channel, seq, update }: Omit<FrameOf<'update'>, 'type'>,
): number {
  let at = writeVarUint(target, offset, updateBodyBytes(channel, seq, update.length))
  target[at] = codecs.update.tag
  at = writeVarUint(target, at + 1, channel)
  at = writeVarUint(target, at, seq)
  target.set(update, at)
  return at + update.length
}

function encodeState(frame: FrameOf<'state'>): Uint8Array {
  return concatBytes(stateFramePieces(frame))
}

/** A `state` frame whose update is not copied: what stands before it, and the update itself. */
export function stateFramePieces({
  channel,
  seq,
  last,
  update,
}: Omit<FrameOf<'state'>, 'type'>): [head: Uint8Array, update: Uint8Array] {
  const bodyBytes = updateBodyBytes(channel, seq, update.length) + 1
  const head = new Uint8Array(varUintBytes(bodyBytes) + bodyBytes - update.length)
  let at = writeVarUint(head, 0, bodyBytes)
  head[at] = codecs.state.tag
  at = writeVarUint(head, at + 1, channel)
  at = writeVarUint(head, at, seq)
  head[at] = last ? 1 : 0
  return [head, update]
}

function updateBodyBytes(channel: number, seq: number, updateBytes: number): number {
  return 1 + varUintBytes(channel) + varUintBytes(seq) + updateBytes
}

// By hand: a second encoder would cost more than the first.
function withLength(body: Uint8Array): Uint8Array {
  const lengthBytes = varUintBytes(body.length)
  const framed = new Uint8Array(lengthBytes + body.length)
  writeVarUint(framed, 0, body.length)
  framed.set(body, lengthBytes)
  return framed
}

/**
 * The frames of a message, in order. Frames with a tag that this version does not know are left
 * out; byte arrays in the frames are views into `message`.
 *
 * @throws FRAME_INVALID if the message is not a sequence of well-formed frames
 */
export function decodeMessage(message: Uint8Array): Frame[] {
  const frames: Frame[] = []
  const reader = new Reader(message)
  for (let count = 0; !reader.atEnd; count++) {
    if (count >= messageFramesMax) throw frameInvalid(`more than ${messageFramesMax} frames`)
    const frame = decodeBody(reader.part())
    if (frame !== undefined) frames.push(frame)
  }
  return frames
}

function decodeBody(reader: Reader): Frame | undefined {
  if (reader.atEnd) throw frameInvalid('a frame without a tag')
  const codec = codecByTag.get(reader.byte())
  if (codec === undefined) return undefined
  const frame = codec.read(reader)
  if (!reader.atEnd) throw frameInvalid(`bytes after the end of a ${frame.type}`)
  return frame
}
