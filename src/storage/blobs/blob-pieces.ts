/** A blob in pieces: its first one, which has the blob's name, and its chunks where there are any. */
import { concatBytes } from '../../base/bytes.ts'
import { StatemeshError } from '../../base/error.ts'
import {
  type BlobRef,
  blobBytesMax,
  chunkBytes,
  chunkCount,
  chunkNames,
  hashBytes,
  nameOf,
  sha256,
} from './blob-ref.ts'

export interface BlobPieces {
  readonly ref: BlobRef
  /** The content, or the manifest. */
  readonly first: Uint8Array
  readonly chunks: readonly Uint8Array[]
}

/** @throws BLOB_TOO_LARGE */
export async function cutBlob(content: Uint8Array): Promise<BlobPieces> {
  const bytes = content.length
  if (bytes > blobBytesMax) throw tooLarge(bytes, blobBytesMax)
  const chunks = Array.from({ length: chunkCount(bytes) }, (_, index) =>
    content.subarray(index * chunkBytes, (index + 1) * chunkBytes),
  )
  const first = chunks.length === 0 ? content : concatBytes(await Promise.all(chunks.map(sha256)))
  return { ref: { blob: await nameOf(first), bytes }, first, chunks }
}

export function tooLarge(bytes: number, bytesMax: number): StatemeshError {
  return new StatemeshError('BLOB_TOO_LARGE', `a blob of ${bytes} bytes, at most ${bytesMax}`)
}

/**
 * Checks that bytes are a piece of a blob: number 0 is the first, chunks are counted from 1.
 *
 * @param first the first piece; only needed for chunks
 * @throws BLOB_DAMAGED
 */
export async function checkPiece(
  { blob, bytes }: BlobRef,
  index: number,
  piece: Uint8Array,
  first: Uint8Array | undefined,
): Promise<void> {
  const chunks = chunkCount(bytes)
  const expected = index === 0 ? blob : first && chunkNames(first)[index - 1]
  if (piece.length !== pieceBytes(bytes, chunks, index) || (await nameOf(piece)) !== expected) {
    throw new StatemeshError('BLOB_DAMAGED', `piece ${index} of ${blob} is not what it should be`)
  }
}

/** How long a piece is. */
function pieceBytes(bytes: number, chunks: number, index: number): number {
  if (index === 0) return chunks === 0 ? bytes : chunks * hashBytes
  return index < chunks ? chunkBytes : bytes - (chunks - 1) * chunkBytes
}
