/**
 * Answers what the other end of a link asks about blobs: pieces that it wants, and pieces that it
 * hands over. One at a time, in the order in which they came, so that a link costs a bounded room.
 */
import { StatemeshError, toStatemeshError } from '../base/error.ts'
import type { BlobFrame } from '../protocol/blob-frame.ts'
import { tooLarge } from '../storage/blobs/blob-pieces.ts'
import {
  type BlobRef,
  chunkBytes,
  chunkCount,
  hashBytes,
  isBlobLength,
  nameOfHash,
} from '../storage/blobs/blob-ref.ts'
import { type BlobStore, missing } from '../storage/blobs/blob-store.ts'

type Named<Type extends BlobFrame['type']> = Extract<BlobFrame, { type: Type }>
type Question = Named<'blobWant'> | Named<'blobPut'>

export interface BlobDeskOptions {
  store: BlobStore
  send(frame: Named<'blobPiece'> | Named<'blobDone'>): void
  /** What the other end may do with the blobs of a document; undefined: nothing. */
  right(document: string): 'read' | 'write' | undefined
  /** The largest blob that is taken. */
  bytesMax: number
  /** Whether the other end reads what it has been sent. */
  writable(): boolean
}

/** Questions of a link that wait for their answer: with all of them hand-overs, 4 MiB. */
const waitingMax = 16

export class BlobDesk {
  readonly #options: BlobDeskOptions
  #waiting = 0
  #last: Promise<void> = Promise.resolve()
  #closed = false

  constructor(options: BlobDeskOptions) {
    this.#options = options
  }

  /** Resolves when everything that was asked has been answered. */
  settled(): Promise<void> {
    return this.#last
  }

  ask(question: Question): void {
    try {
      if (this.#waiting >= waitingMax || !this.#options.writable()) throw limited()
      const ref = this.#check(question)
      this.#waiting += 1
      // The message that a piece is part of is not kept.
      const piece = question.type === 'blobPut' ? question.piece.slice() : undefined
      this.#last = this.#last.then(() => this.#answer(question, ref, piece))
    } catch (thrown) {
      this.#refuse(question.request, thrown)
    }
  }

  /** Answers nothing more. */
  close(): void {
    this.#closed = true
  }

  /** @throws ACCESS_DENIED, BLOB_TOO_LARGE, BLOB_DAMAGED */
  #check(question: Question): BlobRef {
    const { right, bytesMax } = this.#options
    const { document, hash, bytes, index, type } = question
    const held = right(document)
    if (held === undefined || (type === 'blobPut' && held !== 'write')) {
      throw new StatemeshError('ACCESS_DENIED', `the blobs of ${document} are not open to it`)
    }
    if (hash.length !== hashBytes || !isBlobLength(bytes) || index > chunkCount(bytes)) {
      throw new StatemeshError('BLOB_DAMAGED', 'there is no such piece')
    }
    if (type === 'blobPut') {
      if (bytes > bytesMax) throw tooLarge(bytes, bytesMax)
      if (question.piece.length > chunkBytes) throw tooLarge(question.piece.length, chunkBytes)
    }
    return { blob: nameOfHash(hash), bytes }
  }

  async #answer(question: Question, ref: BlobRef, piece: Uint8Array | undefined): Promise<void> {
    const { request } = question
    try {
      if (this.#closed) return
      if (piece === undefined) {
        const found = await this.#find(question, ref)
        if (!this.#closed) this.#options.send({ type: 'blobPiece', request, piece: found })
        return
      }
      await this.#take(question, ref, piece)
      this.#send({ type: 'blobDone', request, code: '', retryable: false, message: '' })
    } catch (thrown) {
      this.#refuse(request, thrown)
    } finally {
      this.#waiting -= 1
    }
  }

  async #find({ document, index }: Question, ref: BlobRef): Promise<Uint8Array> {
    const { store } = this.#options
    const belonging = await store.belonging(document, ref.blob)
    if (!belonging?.whole || belonging.ref.bytes !== ref.bytes) throw missing(ref)
    const piece = await store.piece(ref, index)
    if (piece === undefined) throw missing(ref)
    return piece
  }

  async #take({ document, index }: Question, ref: BlobRef, piece: Uint8Array): Promise<void> {
    const { store } = this.#options
    await store.putPiece(document, ref, index, piece)
    if (index === chunkCount(ref.bytes)) await store.finish(document, ref, '')
  }

  #refuse(request: number, thrown: unknown): void {
    const { code, retryable, message } = toStatemeshError(thrown, 'STORAGE_UNAVAILABLE')
    this.#send({ type: 'blobDone', request, code, retryable, message })
  }

  #send(frame: Named<'blobDone'>): void {
    if (!this.#closed) this.#options.send(frame)
  }
}

function limited(): StatemeshError {
  return new StatemeshError('RATE_LIMITED', 'too many pieces of blobs at a time')
}
