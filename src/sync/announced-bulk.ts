/**
 * What the peer of a channel has announced and we may lack. The peer is asked for it when it is its turn
 * among those who have announced something of the document, unless all of it is here by then.
 */
import { StatemeshError } from '../base/error.ts'
import type { ReplicaDocument } from '../document/replica-document.ts'
import { outlines, readOutline, type UpdateOutline } from '../model/update-outline.ts'
import { outlineBytesMax } from '../protocol/bulk-frame.ts'
import type { Frame } from '../protocol/frame.ts'
import type { BulkAsker, BulkTurns } from './bulk-turns.ts'

export type AnnounceFrame = Extract<Frame, { type: 'announce' }>

export interface AnnouncedBulkOptions {
  document: ReplicaDocument
  turns: BulkTurns
  /** All of it is here. */
  onHeld(frame: AnnounceFrame): void
  /** Some of it is missing, and the stream waits until it is here or was asked for. */
  onMissing(): void
  /** The peer is to be asked; the document may have changed since it has announced. */
  ask(frame: AnnounceFrame, hasChanged: boolean): void
  /** The peer was asked and has not sent it in time. */
  onLate(frame: AnnounceFrame, error: StatemeshError): void
}

interface Awaited {
  readonly frame: AnnounceFrame
  readonly outline: UpdateOutline
  /** Of the document, when it was announced. */
  readonly version: number
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
    const { document, turns, onHeld, onMissing } = this.#options
    this.drop()
    if (frame.outline.length > outlineBytesMax) {
      throw new StatemeshError('FRAME_INVALID', 'an outline is too long')
    }
    const outline = readOutline(frame.outline)
    if (document.holds(outline)) return onHeld(frame)
    this.#awaited = { frame, outline, version: document.version }
    onMissing()
    turns.enter(document.name, { asker: this, bytes: frame.bytes, mayCome: !frame.state })
  }

  /** It has come, or the stream goes on without it. */
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
    if (this.#awaited === undefined) return
    const { frame, outline, version } = this.#awaited
    const { document, onHeld, ask } = this.#options
    if (!document.holds(outline)) return ask(frame, document.version !== version)
    this.drop()
    onHeld(frame)
  }

  late(): void {
    if (this.#awaited === undefined) return
    const { frame } = this.#awaited
    this.#awaited = undefined
    const message = `${this.#options.document.name}: what it announced did not come`
    this.#options.onLate(frame, new StatemeshError('LINK_FAILED', message))
  }
}
