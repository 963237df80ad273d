/** Which close code tells the other end of a connection what went wrong. */
import type { StatemeshError } from '../src/base/error.ts'
import { closeCodes } from '../src/protocol/link-rules.ts'

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
      return closeCodes.badName
    default:
      return retryable ? closeCodes.tryLater : closeCodes.malformed
  }
}
