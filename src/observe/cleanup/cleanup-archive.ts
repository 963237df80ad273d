/**
 * What cleanup takes away, kept in a layer: the compressed archive on disk, or any other. A batch
 * has the name of its content, so that one that is archived again after a crash is there once.
 */
import { StatemeshError } from '../../base/error.ts'
import type { TimeSource } from '../../base/time.ts'
import { HybridClock } from '../../clock/hybrid-clock.ts'
import { hexDigest } from '../../history/view-digest.ts'
import { readStateText, stateText } from '../../state/state-text.ts'
import { KeyPattern } from '../../storage/layers/key-pattern.ts'
import { type Layer, layerStamp } from '../../storage/layers/layer.ts'

export interface ArchivedEntry {
  /** The key, or for an entry of a log `<writer>:<seq>`. */
  readonly key: string
  readonly value: unknown
  readonly actor: string
  /** The hybrid timestamp of the write. */
  readonly timestamp: number
}

export interface ArchivedBatch {
  /** As `<scope>/<partition>`. */
  readonly document: string
  /** The rule that took it away. */
  readonly rule: string
  readonly kind: 'keys' | 'log'
  readonly entries: readonly ArchivedEntry[]
}

const writer = '00000000'

export class CleanupArchive {
  readonly #layer: Layer
  readonly #clock: HybridClock

  constructor(layer: Layer, time: TimeSource) {
    this.#layer = layer
    this.#clock = new HybridClock({ time })
  }

  /** Resolves when it is where the layer keeps it. @throws as `Layer.write` does */
  async write(batch: ArchivedBatch): Promise<void> {
    const value = new TextEncoder().encode(stateText(batch))
    const name = hexDigest(value).slice(0, 24)
    const stamp = layerStamp(this.#clock.next(), writer)
    const record = { stamp, expiresAt: Number.POSITIVE_INFINITY, value }
    await this.#layer.write(`${batch.document}#${name}`, record)
  }

  /**
   * What was archived of a document, in no promised order.
   *
   * @throws STORAGE_CORRUPT for a batch that cannot be read, and as `Layer.read` does
   */
  async *batches(document: string): AsyncIterableIterator<ArchivedBatch> {
    const literally = document.replace(/[\\*?]/g, '\\$&')
    for (const key of (await this.#layer.keys(KeyPattern.parse(`${literally}#*`))).sort()) {
      const record = await this.#layer.read(key)
      if (record === undefined) continue
      const batch = readStateText(new TextDecoder().decode(record.value)) as ArchivedBatch
      if (batch.document !== document) {
        throw new StatemeshError('STORAGE_CORRUPT', `${key} holds another document's entries`)
      }
      yield batch
    }
  }
}
