/** What a relay is given, its limits with their reasons, and what it tells about itself. */
import type { RandomSource } from '../src/base/random.ts'
import type { TimeSource } from '../src/base/time.ts'
import type { Storage } from '../src/storage/storage.ts'
import type { TokenVerifier } from './token.ts'

export interface RelayLimits {
  /** The longest message; a compacted document travels as one update, so it bounds those too. */
  messageBytesMax: number
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
