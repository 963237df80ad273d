/**
 * How much one link may ask of a relay or a replica: rates of updates, bytes, joins and new writers, and
 * how often it may send what is refused. Beyond them it is told so, and served again later.
 */
import { StatemeshError } from '../base/error.ts'
import { type BucketSize, TokenBucket } from '../base/token-bucket.ts'
import type { StateVector } from '../model/update-check.ts'
import type { UpdateStructure } from '../model/update-structure.ts'
import type { Frame } from '../protocol/frame.ts'

/** A client that sends them is broken or hostile; everything else may happen to anyone. */
const offences: ReadonlySet<string> = new Set(['UPDATE_INVALID', 'DOCUMENT_NAME_INVALID'])

/** The rates that one link may keep up. */
export interface ConductSizes {
  readonly offencesMax: number
  readonly updates: BucketSize
  readonly bytes: BucketSize
  /** Messages that are no updates, and no acks; they count as updates unless given. */
  readonly requests?: BucketSize
  readonly joins: BucketSize
  readonly writers: BucketSize
}

/** A replica writes with one clientID in all of its documents, and with another after a crash. */
const ownWritersMax = 8

export class Conduct {
  readonly #offencesMax: number
  readonly #updates: TokenBucket
  readonly #bytes: TokenBucket
  readonly #requests: TokenBucket
  readonly #joins: TokenBucket
  readonly #writers: TokenBucket
  /** Writers that count once, in however many documents they write. */
  readonly #own = new Set<number>()
  #offences = 0
  /** When the message arrived that is being handled. */
  #now: number

  constructor(sizes: ConductSizes, now: number) {
    this.#now = now
    this.#offencesMax = sizes.offencesMax
    this.#updates = new TokenBucket(sizes.updates, now)
    this.#bytes = new TokenBucket(sizes.bytes, now)
    this.#requests = sizes.requests ? new TokenBucket(sizes.requests, now) : this.#updates
    this.#joins = new TokenBucket(sizes.joins, now)
    this.#writers = new TokenBucket(sizes.writers, now)
  }

  /** A message has arrived. */
  arrived(now: number): void {
    this.#now = now
  }

  /** Whether a frame of a link, whose parts nobody else counts, may be handled at a moment. */
  admits(frame: Frame, now: number): boolean {
    this.#now = now
    switch (frame.type) {
      case 'ack':
        return true
      case 'announce':
        return this.#takeUpdate(frame.outline.length)
      case 'skip':
        return this.#updates.take(1, this.#now)
      case 'state':
      case 'update':
        return this.#takeUpdate(frame.update.length)
      case 'open':
      case 'resync':
      case 'introduce':
      case 'digest':
      case 'interest':
      case 'members':
        return this.#joins.take(1, this.#now)
      default:
        return this.#requests.take(1, this.#now)
    }
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

  /** Anything else that makes this end work. @throws RATE_LIMITED */
  request(): void {
    if (!this.#requests.take(1, this.#now)) throw limited('messages')
  }

  /** What makes this end read and send a document. @throws RATE_LIMITED */
  join(): void {
    if (!this.#joins.take(1, this.#now)) throw limited('joins')
  }

  /** An update that brings something to a document of a known state. @throws RATE_LIMITED */
  writers({ structs }: UpdateStructure, known: StateVector): void {
    const fresh = [...structs.keys()].filter(client => !known.has(client) && !this.#own.has(client))
    if (fresh.length === 0) return
    if (!this.#writers.take(fresh.length, this.#now)) throw limited('new writers')
    for (const client of fresh) if (this.#own.size < ownWritersMax) this.#own.add(client)
  }

  /** Both or nothing: a frame that has to wait is tried again and again. */
  #takeUpdate(bytes: number): boolean {
    if (!this.#updates.holds(1, this.#now) || !this.#bytes.take(bytes, this.#now)) return false
    return this.#updates.take(1, this.#now)
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
