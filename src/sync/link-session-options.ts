/** What a link session is told, and whom it tells. */
import type { StatemeshError } from '../base/error.ts'
import type { TimeSource } from '../base/time.ts'
import type { Frame } from '../protocol/frame.ts'
import type { BlobStore } from '../storage/blobs/blob-store.ts'
import type { Link } from '../transport/transport.ts'
import type { BulkTurns } from './bulk-turns.ts'
import type { Conduct } from './conduct.ts'
import type { DocumentChannel } from './document-channel.ts'
import type { PresenceExchange } from './presence-exchange.ts'

export type FrameOf<Type extends Frame['type']> = Extract<Frame, { type: Type }>

export interface LinkSessionOptions {
  link: Link
  time: TimeSource
  /** The id of this incarnation, for the hello. */
  node: string
  /** The incarnation of our store. */
  generation: string
  /** Whether the other end is a relay; see `ChannelOptions`. */
  isRelay: boolean
  /** Among peers: whose turn it is to send what was announced. A relay announces nothing. */
  turns?: BulkTurns | undefined
  /** The longest message that we accept. */
  messageBytesMax: number
  /** How many bytes may be under way to us without a durable ack; 0: any number. */
  windowBytes: number
  /** Blobs that the peer may be asked for, and may ask for where their document is open. */
  blobs?: BlobStore | undefined
  /** How much the peer may ask for, and bring; any amount unless given. */
  conduct?: Conduct | undefined
  /** Hears who is here, and says so. */
  presences?: PresenceExchange | undefined
  /** Who the peer is, as far as it cannot pass for somebody else. */
  peer?(): string | undefined
  /** Who the peer's token was given to, where one was asked for. */
  subject?(): string | undefined
  /** The peer has said hello; channels may be opened. */
  onReady(hello: FrameOf<'hello'>): void
  /** The peer says who else there is. */
  onMembers?(members: FrameOf<'members'>): void
  /** A relay names others who listen. */
  onIntroduced?(introduce: FrameOf<'introduce'>): void
  /** The peer asks for all that is stored here of some scopes. */
  onInterest?(interest: FrameOf<'interest'>): void
  /** The peer says what it holds of a channel's document. */
  onDigest?(channel: DocumentChannel, digest: FrameOf<'digest'>): void
  /** The peer opens a document that is not open here; see `answerOpen`. Default: it is refused. */
  onOpened?(open: FrameOf<'open'>): void
  /** The link ends for what the peer sent, or did not take. */
  onMalformed?(error: StatemeshError): void
  /** What the peer sent in a channel was refused. */
  onOffence?(error: StatemeshError): void
  /** The peer has not sent what it had announced. */
  onLate?(error: StatemeshError): void
  /** The peer asks for a fresh token. */
  onTokenAsked?(): void
  /** The peer sends a fresh token of its own. */
  onToken?(token: string): void
  /** The peer says who it is. */
  onPeer?(peer: FrameOf<'peer'>): void
  /** The link is gone, and every channel on it has ended. */
  onClose(code: number, reason: string): void
}
