/**
 * Accepts WebSocket links on a port, in Node. Not from browsers: a page has no business with the
 * replicas of the machine that shows it, and meets them through a relay.
 */
import { StatemeshError } from '../base/error.ts'
import { runsInNode } from '../base/platform.ts'
import type { AcceptOptions, Acceptor } from './acceptor.ts'
import { malformedCode } from './close-code.ts'
import type { Link } from './transport.ts'
import { type Corkable, TurnCork } from './turn-cork.ts'
import { type WebSocketLike, WebSocketLink } from './websocket-link.ts'

/** A server of `node:https` or `node:http`, as far as it is needed here. */
export interface HttpServerLike {
  address(): { port: number } | string | null
  readonly listening: boolean
}

export interface WebSocketAcceptorOptions {
  /** 0 takes any free port. */
  port?: number
  /** Default `127.0.0.1`. */
  host?: string
  /** In place of a port: an HTTPS server with a certificate, which listens already and stays open. */
  server?: HttpServerLike
  /** Where others reach it, if not at this host and port. */
  address?: string
  /** The WebSocket subprotocol that a link must ask for. */
  subprotocol: string
}

/** What is used of a `WebSocketServer` of `ws`. */
interface Sockets {
  address(): { port: number } | string | null
  readonly clients: Iterable<{ terminate(): void }>
  close(done: () => void): void
}

/** Accepts links on a port, or on a server of the caller's. */
export function websocketAcceptor(options: WebSocketAcceptorOptions): Acceptor {
  return {
    async listen(onLink, accept) {
      const sockets = await openSockets(options, accept, onLink)
      const bound = (options.server ?? sockets).address()
      return {
        address: options.address ?? urlOf(options, bound),
        close: () => closeSockets(sockets),
      }
    },
  }
}

async function openSockets(
  { port = 0, host = '127.0.0.1', server, subprotocol }: WebSocketAcceptorOptions,
  { messageBytesMax }: AcceptOptions,
  onLink: (link: Link) => void,
): Promise<Sockets> {
  if (!runsInNode()) throw new StatemeshError('OPTION_INVALID', 'a browser cannot listen on a port')
  // On demand: bundles for browsers must not load it.
  const { WebSocketServer } = await import('ws')
  const place = server === undefined ? { port, host } : { server: server as never }
  const sockets = new WebSocketServer({
    ...place,
    maxPayload: messageBytesMax,
    perMessageDeflate: false,
    handleProtocols: offered => (offered.has(subprotocol) ? subprotocol : false),
    verifyClient: isNoBrowser,
  })
  sockets.on('connection', (webSocket, request) => {
    const cork = new TurnCork(request.socket as Corkable)
    const link = new WebSocketLink(webSocket as WebSocketLike, { side: 'accepted', cork })
    if (webSocket.protocol === subprotocol) onLink(link)
    else link.close(malformedCode, `ask for the subprotocol ${subprotocol}`)
  })
  if (server === undefined) await listening(sockets, host, port)
  return sockets
}

function isNoBrowser({ req }: { req: { headers: object } }): boolean {
  return !('origin' in req.headers)
}

function listening(
  sockets: { once(event: 'listening' | 'error', listener: (cause: Error) => void): unknown },
  host: string,
  port: number,
): Promise<void> {
  return new Promise((resolve, reject) => {
    sockets.once('listening', () => resolve())
    sockets.once('error', cause => {
      const message = `cannot listen on ${host}, port ${port}: ${cause.message}`
      reject(new StatemeshError('PORT_UNAVAILABLE', message, { cause }))
    })
  })
}

function urlOf(
  { host = '127.0.0.1', server }: WebSocketAcceptorOptions,
  bound: { port: number } | string | null,
): string {
  if (bound === null || typeof bound === 'string') {
    throw new StatemeshError('OPTION_INVALID', 'a server that listens on no port needs an address')
  }
  const shownHost = host.includes(':') ? `[${host}]` : host
  return `${server === undefined ? 'ws' : 'wss'}://${shownHost}:${bound.port}`
}

function closeSockets(sockets: Sockets): Promise<void> {
  return new Promise(resolve => {
    for (const socket of sockets.clients) socket.terminate()
    sockets.close(() => resolve())
  })
}
