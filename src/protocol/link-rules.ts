/** The numbers of a statemesh link that both ends keep; see PROTOCOL.md. */
import { type ErrorCode, StatemeshError } from '../base/error.ts'

export const closeCodes = {
  normal: 1000,
  goingAway: 1001,
  tooLong: 1009,
  failure: 1011,
  restart: 1012,
  tryLater: 1013,
  malformed: 4400,
  tokenInvalid: 4401,
  denied: 4403,
  badName: 4404,
  noCommonVersion: 4406,
  tokenExpired: 4501,
  silent: 4508,
  enough: 4513,
} as const

/** Whether dialling again unchanged, after a close with this code, may help. */
export function mayDialAgain(code: number): boolean {
  return code !== closeCodes.tooLong && !(code >= 4400 && code < 4500)
}

/** The error that a close with this code means to whoever dialled. */
export function errorOfClose(code: number, reason: string): StatemeshError {
  const message = `the link closed with ${code} ${reason}`.trim()
  return new StatemeshError(errorsOfClose.get(code) ?? 'LINK_FAILED', message)
}

const errorsOfClose: ReadonlyMap<number, ErrorCode> = new Map([
  [closeCodes.tokenInvalid, 'TOKEN_INVALID'],
  [closeCodes.denied, 'ACCESS_DENIED'],
  [closeCodes.noCommonVersion, 'PROTOCOL_UNSUPPORTED'],
  [closeCodes.tokenExpired, 'TOKEN_EXPIRED'],
])

export const keepAlive = {
  /** After so long without sending, an end sends a `ping`. */
  idleMilliseconds: 15_000,
  /** After so long without receiving, an end considers the link dead. */
  deadMilliseconds: 40_000,
  /** How often an end looks. */
  checkMilliseconds: 5_000,
} as const
