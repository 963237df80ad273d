/** The link over an accepted WebSocket, with batches written past `ws`, which would frame them anew. */
import type { Duplex } from 'node:stream'
import type { WebSocket } from 'ws'
import { TurnCork } from '../src/transport/turn-cork.ts'
import { type BatchLink, type MessageBatch, messageHeader } from './message-batch.ts'
import { acceptedLink } from './websocket-link.ts'

/**
 * Makes the link; to be called in the callback of `handleUpgrade`. The WebSocket must not compress:
 * only then has all that was sent before been given to the TCP socket, and the order is kept.
 */
export function batchLink(webSocket: WebSocket, socket: Duplex): BatchLink {
  const link = acceptedLink(webSocket, socket)
  const cork = new TurnCork(socket)
  return {
    get bufferedBytes() {
      return link.bufferedBytes
    },
    start: handlers => link.start(handlers),
    send: message => link.send(message),
    close: (code, reason) => link.close(code, reason),
    sendBatch(batch: MessageBatch) {
      if (webSocket.readyState !== webSocket.OPEN) return
      cork.hold()
      socket.write(batch.frames)
    },
    sendPieces(pieces: readonly Uint8Array[]) {
      if (webSocket.readyState !== webSocket.OPEN) return
      cork.hold()
      socket.write(messageHeader(pieces.reduce((sum, { length }) => sum + length, 0)))
      for (const piece of pieces) socket.write(piece)
    },
  }
}
