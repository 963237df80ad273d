/** The fastest layer: this process's memory, bounded by bytes; what was used least recently goes. */
import { LRUCache } from 'lru-cache'
import { StatemeshError } from '../../base/error.ts'
import { systemTime, type TimeSource } from '../../base/time.ts'
import type { KeyPattern } from './key-pattern.ts'
import type { Layer, LayerRecord, LayerStamp } from './layer.ts'

export interface MemoryLayerOptions {
  /** The bytes of keys and values, with 200 for each record beside them. Default 64 MiB. */
  bytesMax?: number
  time?: TimeSource
}

const recordOverheadBytes = 200

export class MemoryLayer implements Layer {
  readonly name = 'memory'
  readonly shared = false
  readonly #records: LRUCache<string, LayerRecord>
  readonly #time: TimeSource
  #evictions = 0
  #closed = false

  constructor(options: MemoryLayerOptions = {}) {
    this.#time = options.time ?? systemTime
    this.#records = new LRUCache({
      maxSize: options.bytesMax ?? 64 * 1024 * 1024,
      sizeCalculation: ({ value }, key) => value.length + key.length * 2 + recordOverheadBytes,
      dispose: (_record, _key, reason) => {
        if (reason === 'evict') this.#evictions += 1
      },
    })
  }

  /** What it holds, in bytes as they are counted against the bound. */
  get bytes(): number {
    return this.#records.calculatedSize
  }

  /** How many records had to go for others. */
  get evictions(): number {
    return this.#evictions
  }

  /** What `read` answers, at once. */
  peek(key: string): LayerRecord | undefined {
    const record = this.#records.get(key)
    if (record === undefined || record.expiresAt === Number.POSITIVE_INFINITY) return record
    if (record.expiresAt > this.#time.now()) return record
    this.#records.delete(key)
    return undefined
  }

  /** What `write` does, at once. */
  put(key: string, record: LayerRecord): void {
    const stored = this.#records.peek(key)
    if (stored !== undefined && stored.stamp > record.stamp) return
    // One that is larger than everything together would be refused, and leave the old one behind.
    this.#records.delete(key)
    this.#records.set(key, record)
  }

  async read(key: string): Promise<LayerRecord | undefined> {
    this.#assertOpen()
    return this.peek(key)
  }

  async write(key: string, record: LayerRecord): Promise<void> {
    this.#assertOpen()
    this.put(key, record)
  }

  async remove(pattern: KeyPattern, before: LayerStamp): Promise<void> {
    this.#assertOpen()
    if (pattern.exact) return this.#removeOne(pattern.prefix, before)
    for (const key of [...this.#records.keys()]) {
      if (pattern.matches(key)) this.#removeOne(key, before)
    }
  }

  async keys(pattern: KeyPattern): Promise<string[]> {
    this.#assertOpen()
    const now = this.#time.now()
    const live = [...this.#records].filter(([, { expiresAt }]) => expiresAt > now)
    return live.map(([key]) => key).filter(key => pattern.matches(key))
  }

  async sweep(): Promise<void> {
    this.#assertOpen()
    const now = this.#time.now()
    for (const [key, { expiresAt }] of [...this.#records]) {
      if (expiresAt <= now) this.#records.delete(key)
    }
  }

  async probe(): Promise<void> {
    this.#assertOpen()
  }

  async close(): Promise<void> {
    this.#closed = true
    this.#records.clear()
  }

  #removeOne(key: string, before: LayerStamp): void {
    const record = this.#records.peek(key)
    if (record !== undefined && record.stamp < before) this.#records.delete(key)
  }

  #assertOpen(): void {
    if (this.#closed) throw new StatemeshError('CLOSED', 'the layer is closed')
  }
}
