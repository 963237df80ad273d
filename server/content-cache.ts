/**
 * What a room has in memory of its content: all of it, or nothing, when it was too much to keep and
 * nobody needs it. Then it is read from the storage again for the next who does.
 */
import { assert } from '../src/base/assert.ts'
import type { StateVector } from '../src/model/update-check.ts'
import { cutUpdate, type LaidOutUpdate } from '../src/model/update-splice.ts'
import { RoomContent } from './room-content.ts'
import type { ReadDocument } from './stored-document.ts'

type CacheState =
  | {
      readonly kind: 'present'
      readonly content: RoomContent
      /** Where more was read than readers are shown: of a commit that failed, or is under way. */
      readonly beyond: StateVector | undefined
    }
  | { readonly kind: 'stored' }
  | { readonly kind: 'reading'; meanwhile: LaidOutUpdate[] }

export interface ContentCacheOptions {
  /** What came since a reader last asked is given up beyond this many bytes. */
  bytesMax: number
  /** Has the document read; `hasRead` or `readFailed` follow. */
  read: () => void
}

export class ContentCache {
  readonly #options: ContentCacheOptions
  #state: CacheState
  #bytes: number
  /** What is shown to readers and may not be stored, where there is any. */
  #unstored: Set<LaidOutUpdate> | undefined

  /** @param updates the whole document */
  constructor(updates: readonly LaidOutUpdate[], options: ContentCacheOptions) {
    this.#options = options
    const content = new RoomContent(updates)
    this.#bytes = content.bytes
    this.#state = { kind: 'present', content, beyond: undefined }
  }

  /** Of the document, when it was read last. */
  get bytes(): number {
    return this.#bytes
  }

  /** The content; undefined while it is read. */
  get(): RoomContent | undefined {
    if (this.#state.kind === 'stored') this.read()
    return this.#state.kind === 'present' ? this.#state.content : undefined
  }

  /** Has the document read from the storage. */
  read(): void {
    if (this.#state.kind === 'reading') return
    this.#state = { kind: 'reading', meanwhile: [...(this.#unstored ?? [])] }
    this.#options.read()
  }

  /** Takes in what readers are shown from now on. */
  add(update: LaidOutUpdate, { stored }: { stored: boolean }): void {
    const state = this.#state
    if (!stored) {
      this.#unstored ??= new Set()
      this.#unstored.add(update)
    }
    if (state.kind === 'reading') state.meanwhile.push(update)
    if (state.kind !== 'present') return
    const { content, beyond } = state
    content.add(beyond === undefined ? update : cutUpdate(update, beyond))
    if (content.addedBytes > this.#options.bytesMax) this.#state = { kind: 'stored' }
  }

  /** What was not when it was added is stored now. */
  stored(update: LaidOutUpdate): void {
    this.#unstored?.delete(update)
  }

  /** What is not stored yet is lost, and is shown to nobody any more. */
  dropUnstored(): void {
    const lost = this.#unstored
    const state = this.#state
    this.#unstored = undefined
    if (state.kind === 'present') this.#state = { kind: 'stored' }
    if (state.kind === 'reading') state.meanwhile = state.meanwhile.filter(item => !lost?.has(item))
  }

  /** The document has been read, while readers were `shown` this much of it. */
  hasRead({ updates, state: read }: ReadDocument, shown: StateVector): void {
    const state = this.#state
    assert(state.kind === 'reading', 'read what nobody needed')
    // Commits meanwhile may be among what was read.
    for (const update of state.meanwhile) {
      if (read.overlaps(update.layout)) continue
      read.advance(update.layout)
      updates.push(update)
    }
    const content = new RoomContent(updates)
    const beyond = isBeyond(read.vector, shown) ? read.vector : undefined
    this.#bytes = content.bytes
    this.#state = { kind: 'present', content, beyond }
  }

  readFailed(): void {
    this.#state = { kind: 'stored' }
  }

  /**
   * The stored document has been compacted to so many bytes. Where that is much less than what is in
   * memory, that is given up: who joins next gets the compacted one.
   */
  compacted(bytes: number): void {
    const state = this.#state
    if (state.kind === 'present' && state.content.bytes > 2 * bytes)
      this.#state = { kind: 'stored' }
  }
}

/** Whether one state has something that the other has not. */
function isBeyond(vector: StateVector, other: StateVector): boolean {
  for (const [client, clock] of vector) if (clock > (other.get(client) ?? 0)) return true
  return false
}
