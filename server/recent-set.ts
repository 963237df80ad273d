/** A set of numbers that forgets the oldest, so that no peer can make it grow without bound. */
export class RecentSet {
  readonly #sizeMax: number
  /** Most of them never get one: they are made when they are needed. */
  #numbers: Set<number> | undefined

  constructor(sizeMax: number) {
    this.#sizeMax = sizeMax
  }

  has(number: number): boolean {
    return this.#numbers?.has(number) ?? false
  }

  add(number: number): void {
    this.#numbers ??= new Set()
    this.#numbers.add(number)
    if (this.#numbers.size <= this.#sizeMax) return
    for (const oldest of this.#numbers) {
      this.#numbers.delete(oldest)
      break
    }
  }
}
