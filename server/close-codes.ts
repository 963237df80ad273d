/** The close codes that a relay sends; PROTOCOL.md says what they mean to the other end. */
export const closeCodes = {
  failure: 1011,
  restart: 1012,
  tryLater: 1013,
  malformed: 4400,
  nameInvalid: 4404,
  versionUnsupported: 4406,
  silent: 4508,
} as const
