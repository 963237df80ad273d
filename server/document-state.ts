/**
 * How far a document has come: the clocks of its clients, and what is deleted. It is what an update
 * is checked against; it holds no content.
 */
import { DeleteRangeSet, type DeleteRanges } from '../src/model/delete-ranges.ts'
import { checkUpdate, type StateVector, type UpdateVerdict } from '../src/model/update-check.ts'
import type { UpdateLayout } from '../src/model/update-layout.ts'
import type { UpdateStructure } from '../src/model/update-structure.ts'

export class DocumentState {
  readonly #vector: Map<number, number>
  /** From when something is first deleted. */
  #deletes: DeleteRangeSet | undefined

  constructor(from?: DocumentState) {
    this.#vector = new Map(from?.vector)
    if (from !== undefined && from.#deletes !== undefined) this.delete(from.#deletes.toRanges())
  }

  get vector(): StateVector {
    return this.#vector
  }

  check(structure: UpdateStructure): UpdateVerdict {
    return checkUpdate(structure, this.#vector, this.#deletes)
  }

  /** Whether an update holds structs that are known, beside those that are not. */
  overlaps({ blocks }: UpdateLayout): boolean {
    for (const { client, clock } of blocks) {
      if (clock < (this.#vector.get(client) ?? 0)) return true
    }
    return false
  }

  /** Takes in structs that `check` calls new. */
  advance({ blocks }: Pick<UpdateLayout, 'blocks'>): void {
    for (const { client, end } of blocks) {
      if (end > (this.#vector.get(client) ?? 0)) this.#vector.set(client, end)
    }
  }

  delete(deletes: DeleteRanges): void {
    if (deletes.size === 0) return
    this.#deletes ??= new DeleteRangeSet()
    this.#deletes.add(deletes)
  }
}
