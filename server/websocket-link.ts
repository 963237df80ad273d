/**
 * The link over a WebSocket that a relay has accepted, with batches written past `ws`, which would
 * frame them anew. The longest message is the `maxPayload` of its `WebSocketServer`.
 */
import type { IncomingMessage } from 'node:http'
import type { Duplex } from 'node:stream'
import type { WebSocket, WebSocketServer } from 'ws'
import { TurnCork } from '../src/transport/turn-cork.ts'
import { type WebSocketLike, WebSocketLink } from '../src/transport/websocket-link.ts'
import { type BatchLink, type MessageBatch, messageHeader } from './message-batch.ts'

/** What the HTTP server's `upgrade` event brings. */
export interface Upgrade {
  request: IncomingMessage
  /** The TCP socket. */
  socket: Duplex
  head: Buffer
}

/**
 * Answers an upgrade and makes the link; one that is no WebSocket's is refused. The answer leaves
 * in one write with what is sent on the link at once.
 *
 * @param sockets must not compress: only then has all that was sent before been given to the TCP
 * socket, and the order is kept
 */
export function acceptUpgrade(
  sockets: WebSocketServer,
  { request, socket, head }: Upgrade,
  onLink: (link: BatchLink, webSocket: WebSocket) => void,
): void {
  const cork = new TurnCork(socket)
  cork.hold()
  sockets.handleUpgrade(request, socket, head, webSocket =>
    onLink(new AcceptedLink(webSocket, socket, cork), webSocket),
  )
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
