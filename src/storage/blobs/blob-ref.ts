/**
 * References to blobs: plain values that partitions store, in the place of what is too large for
 * them. The name of a blob is the SHA-256 of its content; of one that is larger than a chunk, that
 * of its manifest, the SHA-256 of each of its chunks in a row. So every piece that arrives can be
 * checked on its own.
 */
import { StatemeshError } from '../../base/error.ts'

declare const blob: unique symbol
/** `sha256:` and 64 lower-case hexadecimal digits. */
export type BlobName = string & { readonly [blob]: true }

export interface BlobRef {
  readonly blob: BlobName
  /** The length of the content. */
  readonly bytes: number
}

export const hashBytes = 32
/** Large enough that a frame of it costs nothing beside, small enough to keep others waiting for less. */
export const chunkBytes: number = 256 * 1024
/** So that a manifest is a chunk itself: 2 GiB. */
export const blobBytesMax: number = (chunkBytes / hashBytes) * chunkBytes

const prefix = 'sha256:'

export function isBlobName(text: unknown): text is BlobName {
  return typeof text === 'string' && /^sha256:[0-9a-f]{64}$/.test(text)
}

/** Whether a value is a reference to a blob. */
export function isBlobRef(value: unknown): value is BlobRef {
  if (typeof value !== 'object' || value === null) return false
  const { blob, bytes } = value as Partial<BlobRef>
  return isBlobName(blob) && isBlobLength(bytes)
}

export function isBlobLength(bytes: unknown): bytes is number {
  return Number.isSafeInteger(bytes) && (bytes as number) >= 0 && (bytes as number) <= blobBytesMax
}

/** @throws VALUE_INVALID for what is no reference */
export function parseBlobRef(value: unknown): BlobRef {
  if (!isBlobRef(value)) throw new StatemeshError('VALUE_INVALID', 'not a reference to a blob')
  return { blob: value.blob, bytes: value.bytes }
}

/** How many chunks a blob has beside its first piece: none for one that is a chunk itself. */
export function chunkCount(bytes: number): number {
  return bytes <= chunkBytes ? 0 : Math.ceil(bytes / chunkBytes)
}

export async function sha256(bytes: Uint8Array): Promise<Uint8Array> {
  return new Uint8Array(await globalThis.crypto.subtle.digest('SHA-256', bytes as BufferSource))
}

export function nameOfHash(hash: Uint8Array): BlobName {
  let digits = ''
  for (const byte of hash) digits += byte.toString(16).padStart(2, '0')
  return (prefix + digits) as BlobName
}

export function hashOfName(name: BlobName): Uint8Array {
  const digits = name.slice(prefix.length)
  return Uint8Array.from({ length: hashBytes }, (_, index) =>
    Number.parseInt(digits.slice(index * 2, index * 2 + 2), 16),
  )
}

/** The name of a piece. */
export async function nameOf(bytes: Uint8Array): Promise<BlobName> {
  return nameOfHash(await sha256(bytes))
}

/** The names of the chunks in a manifest. */
export function chunkNames(manifest: Uint8Array): BlobName[] {
  return Array.from({ length: manifest.length / hashBytes }, (_, index) =>
    nameOfHash(manifest.subarray(index * hashBytes, (index + 1) * hashBytes)),
  )
}

/** Every name of a blob in an encoded update; names are ASCII, and stand in it as they are. */
export function blobNamesIn(update: Uint8Array, found: Set<string>): void {
  const [first, second] = [0x73, 0x68] // 'sh'
  const length = prefix.length + hashBytes * 2
  for (let at = update.indexOf(first); at !== -1; at = update.indexOf(first, at + 1)) {
    if (update[at + 1] !== second || at + length > update.length) continue
    const text = ascii.decode(update.subarray(at, at + length))
    if (isBlobName(text)) found.add(text)
  }
}

const ascii = new TextDecoder('latin1')
