/** What the channel of a document is told, what it asks of its link, and whom it tells. */
import type { StatemeshError } from '../base/error.ts'
import type { ReplicaDocument } from '../document/replica-document.ts'
import type { AckLevel, Frame } from '../protocol/frame.ts'
import type { BulkTurns } from './bulk-turns.ts'

/** Somebody who waits for room in the window of a peer. */
export interface CreditWaiter {
  /** There may be room. */
  pump(): void
}

/** The link as a channel sees it. */
export interface ChannelLink {
  /** The longest update that the peer accepts. */
  readonly updateBytesMax: number
  /** Whether the peer takes announcements (C5). */
  readonly announces: boolean
  /** Who the peer is. */
  readonly peer: string
  send(frame: Frame): void
  /** Whether the peer's window has room; if not, `pump` is called when it has again. */
  hasCredit(channel: CreditWaiter): boolean
  spendCredit(bytes: number): void
  returnCredit(bytes: number): void
  /** What the peer has under way to us, not durable yet, changed by this many bytes. */
  receiving(bytes: number): void
  /** Calls back when the peer has answered all that it was sent before. */
  ask(answered: () => void): void
  /** What the peer sent was refused, or it did not send what it had to. */
  offended(error: StatemeshError): void
  /** The peer has not sent what it had announced; people are to know. */
  late(error: StatemeshError): void
}

export interface ChannelOptions {
  document: ReplicaDocument
  number: number
  link: ChannelLink
  /**
   * A relay stores what it has before it says so, and is told nothing of what is durable here. A
   * peer may say what it has only in memory, and both ends ack.
   */
  isRelay: boolean
  /** Whose turn it is, on any link, to send what was announced; undefined where nothing is (C5). */
  turns: BulkTurns | undefined
  handlers: ChannelHandlers
}

export interface ChannelHandlers {
  /** The peer has everything up to `version` of the document, at a level. */
  acked(level: AckLevel, version: number): void
  /** We have all that the peer had when it sent its `state`. */
  synced(): void
  /** Something is missing, and was asked for; `synced` follows. */
  behind(): void
  /** The peer's store, learnt from its `open`. */
  generation(generation: string): void
  /** The peer takes nothing more of ours, and goes on sending what it has. */
  writesRefused(error: StatemeshError): void
  /** The channel has ended: refused by the peer, or by us for what it sent. */
  refused(error: StatemeshError): void
}
