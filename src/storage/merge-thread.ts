/**
 * Merges logs in a thread of its own: a document of 100,000 keys takes most of a second, in which an
 * agent or a relay would do nothing else. Where no thread is to be had, in a browser and in a bundle
 * that lacks `merge-worker.js`, it merges in place.
 */
import { assert } from '../base/assert.ts'
import { concatBytes } from '../base/bytes.ts'
import { isErrorCode, StatemeshError } from '../base/error.ts'
import { builtinModule } from '../base/platform.ts'
import { mergeLog } from './merge-log.ts'

/** The updates of a log, end to end: one buffer crosses to a thread much faster than thousands. */
export interface MergeRequest {
  readonly bytes: Uint8Array
  readonly lengths: Uint32Array
}

export type MergeReply =
  | { readonly merged: Uint8Array }
  | { readonly code: string; readonly message: string }

/** What is used of a `Worker` of `node:worker_threads`. */
interface Thread {
  postMessage(request: MergeRequest, transferred: readonly ArrayBufferLike[]): void
  on(event: 'message', listener: (reply: MergeReply) => void): void
  on(event: 'error', listener: (error: Error & { code?: string }) => void): void
  on(event: 'exit', listener: () => void): void
  unref(): void
  terminate(): Promise<number>
}

interface Threads {
  Worker: new (script: URL, options: { execArgv: string[] }) => Thread
}

interface Waiting {
  readonly updates: readonly Uint8Array[]
  resolve(merged: Uint8Array | Promise<Uint8Array>): void
  reject(error: StatemeshError): void
}

/** To start a thread for less takes longer than to merge it. */
const apartBytesMin = 256 * 1024

/** As `mergeLog`, a long log in a thread for this once. */
export async function mergeLogApart(updates: readonly Uint8Array[]): Promise<Uint8Array> {
  if (updates.reduce((sum, { length }) => sum + length, 0) < apartBytesMin) return mergeLog(updates)
  const thread = new MergeThread()
  try {
    return await thread.merge(updates)
  } finally {
    thread.close()
  }
}

/** A thread for whoever merges often. */
export class MergeThread {
  #thread: Thread | undefined
  #waiting: Waiting | undefined
  #unavailable = false

  /**
   * As `mergeLog`; one at a time. The thread is started by the first call, and does not hold the
   * process up.
   *
   * @throws UPDATE_INVALID, UPDATE_GAP; CLOSED when the thread has ended
   */
  async merge(updates: readonly Uint8Array[]): Promise<Uint8Array> {
    assert(this.#waiting === undefined, 'one merge at a time')
    this.#thread ??= this.#start()
    if (this.#thread === undefined) return mergeLog(updates)
    const bytes = new Uint8Array(concatBytes(updates))
    const lengths = Uint32Array.from(updates, ({ length }) => length)
    this.#thread.postMessage({ bytes, lengths }, [bytes.buffer, lengths.buffer])
    return new Promise((resolve, reject) => {
      this.#waiting = { updates, resolve, reject }
    })
  }

  /** Ends the thread. */
  close(): void {
    void this.#thread?.terminate()
  }

  #start(): Thread | undefined {
    const threads = this.#unavailable ? undefined : builtinModule<Threads>('worker_threads')
    if (threads === undefined) return undefined
    // The flags of the process are its own: not all are good for a thread, and loaders take time.
    const script = new URL('./merge-worker.js', import.meta.url)
    const thread = new threads.Worker(script, { execArgv: [] })
    thread.unref()
    thread.on('message', reply => this.#onReply(reply))
    thread.on('error', ({ code, message }) => {
      if (code?.endsWith('MODULE_NOT_FOUND')) this.#onUnavailable()
      else this.#settle()?.reject(new StatemeshError('UPDATE_INVALID', message))
    })
    thread.on('exit', () => {
      if (this.#thread !== thread) return
      this.#thread = undefined
      this.#settle()?.reject(new StatemeshError('CLOSED', 'the merging thread has ended'))
    })
    return thread
  }

  #onReply(reply: MergeReply): void {
    const waiting = this.#settle()
    if ('merged' in reply) return waiting?.resolve(reply.merged)
    const code = isErrorCode(reply.code) ? reply.code : 'UPDATE_INVALID'
    waiting?.reject(new StatemeshError(code, reply.message))
  }

  #onUnavailable(): void {
    this.#unavailable = true
    this.#thread = undefined
    const waiting = this.#settle()
    waiting?.resolve(Promise.resolve(waiting.updates).then(mergeLog))
  }

  #settle(): Waiting | undefined {
    const waiting = this.#waiting
    this.#waiting = undefined
    return waiting
  }
}
