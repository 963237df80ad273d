/**
 * Finds out when a storage that failed works again: it writes a record, at growing intervals. Nobody
 * else has to try in vain, and no update is at stake.
 */
import { Backoff } from '../src/base/backoff.ts'
import { type StatemeshError, toStatemeshError } from '../src/base/error.ts'
import type { RandomSource } from '../src/base/random.ts'
import type { CancelTimer, TimeSource } from '../src/base/time.ts'
import type { Storage } from '../src/storage/storage.ts'

export interface StorageProbeOptions {
  storage: Storage
  time: TimeSource
  random: RandomSource
  onWorking(): void
  /** It failed once more. */
  onFailed(error: StatemeshError): void
}

type ProbeState =
  | { readonly kind: 'idle' }
  | { readonly kind: 'waiting'; readonly cancel: CancelTimer }
  | { readonly kind: 'trying' }
  | { readonly kind: 'stopped' }

const recordKey = 'probe'

/** As much as a commit usually has: on a full disk, a few bytes may still find their place. */
const recordBytes = 64 * 1024

export class StorageProbe {
  readonly #options: StorageProbeOptions
  readonly #backoff: Backoff
  #state: ProbeState = { kind: 'idle' }

  constructor(options: StorageProbeOptions) {
    this.#options = options
    const { random } = options
    // Each failure has LevelDB opened anew, which takes a while where its log is long.
    this.#backoff = new Backoff({ random, millisecondsMin: 200, millisecondsMax: 10_000 })
  }

  /** Whether the storage has failed, and has not been seen to work since. */
  get failing(): boolean {
    return this.#state.kind === 'waiting' || this.#state.kind === 'trying'
  }

  /** The storage has failed: it is tried until it works. */
  start(): void {
    if (this.#state.kind === 'idle') this.#tryLater()
  }

  stop(): void {
    if (this.#state.kind === 'waiting') this.#state.cancel()
    this.#state = { kind: 'stopped' }
  }

  #tryLater(): void {
    const cancel = this.#options.time.after(this.#backoff.next(), () => void this.#try())
    this.#state = { kind: 'waiting', cancel }
  }

  async #try(): Promise<void> {
    const { storage } = this.#options
    this.#state = { kind: 'trying' }
    try {
      await storage.writeRecord(recordKey, new Uint8Array(recordBytes))
      await storage.writeRecord(recordKey, undefined)
    } catch (thrown) {
      return this.#failed(toStatemeshError(thrown, 'STORAGE_UNAVAILABLE'))
    }
    if (this.#stopped) return
    this.#backoff.reset()
    this.#state = { kind: 'idle' }
    this.#options.onWorking()
  }

  #failed(error: StatemeshError): void {
    if (this.#stopped) return
    this.#tryLater()
    this.#options.onFailed(error)
  }

  get #stopped(): boolean {
    return this.#state.kind === 'stopped'
  }
}
