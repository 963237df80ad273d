/**
 * The outline of an update: how far it reaches of each client and what it deletes, without what it
 * says. Whoever has a document can tell by it whether the update would bring anything.
 *
 *     outline = state vector, delete set; both as Yjs V1 encodes them
 */
import * as Y from 'yjs'
import { concatBytes } from '../base/bytes.ts'
import { DeleteRangeSet, type DeleteRanges } from './delete-ranges.ts'
import { endOf } from './update-check.ts'
import { UpdateCursor } from './update-cursor.ts'
import { readDeletes, readUpdateStructure } from './update-structure.ts'

export interface UpdateOutline {
  /** Per client the clock after the last that the update holds. */
  readonly ends: ReadonlyMap<number, number>
  readonly deletes: DeleteRanges
}

/** The encoded outline of an update. @throws UPDATE_INVALID */
export function outlineOf(update: Uint8Array): Uint8Array {
  const structure = readUpdateStructure(update)
  const ends = new Map<number, number>()
  for (const client of structure.structs.keys()) ends.set(client, endOf(structure, client))
  const deletes = update.subarray(structure.deleteSetOffset, structure.endOffset)
  return concatBytes([Y.encodeStateVector(ends), deletes])
}

/** @throws UPDATE_INVALID */
export function readOutline(outline: Uint8Array): UpdateOutline {
  const cursor = new UpdateCursor(outline)
  const ends = new Map<number, number>()
  for (let left = cursor.count('clients', 2); left > 0; left--) {
    const client = cursor.uint()
    ends.set(client, cursor.uint())
  }
  return { ends, deletes: readDeletes(outline, { deleteSetOffset: cursor.offset }) }
}

/** Whether an outline says all that an update does. @throws UPDATE_INVALID */
export function outlines({ ends, deletes }: UpdateOutline, update: Uint8Array): boolean {
  const structure = readUpdateStructure(update)
  for (const client of structure.structs.keys()) {
    if (endOf(structure, client) > (ends.get(client) ?? 0)) return false
  }
  const said = new DeleteRangeSet()
  said.add(deletes)
  return said.contains(structure.deletes)
}
