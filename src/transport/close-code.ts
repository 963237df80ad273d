/**
 * Which codes may end a link. They are those of WebSocket (RFC 6455), and every transport keeps
 * to them, so that nothing works in memory that would fail on a socket.
 */
import { assert } from '../base/assert.ts'

/** Which end of a link closes: a browser's socket sends fewer codes than one of a relay. */
export type LinkSide = 'dialled' | 'accepted'

/** What the owner of a link hears when the connection broke without a word. */
export const brokenCode = 1006
/** A message was too long. */
export const tooLongCode = 1009
/** A malformed message. */
export const malformedCode = 4400

// Going away, a failure, a restart, try later: what a relay has to tell.
const acceptedSideCodes: readonly number[] = [1001, 1011, 1012, 1013]

/** Asserts that an end may close with this code: all others are only ever received. */
export function assertCloseCode(code: number, side: LinkSide): void {
  const sendable =
    code === 1000 ||
    (Number.isInteger(code) && code >= 3000 && code <= 4999) ||
    (side === 'accepted' && acceptedSideCodes.includes(code))
  assert(sendable, `a link's ${side} end cannot be closed with ${code}`)
}

const reasonBytesMax = 123
const encoder = new TextEncoder()
const decoder = new TextDecoder('utf-8', { ignoreBOM: true })

/** The reason, cut to as many whole characters as a close frame has room for. */
export function cutReason(reason: string): string {
  const bytes = new Uint8Array(reasonBytesMax)
  const { written } = encoder.encodeInto(reason, bytes)
  return decoder.decode(bytes.subarray(0, written))
}
