/** What a relay gives its connections. */
import type { TimeSource } from '../src/base/time.ts'
import type { DocumentName } from '../src/model/document-name.ts'
import type { BlobStore } from '../src/storage/blobs/blob-store.ts'
import type { ConductSizes } from '../src/sync/conduct.ts'
import type { Access } from '../src/trust/access.ts'
import type { Introductions } from './introductions.ts'
import type { RelayMeter } from './meter.ts'
import type { QuarantinedUpdate } from './quarantine.ts'
import type { RelayEvent, RelayLimits } from './relay-options.ts'
import type { Room } from './room.ts'

export interface RelayContext {
  readonly time: TimeSource
  readonly limits: Readonly<RelayLimits>
  readonly conduct: ConductSizes
  readonly meter: RelayMeter
  /** Undefined where everybody may do everything. */
  readonly access: Access | undefined
  readonly blobs: BlobStore
  /** Undefined where replicas are not introduced to one another. */
  readonly introductions: Introductions | undefined
  /** The id of this relay process, for `hello`. */
  readonly node: string
  /** The incarnation of the store; it changes when damage is found. */
  generation(): string
  /** The room of a document, which is loaded if it is not there. */
  room(document: DocumentName): Room
  /** Keeps an update that was refused, to be looked at. */
  quarantine(item: Omit<QuarantinedUpdate, 'length' | 'at'>): void
  /** A channel number that was never used. */
  freshChannel(): number
  report(event: RelayEvent): void
  /** A connection sends more than it may, and is read more slowly from now on. */
  throttled(connection: number): void
  /** A connection's link has ended. */
  disconnected(connection: Connection, code: number): void
}

/** A connection of either dialect, as the relay sees it. */
export interface Connection {
  /** For the log. */
  readonly id: number
  /** Where it comes from, if that is known. */
  readonly address: string | undefined
  /** Bytes that wait for it to read them. */
  readonly queuedBytes: number
  /** Whether it is read no further for now, since it sends more than it may. */
  readonly throttled: boolean
  /** Does what is due at `now` (monotonic). */
  tick(now: number): void
  /** Stops taking in what arrives. */
  drain(): void
  close(code: number, reason: string): void
  /** Looks whether its token was revoked. */
  recheckToken(): void
}
