/**
 * Tells listeners what transactions changed, but only after Yjs has finished with them: nothing
 * is written inside an observer, and a listener that writes finds its own write in the next read.
 * What a listener's writes change is told after what is being told, so all see one order.
 */
import type * as Y from 'yjs'

export class TransactionFeed<Notice> {
  readonly #doc: Y.Doc
  readonly #deliver: (notice: Notice) => void
  #waiting: Notice[] = []
  #delivering = false

  /** `deliver` is called once for each notice, in order; it must not throw. */
  constructor(doc: Y.Doc, deliver: (notice: Notice) => void) {
    this.#doc = doc
    this.#deliver = deliver
    doc.on('afterAllTransactions', this.drain)
  }

  push(notice: Notice): void {
    this.#waiting.push(notice)
  }

  /** Drops what was not delivered yet. */
  close(): void {
    this.#doc.off('afterAllTransactions', this.drain)
    this.#waiting = []
  }

  /** Delivers what is waiting, unless that is under way already. */
  readonly drain = (): void => {
    if (this.#delivering || this.#waiting.length === 0) return
    this.#delivering = true
    try {
      for (let next = this.#waiting.shift(); next !== undefined; next = this.#waiting.shift()) {
        this.#deliver(next)
      }
    } finally {
      this.#delivering = false
    }
  }
}
