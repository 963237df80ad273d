/**
 * A verifier of tokens that says how many it has looked at. Tokens are signed and verified in threads of
 * their own, which time that a test moves does not wait for.
 */
import type { TokenVerifier } from '../../src/trust/token.ts'

export interface CountingVerifier extends TokenVerifier {
  /** Good or not. */
  readonly verified: number
}

export function countingVerifier({ verify }: TokenVerifier): CountingVerifier {
  let verified = 0
  return {
    verify: token =>
      verify(token).finally(() => {
        verified += 1
      }),
    get verified() {
      return verified
    },
  }
}
