/**
 * How much a disk writes in a given time, learnt from the groups that it has written. What an fsync
 * costs however little it carries is told apart: fewer bytes would not make that shorter.
 */

/** Fewer bytes say what an fsync costs, more of them what writing costs. */
const smallBytesMax = 64 * 1024

/** No group is cut below this: on a disk too slow for it, more fsyncs would only add delay. */
const bytesMin = 2 * smallBytesMax

// One stall among many groups must not change much, and a slower disk must be known after ten.
const rateWeight = 1 / 4

// The shortest lately is what an fsync costs; the others met something else on their way.
const fsyncWeight = 1 / 64

export class WritePace {
  readonly #millisecondsMax: number
  #fsyncMilliseconds = 0
  #millisecondsPerByte = 0

  constructor(millisecondsMax: number) {
    this.#millisecondsMax = millisecondsMax
  }

  /** How many bytes are written in the time, apart from the fsync; unbounded until one was seen. */
  get bytesMax(): number {
    return Math.max(bytesMin, this.#millisecondsMax / this.#millisecondsPerByte)
  }

  /** A group of so many bytes took so long. */
  measured(bytes: number, milliseconds: number): void {
    const beyond = milliseconds - this.#fsyncMilliseconds
    if (bytes < smallBytesMax) {
      this.#fsyncMilliseconds += beyond < 0 ? beyond : beyond * fsyncWeight
    } else {
      const rate = Math.max(0, beyond) / bytes
      this.#millisecondsPerByte += (rate - this.#millisecondsPerByte) * rateWeight
    }
  }
}
