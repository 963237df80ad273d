/**
 * A piece of a document's state: an update as it is stored and sent, and up to which clock of which
 * client it reaches.
 */
import * as Y from 'yjs'
import type { StateVector } from '../src/model/update-check.ts'
import {
  deletesOnly,
  readUpdateStructure,
  type UpdateStructure,
} from '../src/model/update-structure.ts'

export interface Chunk {
  readonly update: Uint8Array
  /** The number in its room of the last update that it holds. */
  readonly seq: number
  /** 0 for an update as it came, n + 1 for a merge of chunks of level n. */
  readonly level: number
  /** Per client the clock after its last struct. */
  readonly ends: StateVector
  readonly deletes: boolean
}

/** `mergeUpdates` is quadratic in their number; a hundred a call is where that does not show. */
export const mergedChunks = 100

export function updateChunk(update: Uint8Array, structure: UpdateStructure, seq: number): Chunk {
  const ends = new Map<number, number>()
  for (const [client, runs] of structure.structs) {
    const last = runs.at(-1)
    if (last !== undefined) ends.set(client, last.clock + last.length)
  }
  return { update, seq, level: 0, ends, deletes: structure.deletes.size > 0 }
}

/** Adjacent chunks of one level as one of the next. */
export function mergeChunks(chunks: readonly Chunk[]): Chunk {
  const ends = new Map<number, number>()
  let seq = 0
  let level = 0
  for (const chunk of chunks) {
    seq = Math.max(seq, chunk.seq)
    level = Math.max(level, chunk.level + 1)
    for (const [client, end] of chunk.ends) {
      if (end > (ends.get(client) ?? 0)) ends.set(client, end)
    }
  }
  const update = Y.mergeUpdates(chunks.map(chunk => chunk.update))
  return { update, seq, level, ends, deletes: chunks.some(chunk => chunk.deletes) }
}

/** Whether a reader at `stateVector` has all the structs of a chunk. */
export function isCovered({ ends }: Chunk, stateVector: StateVector): boolean {
  for (const [client, end] of ends) {
    if ((stateVector.get(client) ?? 0) < end) return false
  }
  return true
}

/** What a chunk deletes, as an update. */
export function chunkDeletes({ update }: Chunk): Uint8Array {
  return deletesOnly(update, readUpdateStructure(update))
}

/** Any number of updates as one. */
export function mergeInLevels(updates: readonly Uint8Array[]): Uint8Array {
  let level = updates
  while (level.length > 1) {
    const next: Uint8Array[] = []
    for (let start = 0; start < level.length; start += mergedChunks) {
      next.push(Y.mergeUpdates(level.slice(start, start + mergedChunks)))
    }
    level = next
  }
  return level[0] as Uint8Array
}
