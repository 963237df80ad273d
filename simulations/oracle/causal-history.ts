/**
 * What the writer of every change had seen of the document when it made it: recorded as changes are
 * made, by the clocks of Yjs, for the checker of causality.
 */
import type * as Y from 'yjs'

/** A change of one writer, and what it had seen. */
export interface SeenClocks {
  /** The writer's clock behind it. */
  readonly end: number
  readonly seen: ReadonlyMap<number, number>
}

export class CausalHistory {
  /** By document and writer. */
  readonly #changes = new Map<string, Map<number, SeenClocks[]>>()

  /** Records the changes that are made on a document from now on. */
  record(document: string, doc: Y.Doc): void {
    doc.on('afterTransaction', ({ local, beforeState, afterState }: Y.Transaction) => {
      if (!local) return
      const writer = doc.clientID
      const end = afterState.get(writer) ?? 0
      if (end === (beforeState.get(writer) ?? 0)) return
      this.#of(document, writer).push({ end, seen: beforeState })
    })
  }

  /** The changes of a writer behind one clock and up to another, in order. */
  between(document: string, writer: number, from: number, to: number): SeenClocks[] {
    const changes = this.#of(document, writer)
    const found: SeenClocks[] = []
    // The latest first: what is asked for is mostly new.
    for (let index = changes.length - 1; index >= 0; index--) {
      const change = changes[index] as SeenClocks
      if (change.end <= from) break
      if (change.end <= to) found.unshift(change)
    }
    return found
  }

  #of(document: string, writer: number): SeenClocks[] {
    let writers = this.#changes.get(document)
    if (writers === undefined) {
      writers = new Map()
      this.#changes.set(document, writers)
    }
    let changes = writers.get(writer)
    if (changes === undefined) {
      changes = []
      writers.set(writer, changes)
    }
    return changes
  }
}
