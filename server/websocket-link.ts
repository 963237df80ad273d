/**
 * The link over a WebSocket that a relay has accepted, with batches written past `ws`, which would
 * frame them anew. The longest message is the `maxPayload` of its `WebSocketServer`.
 */
import type { Duplex } from 'node:stream'
import type { WebSocket } from 'ws'
import { TurnCork } from '../src/transport/turn-cork.ts'
import { type WebSocketLike, WebSocketLink } from '../src/transport/websocket-link.ts'
import { type BatchLink, type MessageBatch, messageHeader } from './message-batch.ts'

/**
 * Makes the link; to be called in the callback of `handleUpgrade`, before any message can arrive. The
 * WebSocket must not compress: only then has all that was sent before been given to the TCP socket,
 * and the order is kept.
 *
 * @param socket the TCP socket of the HTTP server's `upgrade` event
 */
export function acceptedLink(webSocket: WebSocket, socket: Duplex): BatchLink {
  return new AcceptedLink(webSocket, socket, new TurnCork(socket))
}

class AcceptedLink extends WebSocketLink implements BatchLink {
  readonly #webSocket: WebSocket
  readonly #socket: Duplex
  readonly #cork: TurnCork

  constructor(webSocket: WebSocket, socket: Duplex, cork: TurnCork) {
    super(webSocket as WebSocketLike, { side: 'accepted', cork })
    this.#webSocket = webSocket
    this.#socket = socket
    this.#cork = cork
  }

  sendBatch({ frames }: MessageBatch): void {
    if (this.#begins()) this.#socket.write(frames)
  }

  sendPieces(pieces: readonly Uint8Array[]): void {
    if (!this.#begins()) return
    this.#socket.write(messageHeader(pieces.reduce((sum, { length }) => sum + length, 0)))
    for (const piece of pieces) this.#socket.write(piece)
  }

  afterDrain(listener: () => void): void {
    this.#socket.once('drain', listener)
  }

  /** Whether anything can be sent; if so, it leaves with the rest of the turn. */
  #begins(): boolean {
    const { readyState, OPEN } = this.#webSocket
    if (readyState === OPEN) this.#cork.hold()
    return readyState === OPEN
  }
}
