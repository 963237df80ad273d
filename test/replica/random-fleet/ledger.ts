/**
 * What the actors of a random fleet wrote, which of it was promised to be kept, and what must
 * therefore be there in the end.
 */

export interface Write {
  /** Undefined for a count, which cannot be told from others. */
  readonly id: string | undefined
  /** How often the relay had lost its memory by then. */
  readonly epoch: number
  /** Whether a flush said that the relay has it on disk. */
  promised: boolean
  /** Whether a flush said that this replica has it on disk. */
  local: boolean
}

export class Ledger {
  readonly #writes = new Map<string, Write>()
  /** By the id of a write, those that saw and replaced it. */
  readonly #replacedBy = new Map<string, string[]>()
  readonly #removed = new Set<string>()
  readonly #counts: Write[] = []
  #lastCharacter = 0x4e00
  #epoch = 0

  /** A write with an id of its own that replaces others. */
  write(id: string, replaced: readonly string[] = []): Write {
    const write = this.#newWrite(id)
    this.#writes.set(id, write)
    for (const other of replaced) {
      this.#replacedBy.set(other, [...(this.#replacedBy.get(other) ?? []), id])
    }
    return write
  }

  /** Somebody took a write away; it may be there all the same, if that was lost. */
  remove(id: string): void {
    this.#removed.add(id)
  }

  /** Characters that were never given out, so that each can be followed through a text. */
  newCharacters(count: number): string {
    const codes = Array.from({ length: count }, () => ++this.#lastCharacter)
    return String.fromCharCode(...codes)
  }

  /** One more of what all count together. */
  count(): Write {
    const write = this.#newWrite(undefined)
    this.#counts.push(write)
    return write
  }

  /** The relay goes on from an older copy; what it had promised comes back when it hears of it. */
  relayForgot(): void {
    this.#epoch += 1
  }

  /** What a flush has promised although the relay does not have it on disk. */
  broken(promised: readonly Write[], onDisk: ReadonlySet<string>): string[] {
    return promised.flatMap(({ id, epoch }) => {
      if (id === undefined || epoch !== this.#epoch || this.#survives(id, onDisk)) return []
      return [`${id} was flushed and is not on the relay's disk`]
    })
  }

  /** What is wrong with what is there in the end. */
  verdict(there: ReadonlySet<string>, counted: number): string[] {
    const lost = [...this.#writes].filter(([id, { promised }]) => {
      return promised && !this.#survives(id, there)
    })
    const invented = [...there].filter(id => !this.#writes.has(id))
    const promisedCounts = this.#counts.filter(({ promised }) => promised).length
    const isCounted = promisedCounts <= counted && counted <= this.#counts.length
    return [
      ...lost.map(([id]) => `${id} was flushed and is gone`),
      ...invented.map(id => `${id} was never written`),
      ...(isCounted ? [] : [`${counted} of ${promisedCounts}..${this.#counts.length} counts`]),
    ]
  }

  #newWrite(id: string | undefined): Write {
    return { id, epoch: this.#epoch, promised: false, local: false }
  }

  /** Whether a write is there, or what saw it and replaced it, or somebody removed it. */
  #survives(id: string, there: ReadonlySet<string>): boolean {
    if (there.has(id) || this.#removed.has(id)) return true
    return (this.#replacedBy.get(id) ?? []).some(other => this.#survives(other, there))
  }
}
