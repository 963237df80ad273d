/** A promise that was broken, with the checker that found it. */
export class Violation extends Error {
  override readonly name = 'Violation'
  readonly checker: string

  constructor(checker: string, message: string) {
    super(`${checker}: ${message}`)
    this.checker = checker
  }
}
