/** What a relay is given, its limits with their reasons, and what it tells about itself. */
import type { RandomSource } from '../src/base/random.ts'
import type { TimeSource } from '../src/base/time.ts'
import { documentWritersMax } from '../src/model/writer-limit.ts'
import type { Storage } from '../src/storage/storage.ts'
import type { TokenVerifier } from './token.ts'

export interface RelayLimits {
  /** The longest message; a compacted document travels as one update, so it bounds those too. */
  messageBytesMax: number
  /** A document; a `Y.Doc` takes 11 to 13 times its bytes, so that this is 400 MB in a client. */
  documentBytesMax: number
  /** Clients that ever wrote in a document; each costs every later change of every replica. */
  documentWritersMax: number
  /** Documents on a link; each costs about 1 kB. */
  channelsMax: number
  /** Connections from one address (IPv6: one /64); each costs 10 to 17 kB. A proxy is one address. */
  connectionsPerAddressMax: number
  /** Updates of a connection; about twice what a relay can store, so that it stops floods alone. */
  updatesPerSecondMax: number
  /** Bytes of updates of a connection; a disk takes as much. */
  bytesPerSecondMax: number
  /** Documents that a connection has itself sent, after those that it opens first. */
  joinsPerSecondMax: number
  /** Clients that a connection brings to documents that did not know them: one whole document's. */
  newWritersMax: number
  /** How fast a connection may bring more of them. A process needs one for all its documents. */
  newWritersPerSecondMax: number
  /** Invalid updates and names of a connection before it is closed with 4400. */
  offencesMax: number
  /** Refused updates that are kept to be looked at. */
  quarantineCountMax: number
  /** Of each, at most this many bytes. */
  quarantineBytesMax: number
  /** What a client says about itself, as JSON; it goes to every reader at each of its changes. */
  awarenessStateLengthMax: number
  /** Clients of one document that say something. */
  awarenessClientsMax: number
  /** Clients that one socket speaks for; a client needs one. */
  awarenessOwnedMax: number
  /** What a client says is taken back after so long; stock clients repeat it every 15 s. */
  awarenessIdleMilliseconds: number
  /** How many bytes of updates a link may have under way without a durable ack. */
  windowBytes: number
  /** Bytes that wait for a slow reader; with 1,000 slow readers 4 GB, with the usual few nothing. */
  queueBytesMax: number
  /** A reader whose queue has been too long for this long is closed with 1013. */
  slowReaderMilliseconds: number
  /** Updates of a room that stay in memory, beyond what its last joiner needed. */
  roomBytesMax: number
  /** A room that nobody has used for this long leaves memory. */
  roomIdleMilliseconds: number
  /** A statemesh link that has sent nothing for this long gets a ping. */
  pingMilliseconds: number
  /** A statemesh link on which nothing arrived for this long is dead. */
  deadMilliseconds: number
  /** Stock clients give up a socket that is silent for 30 s. */
  keepAliveMilliseconds: number
  /** How long before its token ends a statemesh link is asked for a fresh one. */
  tokenRenewMilliseconds: number
  /** How long closing waits for the other ends of links. */
  drainMilliseconds: number
}

const MiB = 1024 * 1024

export const defaultRelayLimits: Readonly<RelayLimits> = {
  messageBytesMax: 64 * MiB,
  documentBytesMax: 32 * MiB,
  documentWritersMax,
  channelsMax: 4096,
  connectionsPerAddressMax: 4096,
  updatesPerSecondMax: 100_000,
  bytesPerSecondMax: 64 * MiB,
  joinsPerSecondMax: 200,
  newWritersMax: documentWritersMax,
  newWritersPerSecondMax: 4,
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
  pingMilliseconds: 15_000,
  deadMilliseconds: 40_000,
  keepAliveMilliseconds: 20_000,
  tokenRenewMilliseconds: 60_000,
  drainMilliseconds: 5_000,
}

/** Something worth a line in a log. */
export interface RelayEvent {
  readonly level: 'info' | 'warn' | 'error'
  readonly event:
    | 'connected'
    | 'disconnected'
    | 'rejected'
    | 'damaged'
    | 'storage-failed'
    | 'failure'
    | 'draining'
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
  /** Default: the system's. */
  time?: TimeSource
  /** Default: the system's. */
  random?: RandomSource
  limits?: Partial<RelayLimits>
  /** Checks the tokens of connections; without it everybody may do everything. */
  tokens?: TokenVerifier
  onEvent?: (event: RelayEvent) => void
}
