/**
 * Keys with values that can be watched: what indexes and live queries need of whatever they are
 * kept beside.
 */

import type { StoredValue } from '../model/value.ts'

/** Entries as they are. */
export interface EntryReader<Value> {
  /** What the key reads as, frozen or a copy; undefined for absent. */
  get(key: string): Value | undefined
  /** The keys that read as present, in any order. */
  keys(): Iterable<string>
}

export interface EntrySource<Value> extends EntryReader<Value> {
  /** As `get`, but never a copy: what is in it must not be changed or handed out. */
  peek(key: string): StoredValue | undefined
  /** About how many keys there are; cheap. */
  size(): number
  /** What a transaction that is under way reads; undefined while there is none. */
  draft(): EntryReader<Value> | undefined
  /** @returns ends it */
  watch(watcher: EntryWatcher): () => void
}

export interface EntryWatcher {
  /**
   * A key may read otherwise from now on. It is called within the transaction, where nothing may be
   * written, and must not throw.
   */
  touched(key: string): void
  /** The transaction is over, and what it touched can be read. */
  settled(): void
}
