/** Reads the stored log of a document as chunks and the state they add up to. */
import { StatemeshError } from '../src/base/error.ts'
import { readUpdateStructure, type UpdateStructure } from '../src/model/update-structure.ts'
import type { StoredDocument } from '../src/storage/storage.ts'
import { type Chunk, cutUpdate, updateChunk } from './chunk.ts'
import { DocumentState } from './document-state.ts'

export interface ReadDocument {
  readonly chunks: Chunk[]
  readonly state: DocumentState
  /** What is missing, for people; empty when the log is whole. */
  readonly damage: string[]
  /** Updates that build on something missing; they are whole, and count when that comes back. */
  readonly orphans: readonly Piece[]
}

export interface Piece {
  readonly update: Uint8Array
  readonly structure: UpdateStructure
}

/**
 * Takes in the updates of a log, in order. What cannot be read or builds on something that is not
 * there is left out and reported: whoever still has the missing part brings all that follows it
 * too, because the state does not claim it.
 */
export function readDocument(stored: StoredDocument): ReadDocument {
  const damage = stored.damaged.map(({ clock, reason }) => `update ${clock}: ${reason}`)
  const chunks: Chunk[] = []
  const state = new DocumentState()
  let gapped: Piece[] = []
  const take = (piece: Piece): void => {
    const verdict = state.check(piece.structure)
    if (verdict === 'gap') gapped.push(piece)
    if (verdict !== 'new') return
    state.advance(piece.structure)
    chunks.push(updateChunk(piece.update, piece.structure))
  }
  for (const { clock, update } of stored.updates) {
    try {
      take({ update, structure: readUpdateStructure(update) })
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
  return { chunks, state, damage, orphans: gapped }
}

/** What a piece brings that the state does not have. */
export function cutPiece({ update }: Piece, { vector }: DocumentState): Piece {
  const rest = cutUpdate(update, vector)
  return { update: rest, structure: readUpdateStructure(rest) }
}
