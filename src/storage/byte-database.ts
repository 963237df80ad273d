/**
 * What our stores stand on: a database of bytes, ordered by key, that one process at a time has open.
 * In Node it is LevelDB, in a browser IndexedDB.
 */
import type { KeyRange } from './level-keys.ts'

export type Entry = [key: Uint8Array, value: Uint8Array]
export type Operation =
  | { type: 'put'; key: Uint8Array; value: Uint8Array }
  | { type: 'del'; key: Uint8Array }

/**
 * Every method throws STORAGE_UNAVAILABLE where the disk fails, and STORAGE_CORRUPT where it cannot read
 * what is there.
 */
export interface ByteDatabase {
  /** Writes all or nothing, durably: what has resolved is there after a loss of power. */
  write(operations: readonly Operation[]): Promise<void>
  /** Mends what a failure has left; to be called before each write. */
  recover(): Promise<void>
  get(key: Uint8Array): Promise<Uint8Array | undefined>
  entries(range: KeyRange): Promise<Entry[]>
  /**
   * What `map` makes of the entries of a range, of one moment. They are read in pages, so that
   * others get their turn in between.
   */
  mapEntries<Result>(range: KeyRange, map: (entry: Entry) => Result): Promise<Result[]>
  /** The first `keysMax` keys of a range; all of them unless given. */
  keys(range: KeyRange, keysMax?: number): Promise<Uint8Array[]>
  firstKey(range: KeyRange): Promise<Uint8Array | undefined>
  lastKey(range: KeyRange): Promise<Uint8Array | undefined>
  close(): Promise<void>
}
