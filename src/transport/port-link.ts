/** One end of a link over a message port; see `port-network.ts`. */
import { assert } from '../base/assert.ts'
import { StatemeshError } from '../base/error.ts'
import { Queue } from '../base/queue.ts'
import type { CancelTimer, TimeSource } from '../base/time.ts'
import { assertCloseCode, cutReason, type LinkSide, tooLongCode } from './close-code.ts'
import type { Link, LinkHandlers } from './transport.ts'

/** What the ends of a port say about a link, which each knows by its own id. */
export type PortMessage =
  | { readonly kind: 'dial' | 'accepted' | 'refused'; readonly link: string }
  | { readonly kind: 'message'; readonly link: string; readonly bytes: Uint8Array }
  /** So many bytes were delivered. */
  | { readonly kind: 'taken'; readonly link: string; readonly bytes: number }
  | {
      readonly kind: 'close'
      readonly link: string
      readonly code: number
      readonly reason: string
    }

export interface PortLinkOptions {
  /** Its id here; `d` and `a` change places at the other end. */
  id: string
  side: LinkSide
  messageBytesMax: number
  post(message: PortMessage): void
  /** Nothing more comes for it. */
  onGone(): void
}

interface Ending {
  readonly code: number
  readonly reason: string
}

/** A message, or how the other end closed, in the order in which they came. */
type Arrival = { readonly bytes: Uint8Array } | { readonly ending: Ending }

export class PortLink implements Link {
  readonly #options: PortLinkOptions
  readonly #there: string
  #state: 'dialling' | 'open' | 'closing' | 'closed'
  #handlers: LinkHandlers | undefined
  readonly #arrived = new Queue<Arrival>()
  #stepScheduled = false
  #paused = false
  #bufferedBytes = 0
  #answer: { resolve(): void; reject(error: StatemeshError): void } | undefined

  constructor(options: PortLinkOptions) {
    this.#options = options
    this.#there = (options.side === 'dialled' ? 'a' : 'd') + options.id.slice(1)
    this.#state = options.side === 'dialled' ? 'dialling' : 'open'
  }

  get bufferedBytes(): number {
    return this.#bufferedBytes
  }

  /**
   * Resolves when the other end has accepted.
   *
   * @throws LINK_FAILED
   */
  async answered(time: TimeSource, timeoutMilliseconds: number): Promise<void> {
    let cancel: CancelTimer = () => undefined
    try {
      await new Promise<void>((resolve, reject) => {
        this.#answer = { resolve, reject }
        cancel = time.after(timeoutMilliseconds, () => this.#fail('no answer in time'))
      })
    } finally {
      cancel()
    }
  }

  start(handlers: LinkHandlers): void {
    assert(this.#handlers === undefined, 'a link is started once')
    this.#handlers = handlers
    this.#scheduleStep()
  }

  send(message: Uint8Array): void {
    if (this.#state !== 'open') return
    // A copy: a view would take the whole of its buffer along.
    const bytes = new Uint8Array(message)
    this.#bufferedBytes += bytes.length
    this.#options.post({ kind: 'message', link: this.#there, bytes })
  }

  pause(): void {
    this.#paused = true
  }

  resume(): void {
    this.#paused = false
    this.#scheduleStep()
  }

  close(code: number, reason: string): void {
    assertCloseCode(code, this.#options.side)
    this.#close({ code, reason: cutReason(reason) })
  }

  /** The other end says something. */
  receive(message: PortMessage): void {
    switch (message.kind) {
      case 'accepted':
        if (this.#state !== 'dialling') return
        this.#state = 'open'
        return this.#answer?.resolve()
      case 'refused':
        return this.#fail('nobody listens at the other end of the port')
      case 'message':
        return this.#arrive({ bytes: message.bytes })
      case 'taken':
        this.#bufferedBytes -= message.bytes
        return
      case 'close':
        return this.#closedThere({ code: message.code, reason: message.reason })
    }
  }

  /** The port has closed. */
  broken(code: number, reason: string): void {
    this.#fail(reason)
    if (this.#state !== 'closed') this.#closedThere({ code, reason })
  }

  #fail(why: string): void {
    if (this.#state !== 'dialling') return
    this.#state = 'closed'
    this.#options.onGone()
    this.#answer?.reject(new StatemeshError('LINK_FAILED', why))
  }

  #close(ending: Ending): void {
    if (this.#state !== 'open') return
    this.#state = 'closing'
    // What has arrived is delivered no more; the other end answers with its own close.
    while (this.#arrived.shift() !== undefined);
    this.#options.post({ kind: 'close', link: this.#there, ...ending })
  }

  #closedThere(ending: Ending): void {
    const asked = this.#state === 'open'
    if (asked) this.#options.post({ kind: 'close', link: this.#there, ...ending })
    if (this.#state === 'open') this.#state = 'closing'
    this.#arrive({ ending })
  }

  #arrive(arrival: Arrival): void {
    if (this.#state === 'closed') return
    if ('bytes' in arrival && this.#state === 'closing') return
    this.#arrived.push(arrival)
    this.#scheduleStep()
  }

  /** Every event gets a step of its own, so that a handler that throws costs no other event. */
  #scheduleStep(): void {
    if (this.#handlers === undefined || this.#stepScheduled) return
    this.#stepScheduled = true
    queueMicrotask(() => this.#step())
  }

  #step(): void {
    this.#stepScheduled = false
    const handlers = this.#handlers
    if (this.#paused && this.#state === 'open') return
    const next = this.#arrived.shift()
    if (handlers === undefined || next === undefined) return
    if (this.#arrived.length > 0) this.#scheduleStep()
    if ('ending' in next) return this.#finish(next.ending, handlers)
    this.#options.post({ kind: 'taken', link: this.#there, bytes: next.bytes.length })
    if (next.bytes.length <= this.#options.messageBytesMax) return handlers.message(next.bytes)
    this.#close({ code: tooLongCode, reason: 'a message that is too long' })
  }

  #finish({ code, reason }: Ending, handlers: LinkHandlers): void {
    this.#state = 'closed'
    this.#options.onGone()
    handlers.close(code, reason)
  }
}
