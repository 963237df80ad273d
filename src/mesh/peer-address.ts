/**
 * An address at which a peer may be: dialled until there is a link, and again when it has ended. It
 * rests while the same peer is linked another way.
 */
import type { StatemeshError } from '../base/error.ts'
import type { RandomSource } from '../base/random.ts'
import type { TimeSource } from '../base/time.ts'
import { Dialler, type DiallerState } from '../sync/dialler.ts'
import type { Link, Transport } from '../transport/transport.ts'
import { messageBytesMax } from './peer-link.ts'

export interface PeerAddressOptions {
  address: string
  /** Whether the user named it; others were heard of, and are given up sooner. */
  isFixed: boolean
  transport: Transport
  time: TimeSource
  random: RandomSource
  onLink(link: Link, from: PeerAddress): void
  onState(state: DiallerState, of: PeerAddress): void
}

export class PeerAddress {
  readonly address: string
  readonly isFixed: boolean
  /** Not to be dialled before this moment (monotonic). */
  notBefore = 0
  /** The store that was found there last. */
  store: string | undefined
  /** Who listens there, as far as a relay has told. */
  subject: string | undefined
  readonly #dialler: Dialler

  constructor({ address, isFixed, transport, time, random, onLink, onState }: PeerAddressOptions) {
    this.address = address
    this.isFixed = isFixed
    this.#dialler = new Dialler({
      address,
      transport,
      time,
      random,
      messageBytesMax,
      onLink: link => onLink(link, this),
      onState: state => onState(state, this),
    })
  }

  get state(): DiallerState {
    return this.#dialler.state
  }

  dial(): void {
    this.#dialler.start()
  }

  /** Dials no more until it is told to. */
  rest(): void {
    this.#dialler.stop()
  }

  /** Whether nobody dials it, or waits to. */
  get rests(): boolean {
    const { kind } = this.state
    return kind === 'idle' || kind === 'stopped'
  }

  /** The link works. */
  succeeded(): void {
    this.#dialler.succeeded()
  }

  /** The link that was dialled has ended. */
  lost(code: number, reason: string): void {
    this.#dialler.lost(code, reason)
  }

  /** Why there is no link. */
  get error(): StatemeshError | undefined {
    const { state } = this
    return 'error' in state ? state.error : undefined
  }
}
