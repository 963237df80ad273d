/**
 * When a document's local updates were made, as far as the relay does not have them: how old the
 * oldest of them is. A long backlog is remembered by every second, every fourth ... of them.
 */

interface Mark {
  readonly version: number
  /** On the monotonic clock. */
  readonly at: number
}

const marksMax = 64

export class LagTrail {
  #marks: Mark[] = []
  /** Only every so many updates is marked. */
  #stride = 1

  /** An update was made. */
  made(version: number, at: number): void {
    if (this.#marks.length === 0) this.#stride = 1
    else if (version % this.#stride !== 0) return
    this.#marks.push({ version, at })
    if (this.#marks.length <= marksMax) return
    this.#stride *= 2
    this.#marks = this.#marks.filter((_, index) => index % 2 === 0)
  }

  /**
   * When the oldest update behind `version` was made, or the one marked before it; undefined if there
   * is none. What is older is forgotten.
   */
  oldestBehind(version: number, last: number): number | undefined {
    if (last <= version) {
      this.#marks = []
      return undefined
    }
    const behind = this.#marks.findIndex(mark => mark.version > version)
    // Between two marks there may be updates; the earlier one is the safe answer.
    const first = this.#marks[behind]?.version === version + 1 ? behind : behind - 1
    const from = behind < 0 ? this.#marks.length - 1 : Math.max(0, first)
    this.#marks = this.#marks.slice(Math.max(0, from))
    return this.#marks[0]?.at
  }
}
