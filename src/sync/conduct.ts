/**
 * How much one link may ask of a relay or a replica: rates of updates, bytes, joins and new writers, and
 * how often it may send what is refused. What comes faster waits; only new writers are refused for now.
 */
import { StatemeshError } from '../base/error.ts'
import { type BucketSize, TokenBucket } from '../base/token-bucket.ts'
import type { StateVector } from '../model/update-check.ts'
import type { UpdateStructure } from '../model/update-structure.ts'
import type { Frame } from '../protocol/frame.ts'
import { chunkBytes } from '../storage/blobs/blob-ref.ts'

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
  /** When something was admitted last. */
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

  /** Whether a frame of a link may be handled at a moment; it then counts. */
  admits(frame: Frame, now: number): boolean {
    switch (frame.type) {
      case 'ack':
      case 'pong':
        return true // they answer our own
      case 'announce':
        return this.admitsUpdate(frame.outline.length, now)
      case 'skip':
        return this.admitsUpdate(0, now)
      case 'state':
      case 'update':
        return this.admitsUpdate(frame.update.length, now)
      case 'blobPut':
        return this.#take(this.#requests, frame.piece.length, now)
      case 'blobWant':
        return this.#take(this.#requests, Math.min(frame.bytes, chunkBytes), now)
      case 'open':
      case 'resync':
      case 'introduce':
      case 'digest':
      case 'interest':
      case 'members':
        return this.admitsJoin(now)
      case 'awareness':
        return isAboutNobody(frame.update) ? this.admitsJoin(now) : this.admitsRequest(now)
      default:
        return this.admitsRequest(now)
    }
  }

  admitsUpdate(bytes: number, now: number): boolean {
    return this.#take(this.#updates, bytes, now)
  }

  /** Of what makes this end read and send a document, or all that is said in it. */
  admitsJoin(now: number): boolean {
    return this.#take(this.#joins, 0, now)
  }

  /** Of anything else that makes this end work. */
  admitsRequest(now: number): boolean {
    return this.#take(this.#requests, 0, now)
  }

  /** Something that no honest end sends often. @throws RATE_LIMITED */
  odd(): void {
    if (!this.#requests.take(1, this.#now)) throw limited('messages')
  }

  /** An update that brings something to a document of a known state. @throws RATE_LIMITED */
  writers({ structs }: UpdateStructure, known: StateVector): void {
    const fresh = [...structs.keys()].filter(client => !known.has(client) && !this.#own.has(client))
    if (fresh.length === 0) return
    if (!this.#writers.take(fresh.length, this.#now)) throw limited('new writers')
    for (const client of fresh) if (this.#own.size < ownWritersMax) this.#own.add(client)
  }

  /** What is too large for what there is keeps the next one waiting. */
  #take(counted: TokenBucket, bytes: number, now: number): boolean {
    this.#now = now
    if (!counted.affords(now) || (bytes > 0 && !this.#bytes.affords(now))) return false
    counted.spend(1)
    this.#bytes.spend(bytes)
    return true
  }

  /** Whether something that was refused was one too many. */
  offends({ code }: StatemeshError): boolean {
    if (offences.has(code)) this.#offences += 1
    return this.#offences > this.#offencesMax
  }
}

function isAboutNobody(awareness: Uint8Array): boolean {
  return awareness[0] === 0
}

function limited(what: string): StatemeshError {
  return new StatemeshError('RATE_LIMITED', `too many ${what} from one connection`)
}
