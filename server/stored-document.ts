/** Reads the stored log of a document as updates and the state they add up to. */
import { StatemeshError } from '../src/base/error.ts'
import { readUpdateIndex } from '../src/model/update-index.ts'
import type { UpdateLayout } from '../src/model/update-layout.ts'
import { cutUpdate, type LaidOutUpdate } from '../src/model/update-splice.ts'
import {
  readDeletes,
  readUpdateStructure,
  type UpdateStructure,
} from '../src/model/update-structure.ts'
import type { StoredDocument } from '../src/storage/storage.ts'
import { DocumentState } from './document-state.ts'

export interface ReadDocument {
  /** No clock is in two of them. */
  readonly updates: LaidOutUpdate[]
  readonly state: DocumentState
  /** What is missing, for people; empty when the log is whole. */
  readonly damage: string[]
  /** Updates that build on something missing; they are whole, and count when that comes back. */
  readonly orphans: readonly Piece[]
}

export interface Piece extends LaidOutUpdate {
  readonly layout: UpdateStructure
}

/**
 * Takes in the updates of a log, in order. What cannot be read or builds on something that is not
 * there is left out and reported: whoever still has the missing part brings all that follows it
 * too, because the state does not claim it.
 */
export function readDocument(stored: StoredDocument): ReadDocument {
  const damage = stored.damaged.map(({ clock, reason }) => `update ${clock}: ${reason}`)
  const updates: LaidOutUpdate[] = []
  const state = new DocumentState()
  let gapped: Piece[] = []
  const take = (piece: Piece): void => {
    const verdict = state.check(piece.layout)
    if (verdict === 'gap') gapped.push(piece)
    if (verdict !== 'new') return
    const { update, layout } = newPiece(piece, state)
    state.advance(layout)
    state.delete(layout.deletes)
    updates.push({ update, layout: withoutDetails(layout) })
  }
  for (const { clock, update } of stored.updates) {
    try {
      const index = updates.length === 0 ? readUpdateIndex(update) : undefined
      if (index === undefined) {
        take({ update, layout: readUpdateStructure(update) })
      } else {
        // What is behind a compacted update has been read when it was made.
        state.advance(index)
        state.delete(readDeletes(update, index))
        updates.push({ update, layout: index })
      }
    } catch (thrown) {
      if (!(thrown instanceof StatemeshError)) throw thrown
      damage.push(`update ${clock}: ${thrown.message}`)
    }
  }
  // A log that was written elsewhere may have its updates in another order, and items in them of
  // which an earlier one had the beginning.
  for (let before = -1; gapped.length > 0 && gapped.length !== before; ) {
    before = gapped.length
    const again = gapped
    gapped = []
    for (const piece of again) take(cutPiece(piece, state))
  }
  if (gapped.length > 0) damage.push(`${gapped.length} updates build on something missing`)
  return { updates, state, damage, orphans: gapped }
}

/** An update as it is where the state has nothing of it, else what it brings. */
export function newPiece(piece: Piece, state: DocumentState): Piece {
  return state.overlaps(piece.layout) ? cutPiece(piece, state) : piece
}

/** What an update brings that the state does not have. */
export function cutPiece(piece: Piece, { vector }: DocumentState): Piece {
  const { update } = cutUpdate(piece, vector)
  return { update, layout: readUpdateStructure(update) }
}

/** What a structure says beyond the layout is needed once. */
function withoutDetails({ blocks, deleteSetOffset, endOffset }: UpdateLayout): UpdateLayout {
  return { blocks, deleteSetOffset, endOffset }
}
