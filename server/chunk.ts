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
  /** 0 for an update as it came, n + 1 for a merge of chunks of level n. */
  readonly level: number
  /** The clocks of its structs; between them there may be others that it does not hold. */
  readonly spans: readonly Span[]
  readonly deletes: boolean
}

/** One client's part of a chunk. In an array: there are very many chunks, most of one client. */
export interface Span {
  readonly client: number
  readonly start: number
  /** The clock after the last. */
  readonly end: number
}

/** `mergeUpdates` is quadratic in their number; a hundred a call is where that does not show. */
export const mergedChunks = 100

export function updateChunk(update: Uint8Array, structure: UpdateStructure): Chunk {
  return { update, level: 0, spans: structureSpans(structure), deletes: structure.deletes.size > 0 }
}

/** From the first to the last clock of each client. */
export function structureSpans({ structs }: UpdateStructure): Span[] {
  const spans: Span[] = []
  for (const [client, runs] of structs) {
    const first = runs[0]
    const last = runs.at(-1)
    if (first === undefined || last === undefined) continue
    spans.push({ client, start: first.clock, end: last.clock + last.length })
  }
  return spans
}

/** Adjacent chunks of one level as one of the next. */
export function mergeChunks(chunks: readonly Chunk[]): Chunk {
  const spans = new Map<number, Span>()
  let level = 0
  for (const chunk of chunks) {
    level = Math.max(level, chunk.level + 1)
    for (const span of chunk.spans) {
      const { client, start, end } = spans.get(span.client) ?? span
      spans.set(client, {
        client,
        start: Math.min(start, span.start),
        end: Math.max(end, span.end),
      })
    }
  }
  const update = Y.mergeUpdates(chunks.map(chunk => chunk.update))
  const deletes = chunks.some(chunk => chunk.deletes)
  return { update, level, spans: [...spans.values()], deletes }
}

/** How much of a chunk's structs a reader at `stateVector` has; of none it has all. */
export function coverage({ spans }: Chunk, stateVector: StateVector): 'all' | 'some' | 'none' {
  let all = true
  let some = false
  for (const { client, start, end } of spans) {
    const known = stateVector.get(client) ?? 0
    if (known < end) all = false
    if (known > start && known < end) some = true
  }
  if (all) return 'all'
  return some ? 'some' : 'none'
}

/**
 * The part of an update that a reader at `stateVector` lacks, with all that it deletes. A reader that
 * has one half of an item does not take it in whole, see `checkUpdate`.
 */
export function cutUpdate(update: Uint8Array, stateVector: StateVector): Uint8Array {
  return Y.diffUpdate(update, Y.encodeStateVector(stateVector as Map<number, number>))
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
