/** A port of this machine to listen at, which is not opened to everybody by mistake. */
import type { Acceptor } from './acceptor.ts'
import { checkPort, refuseOpenHost } from './listen-rules.ts'
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

/** @throws OPTION_INVALID for what is no port, and for one that would be open to all */
export function portAcceptor(port: PeerPort, { subprotocol, asksForTokens }: PortRules): Acceptor {
  const { host = '127.0.0.1', port: number = 0, insecure = false } = port
  checkPort(number)
  refuseOpenHost(host, { asksForTokens, insecure })
  return websocketAcceptor({ ...port, subprotocol })
}
