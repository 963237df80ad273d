/** A LevelDB database whose writes fail while a test wants them to, as a full disk would. */
import { Level } from 'level'

export class FailingLevel extends Level<Uint8Array, Uint8Array> {
  /** How many batches fail from now on. */
  failures = 0
  /** How often the database was opened. */
  opens = 0
  /** Held back: the next batch waits for it. */
  gate: Promise<void> = Promise.resolve()
  /** The sizes of the batches that were written or failed. */
  readonly batches: number[] = []

  constructor(location: string) {
    super(location, { keyEncoding: 'view', valueEncoding: 'view' })
    this.on('open', () => {
      this.opens += 1
    })
  }

  override batch(...args: unknown[]): never {
    return this.#write(args) as never
  }

  async #write(args: unknown[]): Promise<void> {
    this.batches.push((args[0] as unknown[]).length)
    await this.gate
    if (this.failures > 0) {
      this.failures -= 1
      throw Object.assign(new Error('No space left on device'), { code: 'LEVEL_IO_ERROR' })
    }
    const batch = super.batch as unknown as (...args: unknown[]) => Promise<void>
    await batch.apply(this, args)
  }
}
