/**
 * A link over one open WebSocket, the platform's or one of `ws`, dialled or accepted.
 */
import { assert } from '../base/assert.ts'
import {
  assertCloseCode,
  brokenCode,
  cutReason,
  type LinkSide,
  malformedCode,
  tooLongCode,
} from './close-code.ts'
import type { Link, LinkHandlers } from './transport.ts'
import type { TurnCork } from './turn-cork.ts'

/** What this link needs of a WebSocket; those of browsers and of `ws` both have it. */
export interface WebSocketLike {
  binaryType: string
  readonly readyState: number
  readonly bufferedAmount: number
  send(data: Uint8Array): void
  close(code?: number, reason?: string): void
  addEventListener(type: 'message', listener: (event: { data: unknown }) => void): void
  addEventListener(type: 'close', listener: (event: { code: number; reason: string }) => void): void
  addEventListener(type: 'error', listener: (event: object) => void): void
  addEventListener(type: 'open', listener: () => void): void
  /** Only `ws` has it: it makes no event object for each message, and needs less memory. */
  on?(type: 'message', listener: (data: unknown, isBinary: boolean) => void): unknown
  on?(type: 'close', listener: (code: number, reason: Uint8Array) => void): unknown
  on?(type: 'error', listener: (error: Error) => void): unknown
  /** Stop and go on reading; only `ws` can. */
  pause?(): void
  resume?(): void
}

export interface WebSocketLinkOptions {
  side: LinkSide
  /** For a WebSocket without a limit of its own: a longer message closes the link. */
  messageBytesMax?: number | undefined
  /** Of the TCP socket underneath, where it can be had: one write then carries a whole turn. */
  cork?: TurnCork | undefined
}

const openState = 1
const utf8 = new TextDecoder()

/**
 * Invariants:
 * 1. Until `start` the other end is not read further than what has already arrived, so what is
 *    kept here is bounded by one read of the socket.
 * 2. Nothing is delivered after `close` was called here, and nothing at all after the handler
 *    `close`.
 */
export class WebSocketLink implements Link {
  readonly #webSocket: WebSocketLike
  readonly #side: LinkSide
  readonly #messageBytesMax: number
  readonly #cork: TurnCork | undefined
  #handlers: LinkHandlers | undefined
  /** What came and is not delivered yet; undefined from when messages are passed straight on. */
  #kept: Uint8Array[] | undefined = []
  #end: { code: number; reason: string } | undefined
  #closing = false
  #paused = false
  /** Why the connection broke, as far as this end knows better than the closing handshake. */
  #failure: { code: number; reason: string } | undefined

  /** Takes over a WebSocket that is open; nobody else may listen to it or have missed events. */
  constructor(webSocket: WebSocketLike, options: WebSocketLinkOptions) {
    this.#webSocket = webSocket
    this.#side = options.side
    this.#messageBytesMax = options.messageBytesMax ?? Number.POSITIVE_INFINITY
    this.#cork = options.cork
    // `ws` makes a copy of every message for an ArrayBuffer; what it has are views of what was read.
    webSocket.binaryType = options.side === 'accepted' ? 'nodebuffer' : 'arraybuffer'
    this.#listen(webSocket)
    webSocket.pause?.()
  }

  #listen(webSocket: WebSocketLike): void {
    if (webSocket.on === undefined) {
      webSocket.addEventListener('message', event => this.#onMessage(event.data))
      webSocket.addEventListener('close', event => this.#onClose(event.code, event.reason))
      webSocket.addEventListener('error', event => this.#onError(event))
      return
    }
    webSocket.on('message', (data, isBinary) => this.#onMessage(isBinary ? data : undefined))
    webSocket.on('close', (code, reason) => this.#onClose(code, utf8.decode(reason)))
    webSocket.on('error', error => this.#onError({ error }))
  }

  get bufferedBytes(): number {
    return this.#webSocket.bufferedAmount
  }

  start(handlers: LinkHandlers): void {
    assert(this.#handlers === undefined, 'a link is started once')
    this.#handlers = handlers
    queueMicrotask(() => this.#deliverKept())
  }

  send(message: Uint8Array): void {
    if (this.#closing || this.#webSocket.readyState !== openState) return
    this.#cork?.hold()
    this.#webSocket.send(message)
  }

  pause(): void {
    this.#paused = true
    if (!this.#closing) this.#webSocket.pause?.()
  }

  resume(): void {
    this.#paused = false
    if (this.#kept === undefined) this.#webSocket.resume?.()
  }

  close(code: number, reason: string): void {
    assertCloseCode(code, this.#side)
    this.#close(code, reason)
  }

  #close(code: number, reason: string): void {
    if (this.#closing || this.#webSocket.readyState !== openState) return
    this.#closing = true
    this.#webSocket.close(code, cutReason(reason))
    // The other end's answer has to be read, even if nobody has started this link.
    this.#webSocket.resume?.()
  }

  #onMessage(data: unknown): void {
    if (this.#closing) return
    const message = plainBytes(data)
    if (message === undefined) {
      this.#close(malformedCode, 'a message that is not binary')
    } else if (message.length > this.#messageBytesMax) {
      // This end is a browser's, which cannot send 1009.
      this.#failure = { code: tooLongCode, reason: 'a message that is too long' }
      this.#close(malformedCode, this.#failure.reason)
    } else if (this.#kept === undefined) {
      this.#handlers?.message(message)
    } else {
      this.#kept.push(message)
    }
  }

  #onError(event: object): void {
    // A `close` event follows every error and ends the link; this only notes why.
    const error = 'error' in event && event.error instanceof Error ? event.error : undefined
    if (error === undefined) return
    const tooLong = 'code' in error && error.code === 'WS_ERR_UNSUPPORTED_MESSAGE_LENGTH'
    this.#failure = { code: tooLong ? tooLongCode : brokenCode, reason: error.message }
  }

  #onClose(code: number, reason: string): void {
    this.#end = this.#failure ?? { code, reason }
    if (this.#kept === undefined || this.#closing) this.#finish()
  }

  #deliverKept(): void {
    // Not a loop: a handler that throws then costs only its own message.
    const next = this.#closing ? undefined : this.#kept?.shift()
    if (next !== undefined) {
      queueMicrotask(() => this.#deliverKept())
      this.#handlers?.message(next)
      return
    }
    this.#kept = undefined
    if (this.#end !== undefined) this.#finish()
    else if (!this.#paused) this.#webSocket.resume?.()
  }

  #finish(): void {
    const { handlers, end } = { handlers: this.#handlers, end: this.#end }
    if (handlers === undefined || end === undefined) return
    this.#end = undefined
    handlers.close(end.code, end.reason)
  }
}

/** Binary data as a plain array; a Buffer's `slice`, which users may call, would share memory. */
function plainBytes(data: unknown): Uint8Array | undefined {
  if (data instanceof ArrayBuffer) return new Uint8Array(data)
  if (!(data instanceof Uint8Array)) return undefined
  return new Uint8Array(data.buffer, data.byteOffset, data.length)
}
