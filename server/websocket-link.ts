/**
 * The link over a WebSocket that a relay has accepted. The longest message is the `maxPayload` of
 * its `WebSocketServer`.
 */
import type { Duplex } from 'node:stream'
import type { WebSocket } from 'ws'
import { type WebSocketLike, WebSocketLink } from '../src/transport/websocket-link.ts'

/**
 * Makes the link; to be called in the callback of `handleUpgrade`, before any message can arrive.
 *
 * @param socket the TCP socket of the HTTP server's `upgrade` event
 */
export function acceptedLink(webSocket: WebSocket, socket: Duplex): WebSocketLink {
  return new WebSocketLink(webSocket as WebSocketLike, { side: 'accepted', socket })
}
