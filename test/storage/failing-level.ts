/** A LevelDB database whose writes fail while a test wants them to, as a full disk would. */
import { type ChainedBatch as Chained, Level } from 'level'

type ChainedBatch = Chained<FailingLevel, Uint8Array, Uint8Array>

export class FailingLevel extends Level<Uint8Array, Uint8Array> {
  /** How many batches fail from now on. */
  failures = 0
  /** Whether what fails is written all the same, as where only the fsync fails. */
  writesFailing = false
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

  override batch(): never {
    // The overload for arrays hides the one for chains from a subclass.
    const batch = (super.batch as unknown as () => ChainedBatch).call(this)
    const write = batch.write.bind(batch) as (options: object) => Promise<void>
    batch.write = async (options: object = {}) => {
      this.batches.push(batch.length)
      await this.gate
      if (this.failures > 0) {
        this.failures -= 1
        if (this.writesFailing) await write(options)
        else await batch.close()
        throw Object.assign(new Error('No space left on device'), { code: 'LEVEL_IO_ERROR' })
      }
      await write(options)
    }
    return batch as never
  }
}
