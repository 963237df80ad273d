/**
 * The payload of an awareness message: what some clients say about themselves (a name, a cursor),
 * each with a clock that orders what one client says. States stay JSON text here, because a relay
 * only passes them on. Pure: no sockets, no state, no timers.
 */
import * as encoding from 'lib0/encoding'
import { StatemeshError } from '../base/error.ts'
import { frameInvalid, Reader } from './reader.ts'

export interface AwarenessEntry {
  /** The Yjs clientID that the entry is about. */
  readonly clientID: number
  readonly clock: number
  /** The state as JSON text; undefined when the client is gone. */
  readonly state: string | undefined
}

export interface AwarenessLimits {
  /** A stock client repeats all clients it hears of, so this bounds the clients of one document. */
  clientsMax: number
  /**
   * In UTF-16 units of its JSON. A state goes to every reader at every cursor move; this is far
   * more than a cursor needs.
   */
  stateLengthMax: number
}

export const defaultAwarenessLimits: Readonly<AwarenessLimits> = {
  clientsMax: 4096,
  stateLengthMax: 16_384,
}

/** A clientID, a clock and a length; and what a UTF-16 unit takes at most. */
const entryHeadBytesMax = 32
const utf8BytesPerUnitMax = 3

/** The entries as the payload of an awareness message. */
export function encodeAwarenessUpdate(entries: readonly AwarenessEntry[]): Uint8Array {
  return encoding.encode(encoder => {
    encoding.writeVarUint(encoder, entries.length)
    for (const { clientID, clock, state } of entries) {
      encoding.writeVarUint(encoder, clientID)
      encoding.writeVarUint(encoder, clock)
      encoding.writeVarString(encoder, state ?? 'null')
    }
  })
}

/**
 * Reads the payload of an awareness message. Every state has been checked to be JSON.
 *
 * @throws FRAME_INVALID if it is malformed; FRAME_TOO_LARGE if it is beyond the limits
 */
export function decodeAwarenessUpdate(
  payload: Uint8Array,
  limits: Readonly<AwarenessLimits> = defaultAwarenessLimits,
): AwarenessEntry[] {
  const reader = new Reader(payload)
  const count = reader.varUint()
  if (count > limits.clientsMax) {
    throw tooLarge(`${count} clients, where ${limits.clientsMax} are allowed`)
  }
  const entries: AwarenessEntry[] = []
  for (let index = 0; index < count; index++) {
    const clientID = reader.varUint()
    const clock = reader.varUint()
    entries.push({ clientID, clock, state: readState(reader, limits.stateLengthMax) })
  }
  if (!reader.atEnd) throw frameInvalid('bytes after the last awareness state')
  return entries
}

/** The entries as payloads of at most `bytesMax`, or one entry, each. */
export function encodeAwarenessUpdates(
  entries: readonly AwarenessEntry[],
  bytesMax: number,
): Uint8Array[] {
  const groups: AwarenessEntry[][] = []
  let room = 0
  for (const entry of entries) {
    const bytes = utf8BytesPerUnitMax * (entry.state?.length ?? 0) + entryHeadBytesMax
    if (bytes > room) {
      groups.push([])
      room = bytesMax
    }
    groups.at(-1)?.push(entry)
    room -= bytes
  }
  return groups.map(encodeAwarenessUpdate)
}

/**
 * A state that names this subject as its `actor`, whatever it claims.
 *
 * @throws FRAME_INVALID where it is no object
 */
export function signAwarenessState(state: string, subject: string): string {
  const value: unknown = JSON.parse(state)
  if (typeof value !== 'object' || value === null || Array.isArray(value)) {
    throw frameInvalid('an awareness state that is no object')
  }
  return JSON.stringify({ ...value, actor: subject })
}

function readState(reader: Reader, lengthMax: number): string | undefined {
  const text = reader.string()
  if (text.length > lengthMax) throw tooLarge(`a state of more than ${lengthMax} UTF-16 units`)
  try {
    return JSON.parse(text) === null ? undefined : text
  } catch (cause) {
    throw frameInvalid('an awareness state is not JSON', cause)
  }
}

function tooLarge(why: string): StatemeshError {
  return new StatemeshError('FRAME_TOO_LARGE', `an awareness message is too large: ${why}`)
}
