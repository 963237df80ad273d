/**
 * The order in which a replica's writes become durable. The application writes to memory and goes
 * on; the journal hands the writes to the storage at once and remembers each until it is durable.
 * When the disk fails nothing is lost: the journal keeps what was refused and tries again, in the
 * same order, until the disk is well.
 */
import { Backoff } from '../base/backoff.ts'
import { StatemeshError, toStatemeshError } from '../base/error.ts'
import { Queue } from '../base/queue.ts'
import type { RandomSource } from '../base/random.ts'
import type { CancelTimer, TimeSource } from '../base/time.ts'

/** How many writes were pushed up to some moment; positions are compared, never interpreted. */
export type JournalPosition = number

interface Waiter {
  readonly position: JournalPosition
  resolve(): void
  reject(error: StatemeshError): void
}

export interface JournalOptions {
  time: TimeSource
  random: RandomSource
  /** Told of every failed attempt; the writes are kept and tried again. */
  onError(error: StatemeshError): void
}

export class Journal {
  readonly #options: JournalOptions
  readonly #backoff: Backoff
  // The writes that are not known to be durable, oldest first; `#durable` counts those before.
  readonly #writes = new Queue<() => Promise<unknown>>()
  #durable: JournalPosition = 0
  // How many of `#writes`, from the front, the storage has and has not answered.
  #issued = 0
  // Set by the first refusal of a round, until everything issued in it has been answered.
  #failure: StatemeshError | undefined
  // In the order of their positions.
  #waiters: Waiter[] = []
  #cancelRetry: CancelTimer | undefined
  // What pushes the writes of this turn that are being gathered.
  #deferred: (() => void) | undefined
  #closed = false

  constructor(options: JournalOptions) {
    this.#options = options
    this.#backoff = new Backoff({
      random: options.random,
      millisecondsMin: 50,
      millisecondsMax: 5_000,
    })
  }

  /** The position up to which everything is durable. */
  get durablePosition(): JournalPosition {
    return this.#durable
  }

  /** The position of the last write that was pushed. */
  get position(): JournalPosition {
    this.#pushDeferred()
    return this.#durable + this.#writes.length
  }

  /**
   * Adds a write behind all earlier ones. `write` must be repeatable: it is called again if the
   * storage refuses it.
   */
  push(write: () => Promise<unknown>): JournalPosition {
    this.#pushDeferred()
    this.#writes.push(write)
    if (this.#failure === undefined && this.#cancelRetry === undefined) this.#issue()
    return this.position
  }

  /**
   * Has `push` called when the turn ends, or before anything else is pushed: so what it gathers until
   * then is one write, in the place of its first part.
   */
  defer(push: () => void): void {
    this.#pushDeferred()
    this.#deferred = push
    queueMicrotask(this.#pushDeferred)
  }

  /**
   * Resolves when everything up to `position` is durable.
   *
   * @throws STORAGE_UNAVAILABLE (and other storage codes) when an attempt fails meanwhile; the
   * writes are kept and tried again. CLOSED when the journal was closed before.
   */
  whenDurable(position: JournalPosition = this.position): Promise<void> {
    if (position <= this.#durable) return Promise.resolve()
    if (this.#closed) return Promise.reject(closedError())
    return new Promise((resolve, reject) => {
      const behind = this.#waiters.findLastIndex(waiter => waiter.position <= position)
      this.#waiters.splice(behind + 1, 0, { position, resolve, reject })
    })
  }

  /** Stops trying. What is not durable by then is lost with the process. */
  close(): void {
    this.#closed = true
    this.#cancelRetry?.()
    this.#rejectWaiters(closedError())
  }

  readonly #pushDeferred = (): void => {
    const push = this.#deferred
    this.#deferred = undefined
    push?.()
  }

  #issue(): void {
    while (this.#issued < this.#writes.length) {
      const write = this.#writes.at(this.#issued)
      this.#issued += 1
      write().then(this.#succeeded, this.#failed)
    }
  }

  // Answers come in the order of the writes (S2 of the storage port), so each is the oldest's.
  readonly #succeeded = (): void => {
    this.#issued -= 1
    if (this.#failure !== undefined) {
      // A write behind a refused one got through: harmless, since it is repeatable.
      if (this.#issued === 0) this.#retryLater()
      return
    }
    this.#writes.shift()
    this.#durable += 1
    this.#backoff.reset()
    this.#resolveWaiters()
  }

  readonly #failed = (thrown: unknown): void => {
    this.#issued -= 1
    if (this.#failure === undefined) {
      this.#failure = toStatemeshError(thrown, 'STORAGE_UNAVAILABLE')
      if (!this.#closed) this.#options.onError(this.#failure)
    }
    if (this.#issued === 0) this.#retryLater()
  }

  #retryLater(): void {
    const failure = this.#failure
    this.#failure = undefined
    if (this.#closed || failure === undefined) return
    this.#cancelRetry = this.#options.time.after(this.#backoff.next(), () => {
      this.#cancelRetry = undefined
      this.#issue()
    })
    this.#rejectWaiters(failure)
  }

  #resolveWaiters(): void {
    let done = 0
    for (const waiter of this.#waiters) {
      if (waiter.position > this.#durable) break
      waiter.resolve()
      done += 1
    }
    if (done > 0) this.#waiters.splice(0, done)
  }

  #rejectWaiters(error: StatemeshError): void {
    const waiters = this.#waiters
    this.#waiters = []
    for (const waiter of waiters) waiter.reject(error)
  }
}

function closedError(): StatemeshError {
  return new StatemeshError('CLOSED', 'the replica was closed')
}
