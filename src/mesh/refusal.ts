/** What a peer is refused with. */
import { StatemeshError } from '../base/error.ts'
import { closeCodes } from '../protocol/link-rules.ts'

export function denied(): StatemeshError {
  return new StatemeshError('ACCESS_DENIED', 'the token does not open the document')
}

export function notHeld(): StatemeshError {
  return new StatemeshError('CHANNEL_UNKNOWN', 'the document is not held here')
}

/** The code that ends a link for an error; an end that dialled may send fewer of them. */
export function closeCodeOf({ code, retryable }: StatemeshError, dialled: boolean): number {
  if (code === 'TOKEN_INVALID' || code === 'TOKEN_EXPIRED') return closeCodes.tokenInvalid
  if (code === 'ACCESS_DENIED') return closeCodes.denied
  if (!retryable) return closeCodes.malformed
  return dialled ? closeCodes.silent : closeCodes.tryLater
}
