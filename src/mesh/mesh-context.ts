/** What the links of a mesh share. */
import type { StatemeshError } from '../base/error.ts'
import type { RandomSource } from '../base/random.ts'
import type { TimeSource } from '../base/time.ts'
import type { DocumentSet } from '../document/document-set.ts'
import type { DocumentName } from '../model/document-name.ts'
import type { MemberEntry } from '../protocol/frame.ts'
import type { Incarnation } from '../storage/incarnation.ts'
import type { BulkTurns } from '../sync/bulk-turns.ts'
import type { Copies } from '../sync/copies.ts'
import type { Presences } from '../sync/presences.ts'
import type { ReplicaBlobs } from '../sync/replica-blobs.ts'
import type { TokenSource } from '../sync/token-source.ts'
import type { Access } from '../trust/access.ts'

export interface MeshContext {
  readonly time: TimeSource
  readonly random: RandomSource
  readonly incarnation: Incarnation
  readonly documents: DocumentSet
  /** Whose turn it is to send what was announced. */
  readonly turns: BulkTurns
  readonly copies: Copies
  readonly blobs?: ReplicaBlobs | undefined
  readonly presences?: Presences | undefined
  /** The id of this process. */
  readonly node: string
  /** The id of its store. */
  readonly store: string
  /** Checks the tokens of peers; undefined where everybody may do everything. */
  readonly access: Access | undefined
  /** Says who we are. */
  readonly token: TokenSource | undefined
  /** How long what nobody uses stays in memory. */
  readonly idleMilliseconds: number
  /** Where others can dial, if anywhere. */
  address(): string | undefined
  /** Whether a document is stored here, or in use. */
  holds(name: DocumentName): boolean
  /** The names of the documents that are stored here. */
  stored(): Iterable<DocumentName>
  /** Whether a document is to be taken that is not stored here. */
  wants(name: DocumentName): boolean
  /** The scopes of which peers are asked for all that they have. */
  patterns(): readonly string[]
  /** Something changed that somebody may wait for. */
  onChange(acked?: DocumentName): void
  /** A peer that is linked says who else there is. */
  onMembers(members: readonly MemberEntry[], from: string): void
  onRejected(document: DocumentName, error: StatemeshError): void
  onWarning(error: StatemeshError): void
  /** What a peer holds differs for good from what is held here, or what it announced did not come. */
  onTrouble(peer: string, error: StatemeshError): void
}
