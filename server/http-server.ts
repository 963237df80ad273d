/** The relay on a TCP port: WebSockets of both dialects, and its pages. */
import { createServer, type Server } from 'node:http'
import type { AddressInfo } from 'node:net'
import { WebSocketServer } from 'ws'
import { StatemeshError } from '../src/base/error.ts'
import { subprotocol } from '../src/protocol/frame.ts'
import { checkPort, refuseOpenHost } from '../src/transport/listen-rules.ts'
import { answerPage } from './http-pages.ts'
import type { RelayMetrics } from './metrics.ts'
import type { Relay } from './relay.ts'
import { type AllowedOrigins, addressOf, isAllowedOrigin, tokenOf } from './upgrade-request.ts'
import { acceptUpgrade } from './websocket-link.ts'

export interface ListenOptions {
  /** Default `127.0.0.1`. */
  host?: string
  /** 0 takes any free port. Default 4100. */
  port?: number
  /**
   * From which pages browsers may connect. Default: from any where tokens are asked for, since a page
   * has none by itself; else from pages of this machine.
   */
  origins?: AllowedOrigins
  /** The figures of `/metrics`; the same object is the relay's `meter`. */
  metrics?: RelayMetrics
  /** A header in which a proxy in front, which alone can reach the relay, names the client. */
  addressHeader?: string
  /** Listen beyond this machine although no tokens are asked for. */
  insecure?: boolean
}

export interface RelayServer {
  /** `ws://` and the address it listens on. */
  readonly url: string
  readonly host: string
  readonly port: number
  /**
   * Closes the relay, as `Relay.close` does, and then the port.
   *
   * @throws STORAGE_UNAVAILABLE when the clean end could not be recorded
   */
  close(): Promise<void>
}

/**
 * Serves a relay on a port.
 *
 * @throws PORT_UNAVAILABLE when the port or the address cannot be had; OPTION_INVALID for what is
 * no port, and when the address is not of the loopback interface and the relay asks for no tokens
 */
export async function listen(relay: Relay, options: ListenOptions = {}): Promise<RelayServer> {
  const { host = '127.0.0.1', port = 4100, insecure = false } = options
  const { origins = relay.secured ? 'any' : 'loopback' } = options
  checkPort(port)
  refuseOpenHost(host, { asksForTokens: relay.secured, insecure })
  const sockets = new WebSocketServer({
    noServer: true,
    maxPayload: relay.limits.messageBytesMax,
    // Updates hardly shrink, and a compressor costs a connection more memory than all the rest.
    perMessageDeflate: false,
    handleProtocols: offered => (offered.has(subprotocol) ? subprotocol : false),
  })
  const { metrics, addressHeader } = options
  metrics?.readFrom(() => relay.gauges())
  metrics?.watchHealth(() => relay.health())
  const server = createServer((request, response) =>
    answerPage({ relay, metrics }, request, response),
  )
  server.on('upgrade', (request, socket, head) => {
    if (isAllowedOrigin(request.headers.origin, origins)) {
      acceptUpgrade(sockets, { request, socket, head }, (link, { protocol }) => {
        relay.accept(link, {
          path: request.url ?? '/',
          subprotocol: protocol === '' ? undefined : protocol,
          address: addressOf(request, addressHeader),
          token: tokenOf(request),
        })
      })
    } else {
      socket.on('error', () => socket.destroy())
      socket.end('HTTP/1.1 403 Forbidden\r\nConnection: close\r\nContent-Length: 0\r\n\r\n')
    }
  })
  await bind(server, host, port)
  const bound = (server.address() as AddressInfo).port
  const shownHost = host.includes(':') ? `[${host}]` : host
  return {
    url: `ws://${shownHost}:${bound}`,
    host,
    port: bound,
    async close() {
      // First the relay: while it drains, `/health` says so and new sockets hear 1012.
      try {
        await relay.close()
      } finally {
        for (const socket of sockets.clients) socket.terminate()
        await closeServer(server)
      }
    },
  }
}

function bind(server: Server, host: string, port: number): Promise<void> {
  return new Promise((resolve, reject) => {
    server.once('error', cause => {
      const message = `cannot listen on ${host}, port ${port}: ${cause.message}`
      reject(new StatemeshError('PORT_UNAVAILABLE', message, { cause }))
    })
    server.listen(port, host, resolve)
  })
}

function closeServer(server: Server): Promise<void> {
  return new Promise(resolve => {
    server.close(() => resolve())
    server.closeAllConnections()
  })
}
