/**
 * Branded ids. Parsing is the only way to make one, so a function that takes an `ActorId` or a
 * `DocumentName` knows that it has been checked.
 */
import { StatemeshError } from '../base/error.ts'

declare const brand: unique symbol
export type Branded<Name extends string> = string & { readonly [brand]: Name }

/** Who writes: an agent's id. */
export type ActorId = Branded<'ActorId'>

/** An id is stored in every entry and document name that uses it, so it is kept short. */
export const idBytesMax = 256

// Control characters, and halves of surrogate pairs, which UTF-8 cannot carry.
const hostile = /[\p{Cc}\p{Cs}]/u
const encoder = new TextEncoder()

/**
 * Checks an id that a user gave: a non-empty string of at most `idBytesMax` UTF-8 bytes without
 * control characters or lone surrogates.
 *
 * @throws ID_INVALID
 */
export function checkId(id: unknown, what: string): string {
  if (typeof id !== 'string' || id === '') {
    throw new StatemeshError('ID_INVALID', `${what} must be a non-empty string`)
  }
  if (isPlain(id)) return id // nearly all are, and every entry that is read has one
  if (id.length > idBytesMax || encoder.encode(id).length > idBytesMax) {
    throw new StatemeshError('ID_INVALID', `${what} is longer than ${idBytesMax} bytes`)
  }
  if (hostile.test(id)) {
    throw new StatemeshError('ID_INVALID', `${what} holds control characters or lone surrogates`)
  }
  return id
}

/** Whether it is short enough, and of printable ASCII. */
function isPlain(id: string): boolean {
  if (id.length > idBytesMax) return false
  for (let index = 0; index < id.length; index++) {
    const code = id.charCodeAt(index)
    if (code < 0x20 || code > 0x7e) return false
  }
  return true
}

/** @throws ID_INVALID */
export function parseActorId(id: unknown): ActorId {
  return checkId(id, 'an actor id') as ActorId
}
