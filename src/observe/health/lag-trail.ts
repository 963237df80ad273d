/**
 * When the updates were made that the relay is owed: how many it lacks, and how old the oldest of
 * them is. Of a long backlog only every second, every fourth ... is remembered.
 */

interface Mark {
  readonly version: number
  /** On the monotonic clock. */
  readonly at: number
  /** How many owed updates there were before it. */
  readonly before: number
}

export interface Lag {
  readonly updates: number
  /** When the oldest of them was made, or one shortly before it, on the monotonic clock. */
  readonly since: number
}

const marksMax = 64

export class LagTrail {
  #marks: Mark[] = []
  /** Only every so many updates is marked. */
  #stride = 1
  #made = 0
  #last = 0

  /** An update was made that the relay is owed; the document is at that version since. */
  made(version: number, at: number): void {
    if (this.#marks.length === 0) this.#stride = 1
    if (this.#marks.length === 0 || this.#made % this.#stride === 0) {
      this.#marks.push({ version, at, before: this.#made })
    }
    this.#made += 1
    this.#last = version
    if (this.#marks.length <= marksMax) return
    this.#stride *= 2
    this.#marks = this.#marks.filter((_, index) => index % 2 === 0)
  }

  /** What is owed behind a version; undefined if nothing is. What is not, is forgotten. */
  behind(version: number): Lag | undefined {
    if (this.#last <= version) this.#marks = []
    const next = this.#marks.findIndex(mark => mark.version > version)
    // Between two marks there may be updates: the earlier one is the safe answer.
    const behind = next < 0 ? this.#marks.length - 1 : next
    const from = this.#stride === 1 || next < 1 ? behind : behind - 1
    this.#marks = this.#marks.slice(Math.max(0, from))
    const [oldest] = this.#marks
    return oldest && { since: oldest.at, updates: this.#made - oldest.before }
  }
}
