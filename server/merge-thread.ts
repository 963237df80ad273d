/**
 * Merges logs in a thread of its own: a document of 40,000 small updates takes a second, in which
 * a relay would do nothing else.
 */
import { Worker } from 'node:worker_threads'
import { assert } from '../src/base/assert.ts'
import { concatBytes } from '../src/base/bytes.ts'
import { isErrorCode, StatemeshError } from '../src/base/error.ts'

/** The updates of a log, end to end: one buffer crosses to a thread much faster than thousands. */
export interface MergeRequest {
  readonly bytes: Uint8Array
  readonly lengths: Uint32Array
}

export type MergeReply =
  | { readonly merged: Uint8Array }
  | { readonly code: string; readonly message: string }

interface Waiting {
  resolve(merged: Uint8Array): void
  reject(error: StatemeshError): void
}

export class MergeThread {
  #worker: Worker | undefined
  #waiting: Waiting | undefined

  /**
   * As `mergeLog`; one at a time. The thread is started by the first call, and does not hold the
   * process up.
   *
   * @throws UPDATE_INVALID; CLOSED when the thread has ended
   */
  merge(updates: readonly Uint8Array[]): Promise<Uint8Array> {
    assert(this.#waiting === undefined, 'one merge at a time')
    this.#worker ??= this.#start()
    const bytes = new Uint8Array(concatBytes(updates))
    const lengths = Uint32Array.from(updates, ({ length }) => length)
    const request: MergeRequest = { bytes, lengths }
    this.#worker.postMessage(request, [bytes.buffer, lengths.buffer])
    return new Promise((resolve, reject) => {
      this.#waiting = { resolve, reject }
    })
  }

  #start(): Worker {
    const worker = new Worker(new URL('./merge-worker.js', import.meta.url))
    worker.unref()
    worker.on('message', (reply: MergeReply) => this.#onReply(reply))
    worker.on('error', ({ message }) => this.#fail(new StatemeshError('UPDATE_INVALID', message)))
    worker.on('exit', () => {
      this.#worker = undefined
      this.#fail(new StatemeshError('CLOSED', 'the merging thread has ended'))
    })
    return worker
  }

  #onReply(reply: MergeReply): void {
    if ('merged' in reply) {
      const waiting = this.#waiting
      this.#waiting = undefined
      waiting?.resolve(reply.merged)
    } else {
      const code = isErrorCode(reply.code) ? reply.code : 'UPDATE_INVALID'
      this.#fail(new StatemeshError(code, reply.message))
    }
  }

  #fail(error: StatemeshError): void {
    const waiting = this.#waiting
    this.#waiting = undefined
    waiting?.reject(error)
  }
}
