/** What a relay is given, its limits with their reasons, and what it tells about itself. */
import type { MemorySource } from '../src/base/memory.ts'
import type { RandomSource } from '../src/base/random.ts'
import type { TimeSource } from '../src/base/time.ts'
import { documentWritersMax } from '../src/model/writer-limit.ts'
import type { Thresholds } from '../src/observe/health/thresholds.ts'
import type { CompactionReport, CompactionSettings } from '../src/storage/compaction.ts'
import type { Storage } from '../src/storage/storage.ts'
import type { TokenVerifier } from '../src/trust/token.ts'
import type { RelayMeter } from './meter.ts'

/** What each is for, and why it is what it is by default, say the `limitReasons`. */
export interface RelayLimits {
  messageBytesMax: number
  documentBytesMax: number
  documentWritersMax: number
  channelsMax: number
  connectionsPerAddressMax: number
  updatesPerSecondMax: number
  bytesPerSecondMax: number
  joinsPerSecondMax: number
  newWritersMax: number
  newWritersPerSecondMax: number
  stockThrottledMilliseconds: number
  offencesMax: number
  quarantineCountMax: number
  quarantineBytesMax: number
  awarenessStateLengthMax: number
  awarenessClientsMax: number
  awarenessOwnedMax: number
  awarenessIdleMilliseconds: number
  windowBytes: number
  queueBytesMax: number
  slowReaderMilliseconds: number
  roomBytesMax: number
  roomIdleMilliseconds: number
  readAheadDocumentsMax: number
  readAheadBytesMax: number
  pingMilliseconds: number
  deadMilliseconds: number
  keepAliveMilliseconds: number
  tokenRenewMilliseconds: number
  drainMilliseconds: number
  blobBytesMax: number
  blobGraceMilliseconds: number
}

const MiB = 1024 * 1024

export const defaultRelayLimits: Readonly<RelayLimits> = {
  messageBytesMax: 64 * MiB,
  documentBytesMax: 32 * MiB,
  documentWritersMax,
  channelsMax: 16_384,
  connectionsPerAddressMax: 4096,
  updatesPerSecondMax: 100_000,
  bytesPerSecondMax: 64 * MiB,
  joinsPerSecondMax: 200,
  newWritersMax: documentWritersMax,
  newWritersPerSecondMax: 4,
  stockThrottledMilliseconds: 10_000,
  offencesMax: 10,
  quarantineCountMax: 100,
  quarantineBytesMax: 64 * 1024,
  awarenessStateLengthMax: 16_384,
  awarenessClientsMax: 4096,
  awarenessOwnedMax: 16,
  awarenessIdleMilliseconds: 30_000,
  windowBytes: 8 * MiB,
  queueBytesMax: 4 * MiB,
  slowReaderMilliseconds: 30_000,
  roomBytesMax: 16 * MiB,
  roomIdleMilliseconds: 30_000,
  readAheadDocumentsMax: 1_000,
  readAheadBytesMax: 64 * MiB,
  pingMilliseconds: 15_000,
  deadMilliseconds: 40_000,
  keepAliveMilliseconds: 20_000,
  tokenRenewMilliseconds: 60_000,
  drainMilliseconds: 5_000,
  blobBytesMax: 64 * MiB,
  blobGraceMilliseconds: 24 * 60 * 60 * 1000,
}

/** Every limit with the reason for its default; the README has them as a table. */
export const limitReasons: Readonly<Record<keyof RelayLimits, string>> = {
  messageBytesMax:
    'The longest message; a compacted document travels as one update, so it bounds those too',
  documentBytesMax:
    'A document; a `Y.Doc` takes 11 to 13 times its bytes, so that this is 400 MB in a client',
  documentWritersMax:
    'Clients that ever wrote in a document; each costs every later change of every replica',
  channelsMax: 'Documents on a link; each costs about 1 kB',
  connectionsPerAddressMax:
    'Connections from one address (IPv6: one /64); each costs 10 to 17 kB; behind a proxy see addressHeader',
  updatesPerSecondMax:
    'Updates of a connection; far more than a process of agents writes, so that it stops floods alone',
  bytesPerSecondMax: 'Bytes of updates of a connection; a disk takes as much',
  joinsPerSecondMax: 'Documents that a connection has itself sent, after those that it opens first',
  newWritersMax:
    "Clients that a connection brings to documents that did not know them: one whole document's",
  newWritersPerSecondMax:
    'How fast a connection may bring more of them. A process needs one for all its documents',
  stockThrottledMilliseconds:
    'A stock socket throttled without a break for this long is closed with 1013: its next sync brings what waits as one update',
  offencesMax: 'Invalid updates and names of a connection before it is closed with 4400',
  quarantineCountMax: 'Refused updates that are kept to be looked at',
  quarantineBytesMax: 'Of each, at most this many bytes',
  awarenessStateLengthMax:
    'What a client says about itself, as JSON; it goes to every reader at each of its changes',
  awarenessClientsMax: 'Clients of one document that say something',
  awarenessOwnedMax: 'Clients that one socket speaks for; a client needs one',
  awarenessIdleMilliseconds:
    'What a client says is taken back after so long; stock clients repeat it every 15 s',
  windowBytes: 'How many bytes of updates a link may have under way without a durable ack',
  queueBytesMax:
    'Bytes that wait for a slow reader; with 1,000 slow readers 4 GB, with the usual few nothing',
  slowReaderMilliseconds:
    'A reader whose queue has been too long for this long is closed with 1013',
  roomBytesMax: 'Updates of a room that stay in memory, beyond what its last joiner needed',
  roomIdleMilliseconds: 'A room that nobody has used for this long leaves memory',
  readAheadDocumentsMax:
    'Documents in use at a stop that the next start reads before they are asked for; 0 for none',
  readAheadBytesMax:
    'Of their bytes; it takes about 0.2 s, while others join, and memory as long as idle rooms do',
  pingMilliseconds: 'A statemesh link that has sent nothing for this long gets a ping',
  deadMilliseconds: 'A statemesh link on which nothing arrived for this long is dead',
  keepAliveMilliseconds: 'Stock clients give up a socket that is silent for 30 s',
  tokenRenewMilliseconds:
    'How long before its token ends a statemesh link is asked for a fresh one',
  drainMilliseconds: 'How long closing waits for the other ends of links',
  blobBytesMax: 'A blob; its pieces count as bytes of updates, whichever way they go',
  blobGraceMilliseconds:
    'A blob that nothing refers to stays for this long, so that whoever puts one can refer to it then',
}

/**
 * When an update is passed on to others: `durable`, once it is, so that what anyone has seen from a
 * relay survives it; or `early`, at once. Acks wait for the disk either way.
 */
export type Forwarding = 'durable' | 'early'

/** Something worth a line in a log. */
export interface RelayEvent extends Partial<Omit<CompactionReport, 'document'>> {
  readonly level: 'info' | 'warn' | 'error'
  readonly event:
    | 'connected'
    | 'disconnected'
    | 'rejected'
    | 'renewed'
    | 'throttled'
    | 'compacted'
    | 'compaction-failed'
    | 'damaged'
    | 'storage-failed'
    | 'storage-works'
    | 'read-ahead'
    | 'failure'
    | 'draining'
    | 'alert'
    | 'closed'
  readonly connection?: number
  readonly address?: string
  /** Who the connection's token was given to. */
  readonly subject?: string
  readonly document?: string
  /** A close code of a link, or a code of an error. */
  readonly code?: number | string
  readonly message?: string
}

export interface RelayOptions {
  /** Belongs to whoever made it: a relay does not close it. */
  storage: Storage
  /**
   * Whether the storage is a copy of an earlier one. A copy made after a clean end looks like what
   * it was copied from, so that replicas would trust the acks that came after it. Default false.
   */
  restored?: boolean
  /** Default `durable`. */
  forward?: Forwarding
  /** Default: the system's. */
  time?: TimeSource
  /** Default: the system's. */
  random?: RandomSource
  limits?: Partial<RelayLimits>
  /** Is told what the relay does, such as a `RelayMetrics`. */
  meter?: RelayMeter
  /** Whether replicas that ask for it are told where others listen, and these of them. Default false. */
  discovery?: boolean
  /** Checks the tokens of connections; without it everybody may do everything. */
  tokens?: TokenVerifier
  onEvent?: (event: RelayEvent) => void
  /** When a figure of `/health` is worth an alert, signal by signal instead of the defaults. */
  thresholds?: Thresholds
  /** When logs are compacted, and how; by default long ones, in a thread of their own. */
  compaction?: CompactionSettings
  /** Default: the system's. */
  memory?: MemorySource
}
