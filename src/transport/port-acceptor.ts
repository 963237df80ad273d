/** A port of this machine to listen at, which is not opened to everybody by mistake. */
import { StatemeshError } from '../base/error.ts'
import type { Acceptor } from './acceptor.ts'
import { isLoopback } from './loopback.ts'
import { type WebSocketAcceptorOptions, websocketAcceptor } from './websocket-acceptor.ts'

/** Where a replica listens for others. */
export type PeerPort = Omit<WebSocketAcceptorOptions, 'subprotocol'> & {
  /** Listen beyond this machine although no tokens are asked for. */
  insecure?: boolean
}

export interface PortRules {
  subprotocol: string
  /** Whether whoever dials is asked for a token. */
  asksForTokens: boolean
}

/** @throws OPTION_INVALID for a port that would be open to all */
export function portAcceptor(port: PeerPort, { subprotocol, asksForTokens }: PortRules): Acceptor {
  const { host = '127.0.0.1', insecure = false } = port
  if (!asksForTokens && !insecure && !isLoopback(host)) {
    const why = `everybody who can reach ${host} could read and write all: give tokens, or say so`
    throw new StatemeshError('OPTION_INVALID', why)
  }
  return websocketAcceptor({ ...port, subprotocol })
}
