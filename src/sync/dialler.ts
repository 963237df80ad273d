/**
 * Keeps a link to one address: dials, and dials again after a pause that grows, until it is
 * stopped or the other end says that dialling again is pointless.
 */
import { Backoff } from '../base/backoff.ts'
import { type StatemeshError, toStatemeshError } from '../base/error.ts'
import type { RandomSource } from '../base/random.ts'
import type { CancelTimer, TimeSource } from '../base/time.ts'
import { subprotocol } from '../protocol/frame.ts'
import { closeCodes, errorOfClose, mayDialAgain } from '../protocol/link-rules.ts'
import type { Link, Transport } from '../transport/transport.ts'
import type { TokenSource } from './token-source.ts'

export type DiallerState =
  | { kind: 'idle' }
  /** `error` is why the attempt before failed. */
  | { kind: 'dialling'; error?: StatemeshError }
  | { kind: 'linked' }
  /** Waits for the next attempt. */
  | { kind: 'waiting'; error: StatemeshError; cancel: CancelTimer }
  /** Dialling again unchanged cannot help. */
  | { kind: 'refused'; error: StatemeshError }
  | { kind: 'stopped' }

export interface DiallerOptions {
  address: string
  transport: Transport
  time: TimeSource
  random: RandomSource
  messageBytesMax: number
  /** Asked for a token at every dial. */
  token?: TokenSource | undefined
  /** A link is open; whoever takes it reports its end with `lost`. */
  onLink(link: Link): void
  onState(state: DiallerState): void
}

/** For a token, and again for a connection. */
const timeoutMilliseconds = 10_000

export class Dialler {
  readonly #options: DiallerOptions
  readonly #backoff: Backoff
  #state: DiallerState = { kind: 'idle' }

  constructor(options: DiallerOptions) {
    this.#options = options
    this.#backoff = new Backoff({
      random: options.random,
      millisecondsMin: 100,
      millisecondsMax: 10_000,
    })
  }

  get state(): DiallerState {
    return this.#state
  }

  /** Begins, or begins again after `stop` or a refusal. */
  start(): void {
    const { kind } = this.#state
    if (kind !== 'dialling' && kind !== 'linked') void this.#dial()
  }

  /** The link works: the next pause is a short one again. */
  succeeded(): void {
    this.#backoff.reset()
  }

  /** The link that `onLink` was given is gone. */
  lost(code: number, reason: string): void {
    if (this.#state.kind !== 'linked') return
    // A token that the relay does not like may be followed by one that it does.
    const another = code === closeCodes.tokenInvalid && this.#options.token?.renews === true
    this.#failed(errorOfClose(code, reason), mayDialAgain(code) || another)
  }

  stop(): void {
    if (this.#state.kind === 'waiting') this.#state.cancel()
    this.#become({ kind: 'stopped' })
  }

  async #dial(): Promise<void> {
    const { transport, address, messageBytesMax, time } = this.#options
    const before = this.#state
    if (before.kind === 'waiting') before.cancel()
    this.#become({ kind: 'dialling', ...('error' in before && { error: before.error }) })
    const attempt = this.#state
    try {
      const token = await this.#options.token?.get(time, timeoutMilliseconds)
      const dial = { messageBytesMax, timeoutMilliseconds, subprotocol, token }
      const link = await transport.dial(address, dial)
      // Stopped, or even started again, while this attempt was under way.
      if (this.#state !== attempt) return link.close(closeCodes.normal, '')
      this.#become({ kind: 'linked' })
      this.#options.onLink(link)
    } catch (thrown) {
      const error = toStatemeshError(thrown, 'LINK_FAILED')
      if (this.#state === attempt) this.#failed(error, error.retryable)
    }
  }

  #failed(error: StatemeshError, again: boolean): void {
    if (!again) return this.#become({ kind: 'refused', error })
    const { time } = this.#options
    const cancel = time.after(this.#backoff.next(), () => void this.#dial())
    this.#become({ kind: 'waiting', error, cancel })
  }

  #become(state: DiallerState): void {
    this.#state = state
    this.#options.onState(state)
  }
}
