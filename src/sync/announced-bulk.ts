/**
 * What the peer of a channel has announced and we may lack. The peer is asked for it when it is its turn
 * among those who have announced something of the document, unless all of it is here by then.
 */
import { type ErrorCode, StatemeshError } from '../base/error.ts'
import type { ReplicaDocument } from '../document/replica-document.ts'
import { outlines, readOutline, type UpdateOutline } from '../model/update-outline.ts'
import { outlineBytesMax } from '../protocol/bulk-frame.ts'
import type { Frame } from '../protocol/frame.ts'
import type { BulkAsker, BulkTurns } from './bulk-turns.ts'
import type { ChannelLink } from './channel-options.ts'

export type AnnounceFrame = Extract<Frame, { type: 'announce' }>

export interface AnnouncedBulkOptions {
  document: ReplicaDocument
  turns: BulkTurns
  link: Pick<ChannelLink, 'peer' | 'ask' | 'late' | 'offended'>
  /** Whether the peer may write; one that may not has been told so, and may send nothing any more. */
  mayWrite(): boolean
  /** All of it is here. */
  onHeld(frame: AnnounceFrame): void
  /** Some of it is missing, and the stream waits until it is here or was asked for. */
  onMissing(): void
  /** The peer is asked for what it has announced. */
  want(frame: AnnounceFrame): void
  /** The peer is asked for less than it has announced: for what is missing now. */
  wantRest(): void
  /** The peer has gone on without sending it. */
  onBroken(): void
}

interface Awaited {
  readonly frame: AnnounceFrame
  readonly outline: UpdateOutline
  /** Of the document, when it was announced. */
  readonly version: number
  isAsked: boolean
}

export class AnnouncedBulk implements BulkAsker {
  readonly #options: AnnouncedBulkOptions
  #awaited: Awaited | undefined

  constructor(options: AnnouncedBulkOptions) {
    this.#options = options
  }

  get isAwaited(): boolean {
    return this.#awaited !== undefined
  }

  /** The peer has announced something. @throws FRAME_INVALID, UPDATE_INVALID */
  take(frame: AnnounceFrame): void {
    const { document, turns, link, onHeld, onMissing } = this.#options
    // It may have to begin anew; but whoever does so again and again is not waited for.
    if (this.#awaited?.isAsked) turns.failed(link.peer)
    this.drop()
    if (frame.outline.length > outlineBytesMax) {
      throw new StatemeshError('FRAME_INVALID', 'an outline is too long')
    }
    const outline = readOutline(frame.outline)
    if (document.holds(outline)) return onHeld(frame)
    this.#awaited = { frame, outline, version: document.version, isAsked: false }
    onMissing()
    const { bytes, state } = frame
    turns.enter(document.name, { asker: this, peer: link.peer, bytes, mayCome: !state })
  }

  /** Something was taken in that came in its place. */
  came(): void {
    const awaited = this.#awaited
    this.drop()
    if (awaited?.isAsked !== true) return
    const { document, turns, link } = this.#options
    if (document.holds(awaited.outline)) turns.delivered(link.peer)
    else this.#broken('is not what it sent')
  }

  /** The stream goes on without it. */
  drop(): void {
    if (this.#awaited === undefined) return
    this.#awaited = undefined
    const { turns, document } = this.#options
    turns.leave(document.name, this)
  }

  /** Whether what is awaited from the peer holds all of an update. */
  includes(update: Uint8Array): boolean {
    return this.#awaited !== undefined && outlines(this.#awaited.outline, update)
  }

  begin(): void {
    const awaited = this.#awaited
    if (awaited === undefined) return
    const { frame, outline, version } = awaited
    const { document, link, onHeld, want, wantRest, onBroken } = this.#options
    if (document.holds(outline)) {
      this.drop()
      return onHeld(frame)
    }
    awaited.isAsked = true
    // It waits for room in our window before it sends a state, so what it answers meanwhile proves nothing.
    if (frame.state && document.version !== version) return wantRest()
    want(frame)
    link.ask(() => {
      if (this.#awaited !== awaited) return
      this.drop()
      this.#broken('did not come')
      onBroken()
    })
  }

  late(): void {
    this.#options.link.late(this.#error('LINK_FAILED', 'has not come so far'))
  }

  #broken(what: string): void {
    const { turns, link, mayWrite } = this.#options
    turns.failed(link.peer)
    if (!mayWrite()) return
    const error = this.#error('FRAME_INVALID', what)
    link.late(error)
    link.offended(error)
  }

  #error(code: ErrorCode, what: string): StatemeshError {
    return new StatemeshError(code, `${this.#options.document.name}: what it announced ${what}`)
  }
}
