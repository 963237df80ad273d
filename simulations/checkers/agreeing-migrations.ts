/** Migrations agree: who has the same writes of a key reads the same, on whatever version. */
import { Violation } from './violation.ts'

export class SeenReadings {
  readonly #readings = new Map<string, { readonly n: number | undefined; readonly where: string }>()

  /**
   * @param siblings stands for the writes of a key that are here
   * @param n what is read, in terms that all versions have
   */
  check(where: string, siblings: string, n: number | undefined): void {
    const seen = this.#readings.get(siblings)
    if (seen === undefined) this.#readings.set(siblings, { n, where })
    else if (seen.n !== n) {
      const message = `${where} reads ${n} where ${seen.where} read ${seen.n}, of ${siblings}`
      throw new Violation('agreeing migrations', message)
    }
  }
}
