/**
 * The port of a layer: a place that keeps working values by key, which a stack asks from the
 * fastest to the slowest. It knows bytes, stamps and ends, not what values mean.
 *
 * What every layer promises, the stack too (`test/contracts/layer.ts` holds them to it):
 *
 * - L1. `read` answers the newest record that was written and neither removed nor expired, or
 *   nothing: a layer may forget, but never answers with what was overwritten or removed.
 * - L2. A record that is older than the stored one, by stamp, is not stored. Writes and removals
 *   take effect in the order of the calls.
 * - L3. `remove` leaves alone what is not older than the stamp it was given.
 * - L4. A record that cannot be read back as it was written is reported as `STORAGE_CORRUPT`; other
 *   keys are not affected, and the key can be written again.
 * - L5. After `close` every call rejects with `CLOSED`.
 */
import type { HybridTimestamp } from '../../clock/hybrid-clock.ts'
import type { KeyPattern } from './key-pattern.ts'

declare const stamp: unique symbol
/** When and by whom a record was written: stamps compare as texts, all of the same length. */
export type LayerStamp = string & { readonly [stamp]: true }

const timestampDigits = 14
export const stampWriterDigits = 8
export const stampLength: number = timestampDigits + stampWriterDigits

/** @param writer eight hexadecimal digits, the store's own */
export function layerStamp(timestamp: HybridTimestamp, writer: string): LayerStamp {
  return (timestamp.toString(16).padStart(timestampDigits, '0') + writer) as LayerStamp
}

/** A stamp that was read from elsewhere; undefined where it cannot be one. */
export function parseLayerStamp(text: string): LayerStamp | undefined {
  return /^[0-9a-f]{22}$/.test(text) ? (text as LayerStamp) : undefined
}

/** The time in a stamp. */
export function stampTimestamp(stamp: LayerStamp): HybridTimestamp {
  return Number.parseInt(stamp.slice(0, timestampDigits), 16) as HybridTimestamp
}

/** One written value. */
export interface LayerRecord {
  readonly stamp: LayerStamp
  /** When it ends, in milliseconds since the Unix epoch; `Infinity` if it does not. */
  readonly expiresAt: number
  readonly value: Uint8Array
}

export interface Layer {
  /** For statistics and reports. */
  readonly name: string

  /** Whether other processes write to it too. */
  readonly shared: boolean

  /** @throws STORAGE_CORRUPT, STORAGE_UNAVAILABLE, LAYER_UNAVAILABLE, CLOSED */
  read(key: string): Promise<LayerRecord | undefined>

  /** @throws STORAGE_UNAVAILABLE, LAYER_UNAVAILABLE, CLOSED */
  write(key: string, record: LayerRecord): Promise<void>

  /**
   * Removes the records of the matching keys that are older than `before`.
   *
   * @throws STORAGE_UNAVAILABLE, LAYER_UNAVAILABLE, CLOSED
   */
  remove(pattern: KeyPattern, before: LayerStamp): Promise<void>

  /** The matching keys, in no particular order. */
  keys(pattern: KeyPattern): Promise<string[]>

  /** Frees what has expired, where the layer does not do so by itself. */
  sweep(): Promise<void>

  /** Resolves if the layer can be reached. */
  probe(): Promise<void>

  /** A second call does nothing. */
  close(): Promise<void>
}
