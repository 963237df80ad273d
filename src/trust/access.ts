/** Who may do what on a relay or with a peer: it checks the tokens of connections, and takes them back. */
import { StatemeshError } from '../base/error.ts'
import type { TimeSource } from '../base/time.ts'
import type { Revocation, Revocations } from './revocations.ts'
import type { AccessToken, TokenVerifier } from './token.ts'

export interface AccessOptions {
  verifier: TokenVerifier
  revocations: Revocations
  time: TimeSource
}

export function accessDenied(why: string): StatemeshError {
  return new StatemeshError('ACCESS_DENIED', why)
}

export class Access {
  readonly #options: AccessOptions

  constructor(options: AccessOptions) {
    this.#options = options
  }

  /** @throws TOKEN_INVALID, TOKEN_EXPIRED, ACCESS_DENIED when it was revoked, LINK_FAILED */
  async admit(text: string | undefined): Promise<AccessToken> {
    if (text === undefined || text === '') {
      throw new StatemeshError('TOKEN_INVALID', 'a token is asked for')
    }
    const { verifier, time } = this.#options
    const token = await verifier.verify(text)
    if (token.expires <= time.now()) {
      throw new StatemeshError('TOKEN_EXPIRED', 'the token has expired')
    }
    this.checkRevoked(token)
    return token
  }

  /** @throws ACCESS_DENIED */
  checkRevoked(token: AccessToken): void {
    this.#options.revocations.check(token)
  }

  /** @throws ID_INVALID, STORAGE_UNAVAILABLE, CLOSED */
  revoke(revocation: Revocation): Promise<void> {
    const { revocations, time } = this.#options
    return revocations.add(revocation, time.now())
  }
}
