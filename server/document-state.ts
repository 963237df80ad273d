/**
 * How far a document has come: the clocks of its clients, and what is deleted. It is what an update
 * is checked against; it holds no content.
 */
import { DeleteRangeSet } from '../src/model/delete-ranges.ts'
import {
  advanceState,
  checkUpdate,
  type StateVector,
  type UpdateVerdict,
} from '../src/model/update-check.ts'
import type { UpdateStructure } from '../src/model/update-structure.ts'

export class DocumentState {
  readonly #vector: Map<number, number>
  readonly #deletes = new DeleteRangeSet()

  constructor(from?: DocumentState) {
    this.#vector = new Map(from?.vector)
    if (from !== undefined) this.#deletes.add(from.#deletes.toRanges())
  }

  get vector(): StateVector {
    return this.#vector
  }

  check(structure: UpdateStructure): UpdateVerdict {
    return checkUpdate(structure, this.#vector, this.#deletes)
  }

  /** Takes in an update that `check` calls new. */
  advance(structure: UpdateStructure): void {
    advanceState(this.#vector, structure)
    if (structure.deletes.size > 0) this.#deletes.add(structure.deletes)
  }
}
