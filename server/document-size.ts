/**
 * How many bytes a document has, and whether more may come. The sum of its updates is an upper
 * bound, because a compaction drops what was overwritten: when it gets too high, the stored document
 * is measured before anyone is refused for good.
 */
import { StatemeshError } from '../src/base/error.ts'

export class DocumentSize {
  readonly #bytesMax: number
  #bytes = 0
  #addedBytes = 0

  constructor(bytesMax: number) {
    this.#bytesMax = bytesMax
  }

  get bytes(): number {
    return this.#bytes
  }

  /** The stored document has been read: it has so many bytes, with what is not stored yet. */
  measured(bytes: number): void {
    this.#bytes = bytes
    this.#addedBytes = 0
  }

  add(bytes: number): void {
    this.#bytes += bytes
    this.#addedBytes += bytes
  }

  /**
   * Refuses an update for which there is no room; for now, and after a call of `measure`, if a
   * measurement might find some.
   *
   * @throws DOCUMENT_TOO_LARGE
   */
  check(bytes: number, measure: () => void): void {
    if (this.#bytes + bytes <= this.#bytesMax) return
    const retryable = this.#addedBytes > this.#bytesMax / 16
    if (retryable) measure()
    const message = `the document has ${this.#bytes} bytes, and may have ${this.#bytesMax}`
    throw new StatemeshError('DOCUMENT_TOO_LARGE', message, { retryable })
  }
}
