/** Gives out tokens to the replicas of a run, and knows when each was good, in the time of the world. */
import type { TimeSource } from '../../src/base/time.ts'
import type { Grant } from '../../src/trust/grants.ts'
import { mintToken, type TokenVerifier, tokenVerifier } from '../../src/trust/token.ts'
import type { Clock } from '../world/clock.ts'
import type { World } from '../world/world.ts'

/** A token that was given out. */
export interface IssuedToken {
  readonly id: string
  readonly grants: readonly Grant[]
  /** Simulated milliseconds: before and after it is good for nothing. */
  readonly from: number
  readonly until: number
  /** When its revocation was durable. */
  revoked: number
}

export interface AuthorityOptions {
  world: World
  /** The relay's: tokens are dated by it. */
  clock: Clock
  /** Whether that clock is never set: else nobody can say from outside when a token ends. */
  clocksRight: boolean
  /** Makes the relay take a token back. */
  revoke(tokenId: string): Promise<void> | undefined
}

const secret = 'the secret of an authority in a false world'

export class Authority {
  readonly #options: AuthorityOptions
  readonly #grants = new Map<string, readonly Grant[]>()
  readonly #issued = new Map<string, IssuedToken[]>()
  #seconds = 3600
  #count = 0

  constructor(options: AuthorityOptions) {
    this.#options = options
  }

  /** How long a token that is given out from now on is good for. */
  set seconds(seconds: number) {
    this.#seconds = seconds
  }

  /** What the next token of somebody says; those that are out say what they said. */
  grant(subject: string, grants: readonly Grant[]): void {
    this.#grants.set(subject, grants)
  }

  grantsOf(subject: string): readonly Grant[] {
    return this.#grants.get(subject) ?? []
  }

  issued(subject: string): readonly IssuedToken[] {
    return this.#issued.get(subject) ?? []
  }

  /** A fresh token. The signature is made on another thread, while time stands still. */
  token(subject: string): Promise<string> {
    const { world, clock, clocksRight } = this.#options
    const seconds = this.#seconds
    const expires = (Math.floor(clock.now() / 1000) + seconds) * 1000
    // Its clock shows whole milliseconds.
    const until = world.now + clock.duration(expires - clock.now()) + 1
    this.#count += 1
    const token: IssuedToken = {
      id: `token-${this.#count}`,
      grants: this.grantsOf(subject),
      from: world.now,
      until: clocksRight ? until : Number.POSITIVE_INFINITY,
      revoked: Number.POSITIVE_INFINITY,
    }
    this.#issued.set(subject, [...this.issued(subject), token])
    const time = dated(clock.now())
    const { id, grants } = token
    return world.outside(() => mintToken(secret, { subject, grants, seconds, id, time }))
  }

  /** Takes back all tokens that somebody has; it holds from when it is durable at the relay. */
  revoke(subject: string): void {
    const { world, revoke } = this.#options
    for (const token of this.issued(subject)) {
      if (token.until <= world.now || token.revoked <= world.now) continue
      revoke(token.id)?.then(
        () => {
          token.revoked = Math.min(token.revoked, world.now)
          world.marks.hit('token revoked')
        },
        () => world.marks.hit('revocation fails'), // the relay's disk, or its end
      )
    }
  }

  /** The relay's. Signatures are checked on another thread, while time stands still. */
  verifier(time: TimeSource): TokenVerifier {
    const real = tokenVerifier({ secret }, { time })
    return { verify: token => this.#options.world.outside(() => real.verify(token)) }
  }
}

function dated(now: number): TimeSource {
  return { now: () => now, monotonic: () => now, after: () => () => undefined }
}
