/** A layer whose reads answer only when the test lets them, with what was there when they began. */
import type { KeyPattern } from '../../../src/storage/layers/key-pattern.ts'
import type { Layer, LayerRecord, LayerStamp } from '../../../src/storage/layers/layer.ts'
import { waitUntil } from '../../support/wait-until.ts'

export class SlowLayer implements Layer {
  readonly name = 'slow'
  readonly shared = false
  readonly #layer: Layer
  #reads = 0
  #held: (() => void)[] = []
  #holding = true

  constructor(layer: Layer) {
    this.#layer = layer
  }

  /** How many reads have come. */
  get reads(): number {
    return this.#reads
  }

  /** Resolves when a read has come. */
  async held(): Promise<void> {
    await waitUntil(() => this.#held.length > 0)
  }

  /** Lets the reads that have come answer, and all later ones at once. */
  async release(): Promise<void> {
    await this.held()
    this.#holding = false
    for (const go of this.#held.splice(0)) go()
  }

  async read(key: string): Promise<LayerRecord | undefined> {
    this.#reads += 1
    const record = await this.#layer.read(key)
    if (this.#holding) await new Promise<void>(go => this.#held.push(go))
    return record
  }

  write(key: string, record: LayerRecord): Promise<void> {
    return this.#layer.write(key, record)
  }

  remove(pattern: KeyPattern, before: LayerStamp): Promise<void> {
    return this.#layer.remove(pattern, before)
  }

  keys(pattern: KeyPattern): Promise<string[]> {
    return this.#layer.keys(pattern)
  }

  sweep(): Promise<void> {
    return this.#layer.sweep()
  }

  probe(): Promise<void> {
    return this.#layer.probe()
  }

  close(): Promise<void> {
    return this.#layer.close()
  }
}
