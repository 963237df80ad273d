/**
 * Layers, the fastest first, as one layer: a read goes down until one has the key, and what it
 * found is put into the faster layers of this process; shared ones hold what was written there.
 *
 * A read that is under way while its key is written or removed is of no use any more: it promotes
 * nothing and is made again.
 */

import type { StatemeshError } from '../../base/error.ts'
import type { RandomSource } from '../../base/random.ts'
import { systemTime, type TimeSource } from '../../base/time.ts'
import { Flights } from './flights.ts'
import { GuardedLayer, type LayerChange, type LayerStatistics } from './guarded-layer.ts'
import { KeyPattern } from './key-pattern.ts'
import type { Layer, LayerRecord, LayerStamp } from './layer.ts'
import type { MemoryLayer } from './memory-layer.ts'
import { PendingChanges } from './pending-changes.ts'

export interface LayerStackOptions {
  memory: MemoryLayer
  /** The slower ones, the fastest of them first. */
  below: readonly Layer[]
  time?: TimeSource
  random?: RandomSource
  /** How long a call of a layer may take before the layer counts as down. Default 2,000. */
  operationMillisecondsMax?: number
  /** Writes that are kept for a layer that is down. Default 10,000. */
  missedMax?: number
  onState?(change: LayerChange): void
}

export class LayerStack implements Layer {
  readonly name = 'stack'
  readonly shared = false
  readonly #memory: MemoryLayer
  readonly #below: readonly GuardedLayer[]
  readonly #reads = new Flights<LayerRecord | undefined>()
  readonly #changes = new PendingChanges()
  readonly #memoryCounts = { hits: 0, misses: 0, writes: 0 }

  constructor(options: LayerStackOptions) {
    const { memory, below, time = systemTime, onState = () => undefined, ...limits } = options
    this.#memory = memory
    this.#below = below.map(layer => new GuardedLayer(layer, { ...limits, time, onState }))
  }

  /** The layers with what they have done. */
  get statistics(): readonly LayerStatistics[] {
    const memory = { skipped: 0, failures: 0, missed: 0, ...this.#memoryCounts }
    return [{ name: 'memory', state: 'up', ...memory }, ...this.#below.map(l => l.statistics)]
  }

  /** The names of the layers. */
  get names(): readonly string[] {
    return ['memory', ...this.#below.map(({ layer }) => layer.name)]
  }

  /** Whether every layer answers; else a miss does not say that there is nothing. */
  get whole(): boolean {
    return this.#below.every(({ statistics }) => statistics.state === 'up')
  }

  /** What memory has, at once. */
  peek(key: string): LayerRecord | undefined {
    const record = this.#memory.peek(key)
    if (record === undefined) this.#memoryCounts.misses += 1
    else this.#memoryCounts.hits += 1
    return record
  }

  async read(key: string): Promise<LayerRecord | undefined> {
    return this.peek(key) ?? this.readBelow(key)
  }

  /** What the layers below memory have; for who has looked there. */
  async readBelow(key: string): Promise<LayerRecord | undefined> {
    const { result, outdated } = await this.#reads.run(key, flight => this.#descend(key, flight))
    return outdated ? this.read(key) : result
  }

  /** @throws the first failure, where a layer does not take it; the others have it then */
  async write(key: string, record: LayerRecord): Promise<void> {
    const [failure] = (await this.store(key, record, this.names)).values()
    if (failure !== undefined) throw failure
  }

  /**
   * Writes into the named layers; those others that have an older record of the key lose it.
   * Memory has it when this returns.
   *
   * @returns what failed, by layer; those layers get it when they are back
   */
  async store(
    key: string,
    record: LayerRecord,
    names: readonly string[],
  ): Promise<Map<string, StatemeshError>> {
    const pattern = KeyPattern.of(key)
    this.#reads.outdate(pattern)
    this.#memory.put(key, record)
    this.#memoryCounts.writes += 1
    const storing = this.#each(this.#below, layer =>
      names.includes(layer.layer.name)
        ? layer.write(key, record)
        : layer.remove(pattern, record.stamp),
    )
    return this.#changes.run(pattern, storing)
  }

  /** @throws the first failure, where a layer does not take it; the others have removed it then */
  async remove(pattern: KeyPattern, before: LayerStamp): Promise<void> {
    const [failure] = (await this.drop(pattern, before)).values()
    if (failure !== undefined) throw failure
  }

  /** Removes from all layers, or from those alone that are this process's own. */
  async drop(
    pattern: KeyPattern,
    before: LayerStamp,
    ownOnly = false,
  ): Promise<Map<string, StatemeshError>> {
    this.#reads.outdate(pattern)
    const layers = ownOnly ? this.#below.filter(({ layer }) => !layer.shared) : this.#below
    const dropping = Promise.all([
      this.#each(layers, layer => layer.remove(pattern, before)),
      this.#memory.remove(pattern, before),
    ])
    const [failures] = await this.#changes.run(pattern, dropping)
    return failures
  }

  /** Empties memory alone: what is older than `before`. */
  async forget(pattern: KeyPattern, before: LayerStamp): Promise<void> {
    this.#reads.outdate(pattern)
    await this.#memory.remove(pattern, before)
  }

  async keys(pattern: KeyPattern): Promise<string[]> {
    const own = this.#memory.keys(pattern)
    const found = await Promise.all([own, ...this.#below.map(layer => layer.keys(pattern))])
    return [...new Set(found.flat())]
  }

  async sweep(): Promise<void> {
    await Promise.all([this.#memory.sweep(), ...this.#below.map(layer => layer.sweep())])
  }

  async probe(): Promise<void> {
    await this.#memory.probe()
  }

  async close(): Promise<void> {
    await Promise.all([this.#memory.close(), ...this.#below.map(layer => layer.close())])
  }

  async #descend(key: string, outdated: () => boolean): Promise<LayerRecord | undefined> {
    await this.#changes.settled(key)
    for (const [index, layer] of this.#below.entries()) {
      const record = await layer.read(key)
      if (record === undefined) continue
      if (!outdated()) this.#promote(key, record, this.#below.slice(0, index))
      return record
    }
    return undefined
  }

  #promote(key: string, record: LayerRecord, faster: readonly GuardedLayer[]): void {
    this.#memory.put(key, record)
    for (const layer of faster) {
      // Nobody waits for it: a failure takes the layer down and is reported there.
      if (!layer.layer.shared) void layer.write(key, record)
    }
  }

  async #each(
    layers: readonly GuardedLayer[],
    act: (layer: GuardedLayer) => Promise<StatemeshError | undefined>,
  ): Promise<Map<string, StatemeshError>> {
    const outcomes = await Promise.all(
      layers.map(async layer => [layer.layer.name, await act(layer)] as const),
    )
    return new Map(outcomes.flatMap(([name, error]) => (error ? [[name, error] as const] : [])))
  }
}
