/** Asks the other end of a link for blobs, and hands blobs over to it, a few pieces at a time. */
import { isErrorCode, StatemeshError } from '../base/error.ts'
import type { CancelTimer, TimeSource } from '../base/time.ts'
import type { BlobFrame } from '../protocol/blob-frame.ts'
import { type BlobRef, chunkCount, hashOfName } from '../storage/blobs/blob-ref.ts'
import { type BlobStore, missing } from '../storage/blobs/blob-store.ts'

type Named<Type extends BlobFrame['type']> = Extract<BlobFrame, { type: Type }>
type Question = Named<'blobWant'> | Named<'blobPut'>
type Answer = Named<'blobPiece'> | Named<'blobDone'>

export interface BlobRequestsOptions {
  store: BlobStore
  time: TimeSource
  send(frame: Question): void
}

/** Enough to fill a link of 100 MB/s at 10 ms, and less than what a desk lets wait. */
const underWayMax = 4
/** An end that knows no blobs does not answer. */
const answerMillisecondsMax = 10_000

interface Waiting {
  resolve(answer: Answer): void
  reject(error: StatemeshError): void
  readonly cancel: CancelTimer
}

export class BlobRequests {
  readonly #options: BlobRequestsOptions
  readonly #waiting = new Map<number, Waiting>()
  #queue: (() => void)[] = []
  #request = 0
  #closed = false

  constructor(options: BlobRequestsOptions) {
    this.#options = options
  }

  /**
   * Fetches a blob into the store.
   *
   * @param relay the incarnation of the store at the other end, if it is a relay; else empty
   * @throws BLOB_MISSING, BLOB_DAMAGED, LINK_FAILED, what the other end refuses it with
   */
  async fetch(document: string, ref: BlobRef, relay: string): Promise<void> {
    const { store } = this.#options
    await this.#eachPiece(ref, async index => {
      const answer = await this.#ask({ type: 'blobWant', ...this.#fields(document, ref, index) })
      if (answer.type !== 'blobPiece') throw missing(ref)
      await store.putPiece(document, ref, index, answer.piece.slice())
    })
    await store.finish(document, ref, relay)
  }

  /**
   * Hands a blob over; the other end has it durably when it resolves.
   *
   * @throws BLOB_DAMAGED (it is not whole here), LINK_FAILED, what the other end refuses it with
   */
  async push(document: string, ref: BlobRef): Promise<void> {
    const { store } = this.#options
    const first = await store.piece(ref, 0)
    await this.#eachPiece(ref, async index => {
      const piece = index === 0 ? first : await store.piece(ref, index, first)
      if (piece === undefined) {
        throw new StatemeshError('BLOB_DAMAGED', `${ref.blob} is not whole on this disk`)
      }
      await this.#ask({ type: 'blobPut', ...this.#fields(document, ref, index), piece })
    })
  }

  answered(answer: Answer): void {
    const waiting = this.#waiting.get(answer.request)
    if (waiting === undefined) return // it came too late
    this.#end(answer.request, waiting)
    if (answer.type === 'blobPiece' || answer.code === '') return waiting.resolve(answer)
    const { code, message, retryable } = answer
    const known = isErrorCode(code) ? code : 'REFUSED'
    waiting.reject(new StatemeshError(known, message, { retryable }))
  }

  /** The link is gone: what was asked fails. */
  close(): void {
    this.#closed = true
    for (const [request, waiting] of [...this.#waiting]) {
      this.#end(request, waiting)
      waiting.reject(gone())
    }
    for (const go of this.#queue.splice(0)) go()
  }

  /** The first piece, then the chunks, some of them under way together, and the last one last. */
  async #eachPiece(ref: BlobRef, act: (index: number) => Promise<void>): Promise<void> {
    await act(0)
    const chunks = chunkCount(ref.bytes)
    let next = 1
    const work = async () => {
      while (next < chunks) {
        const index = next
        next += 1
        await act(index)
      }
    }
    // After a failure no further piece is begun.
    const stop = (thrown: unknown) => {
      next = chunks + 1
      throw thrown
    }
    const workers = Array.from({ length: Math.min(underWayMax, chunks) }, () => work().catch(stop))
    await Promise.all(workers)
    if (chunks > 0) await act(chunks)
  }

  async #ask(question: Question): Promise<Answer> {
    while (!this.#closed && this.#waiting.size >= underWayMax) {
      await new Promise<void>(go => this.#queue.push(go))
    }
    if (this.#closed) throw gone()
    return new Promise((resolve, reject) => {
      const { request } = question
      const cancel = this.#options.time.after(answerMillisecondsMax, () => {
        this.#end(request, waiting)
        reject(new StatemeshError('LINK_FAILED', 'no answer about a blob came in time'))
      })
      const waiting: Waiting = { resolve, reject, cancel }
      this.#waiting.set(request, waiting)
      this.#options.send(question)
    })
  }

  #end(request: number, { cancel }: Waiting): void {
    cancel()
    this.#waiting.delete(request)
    this.#queue.shift()?.()
  }

  #fields(
    document: string,
    { blob, bytes }: BlobRef,
    index: number,
  ): Omit<Named<'blobWant'>, 'type'> {
    this.#request += 1
    return { request: this.#request, document, hash: hashOfName(blob), bytes, index }
  }
}

function gone(): StatemeshError {
  return new StatemeshError('LINK_FAILED', 'the link ended')
}
