/**
 * How much one connection may ask of the relay: rates of updates, bytes, joins and new writers, and
 * how often it may send what is refused. Beyond them it is told so, and served again later.
 */
import { StatemeshError } from '../src/base/error.ts'
import type { StateVector } from '../src/model/update-check.ts'
import type { UpdateStructure } from '../src/model/update-structure.ts'
import type { RelayLimits } from './relay-options.ts'
import { type BucketSize, TokenBucket } from './token-bucket.ts'

/** What a connection may do at once after a quiet time, in seconds of its rate. */
const burstSeconds = 2

/** A client that sends them is broken or hostile; everything else may happen to anyone. */
const offences: ReadonlySet<string> = new Set(['UPDATE_INVALID', 'DOCUMENT_NAME_INVALID'])

/** The limits of a relay that concern the conduct of each connection. */
export interface ConductSizes {
  readonly offencesMax: number
  readonly updates: BucketSize
  readonly bytes: BucketSize
  readonly joins: BucketSize
  readonly writers: BucketSize
}

export function conductSizes(limits: Readonly<RelayLimits>): ConductSizes {
  const { updatesPerSecondMax, bytesPerSecondMax, joinsPerSecondMax, offencesMax } = limits
  const { newWritersPerSecondMax, newWritersMax, channelsMax, messageBytesMax } = limits
  return {
    offencesMax,
    updates: { perSecond: updatesPerSecondMax, burst: updatesPerSecondMax * burstSeconds },
    bytes: {
      perSecond: bytesPerSecondMax,
      // One message of the longest kind must fit, whatever the rate.
      burst: Math.max(bytesPerSecondMax * burstSeconds, messageBytesMax),
    },
    joins: {
      perSecond: joinsPerSecondMax,
      // A replica that comes back opens all its documents at once.
      burst: Math.max(channelsMax, joinsPerSecondMax),
    },
    writers: { perSecond: newWritersPerSecondMax, burst: newWritersMax },
  }
}

export class Conduct {
  readonly #offencesMax: number
  readonly #updates: TokenBucket
  readonly #bytes: TokenBucket
  readonly #joins: TokenBucket
  readonly #writers: TokenBucket
  #offences = 0
  /** When the message arrived that is being handled. */
  #now: number

  constructor(sizes: ConductSizes, now: number) {
    this.#now = now
    this.#offencesMax = sizes.offencesMax
    this.#updates = new TokenBucket(sizes.updates, now)
    this.#bytes = new TokenBucket(sizes.bytes, now)
    this.#joins = new TokenBucket(sizes.joins, now)
    this.#writers = new TokenBucket(sizes.writers, now)
  }

  /** A message has arrived. */
  arrived(now: number): void {
    this.#now = now
  }

  /** @throws RATE_LIMITED */
  update(bytes: number): void {
    if (!this.#updates.take(1, this.#now)) throw limited('updates')
    if (!this.#bytes.take(bytes, this.#now)) throw limited('bytes')
  }

  /** A piece of a blob, whichever way it goes. @throws RATE_LIMITED */
  blob(bytes: number): void {
    if (!this.#bytes.take(bytes, this.#now)) throw limited('bytes')
  }

  /** Anything else that makes the relay work. @throws RATE_LIMITED */
  request(): void {
    if (!this.#updates.take(1, this.#now)) throw limited('messages')
  }

  /** What makes the relay read and send a document. @throws RATE_LIMITED */
  join(): void {
    if (!this.#joins.take(1, this.#now)) throw limited('joins')
  }

  /** An update that brings something to a document of a known state. @throws RATE_LIMITED */
  writers({ structs }: UpdateStructure, known: StateVector): void {
    let fresh = 0
    for (const client of structs.keys()) if (!known.has(client)) fresh += 1
    if (fresh > 0 && !this.#writers.take(fresh, this.#now)) throw limited('new writers')
  }

  /** Whether something that was refused was one too many. */
  offends({ code }: StatemeshError): boolean {
    if (offences.has(code)) this.#offences += 1
    return this.#offences > this.#offencesMax
  }
}

function limited(what: string): StatemeshError {
  return new StatemeshError('RATE_LIMITED', `too many ${what} from one connection`)
}
