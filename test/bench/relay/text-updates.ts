/** The updates of somebody who types into a text and deletes from it, by seed. */
import * as Y from 'yjs'
import type { RandomSource } from '../../../src/base/random.ts'

export class TextUpdates {
  /** All that were made. */
  readonly made: Uint8Array[] = []
  readonly #text: Y.Text
  readonly #random: RandomSource

  constructor(clientID: number, random: RandomSource) {
    const doc = new Y.Doc()
    doc.clientID = clientID
    doc.on('update', update => this.made.push(update))
    this.#text = doc.getText('text')
    this.#random = random
  }

  next(): Uint8Array {
    const { length } = this.#text
    const at = length === 0 ? 0 : this.#random.uint32() % length
    // A third of what is typed goes again.
    if (length > 20 && this.#random.uint32() % 3 === 0)
      this.#text.delete(at, Math.min(2, length - at))
    else this.#text.insert(at, 'word '.slice(0, 1 + (this.#random.uint32() % 5)))
    return this.made.at(-1) as Uint8Array
  }
}
