/**
 * What happened in a world: a hash over all of it, so that two runs can be compared at no cost,
 * and on demand the story itself, line by line.
 */

const offsetBasis = 0x811c9dc5
const prime = 0x01000193

export class Trace {
  readonly #story: string[] | undefined
  #hash = offsetBasis
  #secondHash = 0
  readonly #labels = new Map<string, number>()

  /** @param told whether the story is kept, not its hash alone */
  constructor(told: boolean) {
    this.#story = told ? [] : undefined
  }

  /** Whether lines are kept: what costs much to put into words is left out otherwise. */
  get told(): boolean {
    return this.#story !== undefined
  }

  /** Equal for equal runs. */
  get hash(): string {
    return hex(this.#hash) + hex(this.#secondHash)
  }

  get story(): readonly string[] {
    return this.#story ?? []
  }

  /** Adds something that happened: a label from a small set, and numbers that tell it apart. */
  add(at: number, label: string, number = 0): void {
    // Times are fractions; their microseconds are enough to tell two runs apart.
    this.#mix(Math.round(at * 1000))
    this.#mix(this.#hashOf(label))
    this.#mix(number)
  }

  addBytes(bytes: Uint8Array): void {
    let hash = this.#hash
    for (let index = 0; index < bytes.length; index++) {
      hash = Math.imul(hash ^ (bytes[index] as number), prime)
    }
    this.#hash = hash
    this.#mix(bytes.length)
  }

  /** Adds a line to the story, at a time in simulated milliseconds. */
  tell(at: number, who: string, what: string): void {
    this.#story?.push(`${at.toFixed(3).padStart(12)}  ${who.padEnd(10)} ${what}`)
  }

  /** Labels are few, and come again with every event. */
  #hashOf(label: string): number {
    const known = this.#labels.get(label)
    if (known !== undefined) return known
    let hash = offsetBasis
    for (let index = 0; index < label.length; index++) {
      hash = Math.imul(hash ^ label.charCodeAt(index), prime)
    }
    this.#labels.set(label, hash)
    return hash
  }

  #mix(value: number): void {
    this.#hash = Math.imul(this.#hash ^ value, prime)
    this.#secondHash = (Math.imul(this.#secondHash, 31) + (this.#hash >>> 7)) | 0
  }
}

function hex(word: number): string {
  return (word >>> 0).toString(16).padStart(8, '0')
}
