/** Where a replica has its token for the relay from. */
import { StatemeshError, toStatemeshError } from '../base/error.ts'
import type { TimeSource } from '../base/time.ts'

/** A token, or what gives one: called at every dial, and when the present one is about to end. */
export type TokenOption = string | (() => string | Promise<string>)

export class TokenSource {
  readonly #option: TokenOption

  constructor(option: TokenOption) {
    this.#option = option
  }

  /** Whether it can give another one than before. */
  get renews(): boolean {
    return typeof this.#option === 'function'
  }

  /** @throws LINK_FAILED when it fails, or takes too long */
  async get(time: TimeSource, timeoutMilliseconds: number): Promise<string> {
    const option = this.#option
    if (typeof option === 'string') return option
    let stop = () => {}
    const late = new Promise<never>((_, reject) => {
      stop = time.after(timeoutMilliseconds, () =>
        reject(new StatemeshError('LINK_FAILED', `no token within ${timeoutMilliseconds} ms`)),
      )
    })
    try {
      return await Promise.race([option(), late])
    } catch (thrown) {
      throw toStatemeshError(thrown, 'LINK_FAILED')
    } finally {
      stop()
    }
  }
}
