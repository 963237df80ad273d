/**
 * The messages of a link to a process, one frame each; `PROTOCOL.md` beside this file is their grammar.
 */
import * as decoding from 'lib0/decoding'
import * as encoding from 'lib0/encoding'
import { StatemeshError } from '../base/error.ts'
import { skipAny } from '../model/update-any.ts'
import { UpdateCursor } from '../model/update-cursor.ts'
import { decodeValue, encodeValue, valueDepthMax } from '../model/value.ts'
import { frameInvalid, Reader } from './reader.ts'

/** What to ask for in the upgrade of a WebSocket. */
export const processSubprotocol = 'statemesh.process.v1'

export const processVersion = 1

/** Far more than a value may have, whose bytes are estimated from below. */
export const processFrameBytesMax: number = 4 * 2 ** 20

/** A tagged value nests by two levels where it is handed out as one. */
const nestingMax = valueDepthMax * 2 + 8

export type ProcessFrame =
  /** The first of whoever dialled: which process it means, and who it is. */
  | { type: 'hello'; version: number; inbox: string; actor: string; token: string }
  /** Answers it. */
  | { type: 'welcome'; version: number; server: string }
  | { type: 'request'; id: string; value: unknown }
  /** What the message came to. */
  | { type: 'reply'; id: string; value: unknown }
  /** The message was not handled. */
  | { type: 'refusal'; id: string; code: string; retryable: boolean; message: string }

const tags = { hello: 0, welcome: 1, request: 2, reply: 3, refusal: 4 } as const

/** @throws VALUE_INVALID, FRAME_TOO_LARGE */
export function encodeProcessFrame(frame: ProcessFrame): Uint8Array {
  const encoder = encoding.createEncoder()
  encoding.writeUint8(encoder, tags[frame.type])
  writeFields(encoder, frame)
  const bytes = encoding.toUint8Array(encoder)
  if (bytes.length <= processFrameBytesMax) return bytes
  const why = `a message over a link has at most ${processFrameBytesMax} bytes`
  throw new StatemeshError('FRAME_TOO_LARGE', why)
}

function writeFields(encoder: encoding.Encoder, frame: ProcessFrame): void {
  switch (frame.type) {
    case 'hello':
      encoding.writeVarUint(encoder, frame.version)
      encoding.writeVarString(encoder, frame.inbox)
      encoding.writeVarString(encoder, frame.actor)
      return encoding.writeVarString(encoder, frame.token)
    case 'welcome':
      encoding.writeVarUint(encoder, frame.version)
      return encoding.writeVarString(encoder, frame.server)
    case 'refusal':
      encoding.writeVarString(encoder, frame.id)
      encoding.writeVarString(encoder, frame.code)
      encoding.writeUint8(encoder, frame.retryable ? 1 : 0)
      return encoding.writeVarString(encoder, frame.message)
    default:
      encoding.writeVarString(encoder, frame.id)
      return encoding.writeAny(encoder, encodeValue(frame.value) as never)
  }
}

/** @throws FRAME_INVALID */
export function decodeProcessFrame(bytes: Uint8Array): ProcessFrame {
  const reader = new Reader(bytes)
  const frame = readFrame(reader)
  if (!reader.atEnd) throw frameInvalid('bytes are left over')
  return frame
}

function readFrame(reader: Reader): ProcessFrame {
  const tag = reader.byte()
  switch (tag) {
    case tags.hello:
      return {
        type: 'hello',
        version: reader.varUint(),
        inbox: reader.string(),
        actor: reader.string(),
        token: reader.string(),
      }
    case tags.welcome:
      return { type: 'welcome', version: reader.varUint(), server: reader.string() }
    case tags.request:
      return { type: 'request', id: reader.string(), value: readValue(reader.rest()) }
    case tags.reply:
      return { type: 'reply', id: reader.string(), value: readValue(reader.rest()) }
    case tags.refusal:
      return {
        type: 'refusal',
        id: reader.string(),
        code: reader.string(),
        retryable: reader.flag(),
        message: reader.string(),
      }
    default:
      throw frameInvalid(`the unknown tag ${tag}`)
  }
}

/** lib0's own reader checks neither the nesting nor where the bytes end, so they are walked first. */
function readValue(bytes: Uint8Array): unknown {
  try {
    const cursor = new UpdateCursor(bytes)
    skipAny(cursor, nestingMax)
    if (cursor.remaining > 0) throw frameInvalid('bytes are left over')
    return decodeValue(decoding.readAny(decoding.createDecoder(bytes))).value
  } catch (thrown) {
    throw frameInvalid('not a value', thrown)
  }
}
