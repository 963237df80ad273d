/**
 * Blobs in the records of a storage, beside its documents: content is stored once, by its hash; a
 * blob belongs to the documents that it was put into.
 *
 *     blob/piece/<name>              a piece
 *     blob/of/<document>/<name>      that a blob belongs to a document
 *
 * - B1. That a blob belongs to a document and is whole is recorded after all of its pieces are
 *   durable.
 * - B2. A piece is checked against its hash when it is read; a damaged one reads as missing, and is
 *   replaced when it comes again.
 * - B3. Putting and collecting take turns, so that nothing is removed that is being put.
 */
import * as buffer from 'lib0/buffer'
import { concatBytes } from '../../base/bytes.ts'
import { StatemeshError } from '../../base/error.ts'
import type { TimeSource } from '../../base/time.ts'
import type { Storage } from '../storage.ts'
import { type BlobPieces, checkPiece, cutBlob } from './blob-pieces.ts'
import {
  type BlobName,
  type BlobRef,
  chunkCount,
  chunkNames,
  isBlobLength,
  isBlobName,
  nameOf,
} from './blob-ref.ts'

/** That a blob belongs to a document. */
export interface BlobBelonging {
  readonly document: string
  readonly ref: BlobRef
  /** Whether all of its pieces are here. */
  readonly whole: boolean
  /** When it was last put or fetched, or seen to be referred to, in milliseconds since the epoch. */
  readonly usedAt: number
  /** The incarnation of the relay's store that has it durably; empty for none. */
  readonly relay: string
}

const piecePrefix = 'blob/piece/'
const belongingPrefix = 'blob/of/'

export class BlobStore {
  readonly #storage: Storage
  readonly #time: TimeSource
  #onBelonging: (() => void) | undefined
  /** The end of the row of those that take turns (B3). */
  #turn: Promise<unknown> = Promise.resolve()

  constructor(storage: Storage, time: TimeSource) {
    this.#storage = storage
    this.#time = time
  }

  /** Calls `listener`, the only one, when a blob is put into a document. */
  watch(listener: () => void): void {
    this.#onBelonging = listener
  }

  /**
   * Stores a blob that belongs to a document; durable when it resolves.
   *
   * @throws BLOB_TOO_LARGE, STORAGE_UNAVAILABLE, CLOSED
   */
  async put(document: string, content: Uint8Array): Promise<BlobRef> {
    const pieces = await cutBlob(content)
    await this.inTurn(() => this.#putPieces(document, pieces))
    return pieces.ref
  }

  /**
   * Stores one piece that came from elsewhere, checked; the first piece comes first.
   *
   * @throws BLOB_DAMAGED, STORAGE_UNAVAILABLE, CLOSED
   */
  async putPiece(document: string, ref: BlobRef, index: number, piece: Uint8Array): Promise<void> {
    await this.inTurn(async () => {
      const first = index === 0 ? undefined : await this.piece(ref, 0)
      await checkPiece(ref, index, piece, first)
      if (index === 0) await this.#begin(document, ref)
      const name = index === 0 ? ref.blob : await nameOf(piece)
      await this.#storage.writeRecord(piecePrefix + name, piece)
    })
  }

  /**
   * Records that all pieces of a blob are here (B1).
   *
   * @param relay the incarnation of the relay's store that it came from; empty for none
   * @throws BLOB_MISSING when they are not, STORAGE_UNAVAILABLE, CLOSED
   */
  async finish(document: string, ref: BlobRef, relay: string): Promise<void> {
    await this.inTurn(async () => {
      if (!(await this.#isWhole(ref))) throw missing(ref)
      await this.belong({ document, ref, whole: true, usedAt: this.#time.now(), relay })
    })
  }

  /** The content of a blob of a document; undefined where it is not here whole and undamaged. */
  async get(document: string, ref: BlobRef): Promise<Uint8Array | undefined> {
    const belonging = await this.belonging(document, ref.blob)
    if (!belonging?.whole || belonging.ref.bytes !== ref.bytes) return undefined
    const first = await this.piece(ref, 0)
    if (first === undefined || chunkCount(ref.bytes) === 0) return first
    const chunks: Uint8Array[] = []
    for (let index = 1; index <= chunkCount(ref.bytes); index++) {
      const chunk = await this.piece(ref, index, first)
      if (chunk === undefined) return undefined
      chunks.push(chunk)
    }
    return concatBytes(chunks)
  }

  /** A piece of a blob, checked; undefined where it is not here or damaged (B2). */
  async piece(ref: BlobRef, index: number, first?: Uint8Array): Promise<Uint8Array | undefined> {
    if (index < 0 || index > chunkCount(ref.bytes)) return undefined
    const head = index === 0 ? undefined : (first ?? (await this.piece(ref, 0)))
    if (index > 0 && head === undefined) return undefined
    const name = head === undefined ? ref.blob : chunkNames(head)[index - 1]
    const bytes = name && (await this.#record(piecePrefix + name))
    if (bytes === undefined) return undefined
    try {
      await checkPiece(ref, index, bytes, head)
      return bytes
    } catch (thrown) {
      if (thrown instanceof StatemeshError && thrown.code === 'BLOB_DAMAGED') return undefined
      throw thrown
    }
  }

  async belonging(document: string, name: BlobName): Promise<BlobBelonging | undefined> {
    const key = belongingKey(document, name)
    const bytes = await this.#record(key)
    return bytes && readBelonging(key, bytes)
  }

  /** Which blobs belong to which documents; a few hundred bytes each. */
  async belongings(document?: string): Promise<BlobBelonging[]> {
    const of = document === undefined ? '' : `${encodeURIComponent(document)}/`
    const records = await this.#storage.records(belongingPrefix + of)
    return [...records].flatMap(([key, bytes]) => readBelonging(key, bytes) ?? [])
  }

  /** Notes that the relay's store of this incarnation has a blob durably. */
  async atRelay(document: string, name: BlobName, relay: string): Promise<void> {
    await this.inTurn(async () => {
      const belonging = await this.belonging(document, name)
      if (belonging !== undefined) await this.belong({ ...belonging, relay })
    })
  }

  /**
   * Takes blobs from their documents, and removes the pieces that no other blob has.
   *
   * @returns the bytes of the pieces that were removed
   */
  async drop(belongings: readonly BlobBelonging[]): Promise<number> {
    const dropped = new Set(belongings.map(({ document, ref }) => belongingKey(document, ref.blob)))
    const kept = new Set<string>()
    for (const { document, ref } of await this.belongings()) {
      if (dropped.has(belongingKey(document, ref.blob))) continue
      for (const name of await this.#pieceNames(ref)) kept.add(name)
    }
    const pieces = new Set<string>()
    for (const { ref } of belongings) {
      for (const name of await this.#pieceNames(ref)) if (!kept.has(name)) pieces.add(name)
    }
    let bytes = 0
    for (const name of pieces) {
      bytes += (await this.#record(piecePrefix + name))?.length ?? 0
      await this.#storage.writeRecord(piecePrefix + name, undefined)
    }
    // Last: after a crash in between they are found again.
    for (const key of dropped) await this.#storage.writeRecord(key, undefined)
    return bytes
  }

  /** Does something while nothing is put (B3). */
  inTurn<Result>(act: () => Promise<Result>): Promise<Result> {
    const result = this.#turn.then(act)
    this.#turn = result.catch(() => undefined)
    return result
  }

  async #putPieces(document: string, { ref, first, chunks }: BlobPieces): Promise<void> {
    const known = await this.belonging(document, ref.blob)
    if (known === undefined) await this.#begin(document, ref)
    const pieces = [first, ...chunks]
    for (const [index, piece] of pieces.entries()) {
      if (known?.whole && (await this.piece(ref, index, first))) continue
      const name = index === 0 ? ref.blob : (chunkNames(first)[index - 1] as BlobName)
      await this.#storage.writeRecord(piecePrefix + name, piece)
    }
    const relay = known?.relay ?? ''
    await this.belong({ document, ref, whole: true, usedAt: this.#time.now(), relay })
  }

  async #begin(document: string, ref: BlobRef): Promise<void> {
    const known = await this.belonging(document, ref.blob)
    if (known?.whole) return
    await this.belong({ document, ref, whole: false, usedAt: this.#time.now(), relay: '' })
  }

  async #isWhole(ref: BlobRef): Promise<boolean> {
    const first = await this.piece(ref, 0)
    if (first === undefined) return false
    for (let index = 1; index <= chunkCount(ref.bytes); index++) {
      if ((await this.piece(ref, index, first)) === undefined) return false
    }
    return true
  }

  /** The names of the pieces of a blob, as far as they are known here. */
  async #pieceNames(ref: BlobRef): Promise<string[]> {
    const first = chunkCount(ref.bytes) === 0 ? undefined : await this.piece(ref, 0)
    return [ref.blob, ...(first === undefined ? [] : chunkNames(first))]
  }

  /** Records that a blob belongs to a document; to be called in turn. */
  async belong({ document, ref, whole, usedAt, relay }: BlobBelonging): Promise<void> {
    this.#onBelonging?.()
    const record = { bytes: ref.bytes, whole, usedAt, relay }
    await this.#storage.writeRecord(belongingKey(document, ref.blob), buffer.encodeAny(record))
  }

  async #record(key: string): Promise<Uint8Array | undefined> {
    // Names have one length, so no other key begins with this one.
    return (await this.#storage.records(key)).get(key)
  }
}

export function missing({ blob }: BlobRef): StatemeshError {
  return new StatemeshError('BLOB_MISSING', `${blob} is not here, and nobody who is linked has it`)
}

function belongingKey(document: string, name: BlobName): string {
  return `${belongingPrefix}${encodeURIComponent(document)}/${name}`
}

/** A record that cannot be read belongs to nothing: the blob is put or fetched again. */
function readBelonging(key: string, bytes: Uint8Array): BlobBelonging | undefined {
  const [encoded, name] = key.slice(belongingPrefix.length).split('/')
  if (encoded === undefined || !isBlobName(name)) return undefined
  try {
    const record = buffer.decodeAny(bytes) as Record<string, unknown> | null
    const { bytes: length, whole, usedAt, relay } = record ?? {}
    if (!isBlobLength(length) || typeof whole !== 'boolean') return undefined
    if (typeof usedAt !== 'number' || typeof relay !== 'string') return undefined
    const document = decodeURIComponent(encoded)
    return { document, ref: { blob: name, bytes: length }, whole, usedAt, relay }
  } catch {
    return undefined
  }
}
