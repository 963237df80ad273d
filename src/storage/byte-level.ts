/**
 * What is used of a LevelDB database of bytes. A `Level` of the package `level` is one; it is not
 * named where users' compilers read, since its types need those of Node, which pages do without.
 */
import type { KeyRange } from './level-keys.ts'

interface ReadOptions extends KeyRange {
  limit?: number
  reverse?: boolean
  highWaterMarkBytes?: number
}

export interface ByteLevel {
  readonly status: string
  open(): Promise<void>
  close(): Promise<void>
  get(key: Uint8Array): Promise<Uint8Array | undefined>
  keys(options: ReadOptions): { all(): Promise<Uint8Array[]> }
  iterator(options: ReadOptions): {
    nextv(size: number): Promise<[key: Uint8Array, value: Uint8Array][]>
    close(): Promise<void>
  }
  batch(): {
    put(key: Uint8Array, value: Uint8Array): unknown
    del(key: Uint8Array): unknown
    write(options: { sync: boolean }): Promise<void>
  }
}
