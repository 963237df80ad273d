/** How far a document has come on one link to a peer. */
import { Backoff } from '../base/backoff.ts'
import type { StatemeshError } from '../base/error.ts'
import type { RandomSource } from '../base/random.ts'
import type { CancelTimer } from '../base/time.ts'
import type { DocumentChannel } from '../sync/document-channel.ts'

export interface Exchange {
  channel: DocumentChannel | undefined
  synced: boolean
  /** Whether the peer has put it away until it changes. */
  rests: boolean
  /** Why the peer does not take part, or no more. */
  refusal: StatemeshError | undefined
  readonly backoff: Backoff
  cancelRetry: CancelTimer | undefined
}

export function newExchange(random: RandomSource): Exchange {
  return {
    channel: undefined,
    synced: false,
    rests: false,
    refusal: undefined,
    backoff: new Backoff({ random, millisecondsMin: 500, millisecondsMax: 30_000 }),
    cancelRetry: undefined,
  }
}
