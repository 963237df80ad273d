/** The numbers of a statemesh link that both ends keep; see PROTOCOL.md. */

export const closeCodes = {
  normal: 1000,
  goingAway: 1001,
  tooLong: 1009,
  failure: 1011,
  restart: 1012,
  tryLater: 1013,
  malformed: 4400,
  badName: 4404,
  noCommonVersion: 4406,
  silent: 4508,
} as const

/** Whether dialling again unchanged, after a close with this code, may help. */
export function mayDialAgain(code: number): boolean {
  return code !== closeCodes.tooLong && !(code >= 4400 && code < 4500)
}

export const keepAlive = {
  /** After so long without sending, an end sends a `ping`. */
  idleMilliseconds: 15_000,
  /** After so long without receiving, an end considers the link dead. */
  deadMilliseconds: 40_000,
  /** How often an end looks. */
  checkMilliseconds: 5_000,
} as const
