/**
 * Many keyed values packed into a few larger ones, each well below what one value may weigh: the
 * form in which a whole view is kept in a partition.
 */
import * as encoding from 'lib0/encoding'
import { StatemeshError } from '../base/error.ts'
import { decodeValue, encodeValue, handOut, type StoredValue } from '../model/value.ts'

/** One chunk: pairs of key and encoded value. */
export type Chunk = readonly (readonly [string, unknown])[]

/** A quarter of what a value may have, since the estimate is rough. */
const chunkBytes = 256 * 1024

/** @throws VALUE_INVALID for a value too large to keep */
export function toChunks(values: Iterable<readonly [string, StoredValue]>): Chunk[] {
  const chunks: (readonly [string, unknown])[][] = []
  let left = 0
  for (const [key, stored] of values) {
    const encoded = encodeValue(handOut(stored))
    const bytes = encoding.encode(encoder => encoding.writeAny(encoder, [key, encoded] as never))
    if (bytes.length > left || chunks.length === 0) {
      chunks.push([])
      left = chunkBytes
    }
    chunks.at(-1)?.push([key, encoded])
    left -= bytes.length
  }
  return chunks
}

/** @throws ENTRY_INVALID for what `toChunks` does not write */
export function fromChunks(chunks: readonly unknown[]): Map<string, StoredValue> {
  const values = new Map<string, StoredValue>()
  for (const chunk of chunks) {
    if (!Array.isArray(chunk)) throw invalid()
    for (const pair of chunk as unknown[]) {
      if (!Array.isArray(pair) || pair.length !== 2 || typeof pair[0] !== 'string') throw invalid()
      values.set(pair[0], decodeValue(pair[1]))
    }
  }
  return values
}

function invalid(): StatemeshError {
  return new StatemeshError('ENTRY_INVALID', 'not a chunk of values')
}
