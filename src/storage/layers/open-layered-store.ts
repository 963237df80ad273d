/** Opens a layered store from what it should consist of. */
import type { RandomSource } from '../../base/random.ts'
import type { TimeSource } from '../../base/time.ts'
import type { InvalidationBus } from './invalidation-bus.ts'
import type { Layer } from './layer.ts'
import { LayeredStore } from './layered-store.ts'
import { openArchiveLayer, openLevelLayer } from './level-layer.ts'
import { MemoryLayer } from './memory-layer.ts'
import type { RedisOptions } from './redis-connection.ts'
import { openRedisInvalidations } from './redis-invalidations.ts'
import { openRedisLayer } from './redis-layer.ts'

export interface LayeredStoreOptions {
  /** The bytes that memory may hold. Default 64 MiB. */
  memoryBytesMax?: number
  /** Needs the package `redis`. Stores that share a prefix share what is in it. */
  redis?: RedisOptions
  /** A directory for what is `persistent`; in a browser the name of an IndexedDB. */
  level?: string
  /** A directory for what is archived, compressed; another one. */
  archive?: string
  /**
   * Over what stores tell one another of writes. Through Redis unless given, where there is Redis;
   * `openPartitionInvalidations` needs none.
   */
  invalidations?: InvalidationBus
  /** How long it is remembered that a key has no value. Default 5,000. */
  absentMilliseconds?: number
  /** How long a layer may take to answer before it counts as down. Default 2,000. */
  operationMillisecondsMax?: number
  /** Writes that are kept for a layer that is down. Default 10,000. */
  missedMax?: number
  /** Replaced by simulations and tests. */
  time?: TimeSource
  random?: RandomSource
}

/**
 * Opens a store with memory and the layers that are named. Redis may be down; the disks may not.
 *
 * @throws OPTION_INVALID, STORAGE_LOCKED, STORAGE_CORRUPT, STORAGE_UNAVAILABLE
 */
export async function openLayeredStore(options: LayeredStoreOptions = {}): Promise<LayeredStore> {
  const { memoryBytesMax: bytesMax, redis, level, archive, invalidations, ...rest } = options
  const timed = rest.time && { time: rest.time }
  const below: Layer[] = []
  try {
    if (level !== undefined) below.push(await openLevelLayer({ location: level, ...timed }))
    if (archive !== undefined) below.push(await openArchiveLayer({ location: archive, ...timed }))
    if (redis !== undefined) below.unshift(await openRedisLayer({ ...redis, ...timed }))
    const bus = invalidations ?? (redis && (await openRedisInvalidations(redis)))
    const memory = new MemoryLayer({ ...(bytesMax !== undefined && { bytesMax }), ...timed })
    return new LayeredStore({ ...rest, memory, below, ...(bus && { bus }) })
  } catch (error) {
    await Promise.all(below.map(layer => layer.close()))
    throw error
  }
}
