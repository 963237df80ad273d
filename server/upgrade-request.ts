/** What the HTTP request of an upgrade says besides its path: token, origin, and dialect. */

import type { IncomingMessage } from 'node:http'
import { subprotocol } from '../src/protocol/frame.ts'
import { isLoopback } from '../src/transport/listen-rules.ts'
import { tokenSubprotocolPrefix } from '../src/transport/websocket-transport.ts'

/**
 * The token of a request: in its `Authorization` header, as a subprotocol, or, for the stock dialect
 * alone, whose clients can send neither, in the query string.
 */
export function tokenOf(request: IncomingMessage): string | undefined {
  const { headers, url = '/' } = request
  const bearer = bearerOf(request)
  if (bearer !== undefined) return bearer
  const offered = subprotocolsOf(headers['sec-websocket-protocol'])
  const asSubprotocol = offered.find(name => name.startsWith(tokenSubprotocolPrefix))
  if (asSubprotocol !== undefined) return asSubprotocol.slice(tokenSubprotocolPrefix.length)
  if (offered.includes(subprotocol)) return undefined
  const query = url.includes('?') ? url.slice(url.indexOf('?') + 1) : ''
  return new URLSearchParams(query).get('token') ?? undefined
}

/** The token in the `Authorization` header. */
export function bearerOf({ headers }: IncomingMessage): string | undefined {
  return /^bearer +(\S+)$/i.exec(headers.authorization ?? '')?.[1]
}

/**
 * Where a connection comes from: what a proxy says in a header, of several the last, which is the
 * one that the nearest proxy has seen; or the other end of the socket.
 */
export function addressOf(
  { headers, socket }: IncomingMessage,
  header: string | undefined,
): string | undefined {
  const given = header === undefined ? undefined : headers[header.toLowerCase()]
  const last = [given].flat().at(-1)?.split(',').at(-1)?.trim()
  return last === undefined || last === '' ? socket.remoteAddress : last
}

function subprotocolsOf(header: string | undefined): string[] {
  return header === undefined ? [] : header.split(',').map(name => name.trim())
}

/** `any`, or the origins from which pages may connect, such as `https://app.example`. */
export type AllowedOrigins = 'any' | 'loopback' | readonly string[]

/**
 * Whether a browser may connect: it says which page does. Programs say nothing, and may. Without the
 * check, any page that somebody on this machine visits could read a relay on its loopback interface.
 */
export function isAllowedOrigin(origin: string | undefined, allowed: AllowedOrigins): boolean {
  if (origin === undefined || allowed === 'any') return true
  if (allowed !== 'loopback') return allowed.includes(origin)
  return URL.canParse(origin) && isLoopback(new URL(origin).hostname)
}
