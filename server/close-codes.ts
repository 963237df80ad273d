/** The close codes that a relay sends; PROTOCOL.md says what they mean to the other end. */
import type { StatemeshError } from '../src/base/error.ts'

export const closeCodes = {
  failure: 1011,
  restart: 1012,
  tryLater: 1013,
  malformed: 4400,
  tokenInvalid: 4401,
  denied: 4403,
  nameInvalid: 4404,
  versionUnsupported: 4406,
  tokenExpired: 4501,
  silent: 4508,
} as const

/** The code that ends a connection for an error. */
export function closeCodeOf({ code, retryable }: StatemeshError): number {
  switch (code) {
    case 'TOKEN_INVALID':
      return closeCodes.tokenInvalid
    case 'TOKEN_EXPIRED':
      return closeCodes.tokenExpired
    case 'ACCESS_DENIED':
      return closeCodes.denied
    case 'DOCUMENT_NAME_INVALID':
      return closeCodes.nameInvalid
    default:
      return retryable ? closeCodes.tryLater : closeCodes.malformed
  }
}
