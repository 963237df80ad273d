/** Checks an update that is to become a document. */
import { StatemeshError } from '../base/error.ts'
import { checkUpdate } from './update-check.ts'
import { readUpdateStructure } from './update-structure.ts'

const nothing = { get: () => 0 }

/**
 * The update, if a document can be made of it alone.
 *
 * @throws UPDATE_INVALID for one that is malformed, or that builds on others
 */
export function checkWholeUpdate(update: Uint8Array): Uint8Array {
  const structure = readUpdateStructure(update)
  if (structure.endOffset !== update.length) {
    throw new StatemeshError('UPDATE_INVALID', 'something follows the update')
  }
  if (checkUpdate(structure, nothing) === 'gap') {
    throw new StatemeshError('UPDATE_INVALID', 'it builds on updates that are not in it')
  }
  return update
}
