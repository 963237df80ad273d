/** Asks the others to confirm what was written, and tells what they have confirmed. */
import type { FlushOptions, Replica } from '../../src/index.ts'

export class DurableAcks {
  readonly #replica: Replica
  readonly #level: FlushOptions
  readonly #tell: (items: readonly string[]) => void
  #waiting: string[] = []
  #asking: Promise<void> | undefined

  /** @param tell called with the pieces that have reached the level */
  constructor(replica: Replica, level: FlushOptions, tell: (items: readonly string[]) => void) {
    this.#replica = replica
    this.#level = level
    this.#tell = tell
  }

  /** Adds a piece that has just been written. */
  add(item: string): void {
    this.#waiting.push(item)
    if (this.#asking !== undefined) return
    this.#asking = this.#ask().finally(() => {
      this.#asking = undefined
    })
    // Whoever waits with `settled` hears of a failure; until then it is nobody's to handle.
    this.#asking.catch(() => undefined)
  }

  /**
   * Resolves when everything added so far is acked.
   *
   * @throws as `Replica.flush` does
   */
  async settled(): Promise<void> {
    await this.#asking
    if (this.#waiting.length > 0) await this.#ask()
  }

  // One flush at a time: what is written meanwhile is asked for with the next.
  async #ask(): Promise<void> {
    while (this.#waiting.length > 0) {
      const asked = this.#waiting
      this.#waiting = []
      try {
        await this.#replica.flush(this.#level)
      } catch (error) {
        this.#waiting = [...asked, ...this.#waiting]
        throw error
      }
      this.#tell(asked)
    }
  }
}
