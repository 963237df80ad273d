/**
 * The stored form of logs: one root array for each writer, `lane:<writer>`, to which that client
 * alone appends. An entry is `{v: value, t: timestamp, a: actor, h: link}`; the link is the hash
 * of the writer's entry before it, so that a lane cannot be rewritten without a trace.
 *
 * The place of an entry in its lane (`seq`) is not stored: it is the count of what its writer has
 * put into the lane before, by the clocks of Yjs. Nobody else can move those.
 */
import * as encoding from 'lib0/encoding'
import { StatemeshError } from '../../base/error.ts'
import { encodeBytes } from '../../base/scratch-encoder.ts'
import { sha256 } from '../../base/sha256.ts'
import { type HybridTimestamp, parseTimestamp } from '../../clock/hybrid-clock.ts'
import type { ActorId } from '../../model/id.ts'
import { decodeValue, type StoredValue } from '../../model/value.ts'

const lanePrefix = 'lane:'

/**
 * A root map with a row for each writer, written once every `jointEvery` entries and never read.
 * Yjs merges entries that one client has pushed without a pause into one item, and copies the
 * whole item with each: 100,000 appends take a minute. A write elsewhere is such a pause.
 */
export const jointsRoot = 'joints'
export const jointEvery = 256

/** The bytes of a link (SHA-256). */
export const linkBytes = 32

/** Where an entry stands in the total order of a log; also its name. */
export interface LogPosition {
  readonly timestamp: number
  readonly actor: string
  /** The Yjs client that wrote it. */
  readonly writer: number
  /** How many entries the writer had appended before. */
  readonly seq: number
}

/** An entry as it was read. */
export interface LogRecord extends StoredValue {
  readonly timestamp: HybridTimestamp
  readonly actor: ActorId
  readonly writer: number
  readonly seq: number
  /** The clock of Yjs at which the entry stands. */
  readonly clock: number
  /** The hash of the writer's entry before this one. */
  readonly link: Uint8Array
  readonly encoded: unknown
}

/** What is hashed of an entry. */
export type LinkedEntry = Pick<LogRecord, 'seq' | 'timestamp' | 'actor' | 'link' | 'encoded'>

export function laneName(writer: number): string {
  return `${lanePrefix}${writer}`
}

/** Whose lane a root is; undefined for another root. */
export function laneWriter(root: string): number | undefined {
  const writer = Number(root.slice(lanePrefix.length))
  return Number.isSafeInteger(writer) && laneName(writer) === root ? writer : undefined
}

/** The total order: by timestamp, then actor, then writer, then place in the lane. */
export function comparePositions(a: LogPosition, b: LogPosition): number {
  if (a.timestamp !== b.timestamp) return a.timestamp - b.timestamp
  if (a.actor !== b.actor) return a.actor < b.actor ? -1 : 1
  return a.writer - b.writer || a.seq - b.seq
}

export function contentOf(entry: LinkedEntry): Record<string, unknown> {
  return { v: entry.encoded, t: entry.timestamp, a: entry.actor, h: entry.link }
}

/**
 * Reads the content of an element of a lane.
 *
 * @param parseActor `parseActorId`, or one that remembers
 * @throws ENTRY_INVALID
 */
export function readRecord(
  content: unknown,
  place: Pick<LogRecord, 'writer' | 'seq' | 'clock'>,
  parseActor: (id: unknown) => ActorId,
): LogRecord {
  if (!isPlainObject(content)) throw new StatemeshError('ENTRY_INVALID', 'not an entry')
  const { v: encoded, t, a, h: link } = content
  const timestamp = parseTimestamp(t)
  if (timestamp === undefined) throw new StatemeshError('ENTRY_INVALID', 'its stamp is malformed')
  if (!(link instanceof Uint8Array) || link.length !== linkBytes) {
    throw new StatemeshError('ENTRY_INVALID', 'its link is malformed')
  }
  try {
    const actor = parseActor(a)
    const { value, mutable } = decodeValue(encoded)
    const { writer, seq, clock } = place
    return { value, mutable, timestamp, actor, writer, seq, clock, link, encoded }
  } catch (cause) {
    if (!(cause instanceof StatemeshError)) throw cause
    throw new StatemeshError('ENTRY_INVALID', cause.message, { cause })
  }
}

/** The link of a lane's first entry: it binds the chain to its writer. */
export function firstLink(writer: number): Uint8Array {
  return sha256(encodeBytes(encoder => encoding.writeVarString(encoder, laneName(writer))))
}

/** The link of the entry after this one. */
export function linkAfter(entry: LinkedEntry): Uint8Array {
  const linked = encodeBytes(encoder => {
    encoding.writeUint8Array(encoder, entry.link)
    encoding.writeVarUint(encoder, entry.seq)
    encoding.writeVarUint(encoder, entry.timestamp)
    encoding.writeVarString(encoder, entry.actor)
    writeCanonical(encoder, entry.encoded)
  })
  return sha256(linked)
}

const tags = {
  null: 0,
  undefined: 1,
  false: 2,
  true: 3,
  number: 4,
  notANumber: 5,
  bigint: 6,
  string: 7,
  bytes: 8,
  array: 9,
  object: 10,
} as const

/** The same bytes for the same stored value, however an encoding has ordered or packed it. */
function writeCanonical(encoder: encoding.Encoder, value: unknown): void {
  switch (typeof value) {
    case 'string':
      encoding.writeUint8(encoder, tags.string)
      return encoding.writeVarString(encoder, value)
    case 'number':
      // NaN has many bit patterns.
      if (Number.isNaN(value)) return encoding.writeUint8(encoder, tags.notANumber)
      encoding.writeUint8(encoder, tags.number)
      return encoding.writeFloat64(encoder, value)
    case 'boolean':
      return encoding.writeUint8(encoder, value ? tags.true : tags.false)
    case 'bigint':
      encoding.writeUint8(encoder, tags.bigint)
      return encoding.writeVarString(encoder, String(value))
    case 'object':
      if (value !== null) return writeObject(encoder, value)
      return encoding.writeUint8(encoder, tags.null)
    default:
      encoding.writeUint8(encoder, tags.undefined)
  }
}

function writeObject(encoder: encoding.Encoder, value: object): void {
  if (value instanceof Uint8Array) {
    encoding.writeUint8(encoder, tags.bytes)
    encoding.writeVarUint8Array(encoder, value)
  } else if (Array.isArray(value)) {
    encoding.writeUint8(encoder, tags.array)
    encoding.writeVarUint(encoder, value.length)
    for (const element of value) writeCanonical(encoder, element)
  } else {
    const keys = Object.keys(value).sort()
    encoding.writeUint8(encoder, tags.object)
    encoding.writeVarUint(encoder, keys.length)
    for (const key of keys) {
      encoding.writeVarString(encoder, key)
      writeCanonical(encoder, (value as Record<string, unknown>)[key])
    }
  }
}

function isPlainObject(value: unknown): value is Record<string, unknown> {
  if (typeof value !== 'object' || value === null) return false
  return Object.getPrototypeOf(value) === Object.prototype
}
