/**
 * The transport over WebSockets: those of `ws` in Node, the platform's own in browsers.
 */
import { StatemeshError } from '../base/error.ts'
import { runsInNode } from '../base/platform.ts'
import { systemTime, type TimeSource } from '../base/time.ts'
import type { DialOptions, Link, Transport } from './transport.ts'
import { TurnCork } from './turn-cork.ts'
import { type WebSocketLike, WebSocketLink } from './websocket-link.ts'

/** What precedes a token among the subprotocols of an upgrade, where no header can be sent. */
export const tokenSubprotocolPrefix = 'statemesh.token.'

export interface WebSocketTransportOptions {
  /** Headers of the upgrade request. Browsers cannot send any; a token goes another way there. */
  headers?: Readonly<Record<string, string>>
  time?: TimeSource
}

// How long `ws` waits for the other end's part of a close, which holds the process up; its default
// is 30 s. Its types do not list the option yet.
const closing = { closeTimeout: 5000 }

/** A WebSocket that is being opened, and how to get rid of it. */
interface Attempt {
  readonly webSocket: WebSocketLike
  /** Of the TCP socket, once it is open and where it can be had. */
  cork(): TurnCork | undefined
  abort(): void
}

type Open = (url: string, options: WebSocketTransportOptions, dial: DialOptions) => Attempt

/** Links to `ws:` and `wss:` addresses. */
export function websocketTransport(options: WebSocketTransportOptions = {}): Transport {
  return {
    async dial(address, dial) {
      const url = checkWebSocketAddress(address)
      const open = runsInNode() ? await openWithWs() : openNatively
      return connect(() => open(url, options, dial), dial, options.time ?? systemTime)
    },
  }
}

/** @throws OPTION_INVALID for what is no `ws:` or `wss:` URL */
export function checkWebSocketAddress(address: string): string {
  const url = URL.canParse(address) ? new URL(address) : undefined
  if (url === undefined || !['ws:', 'wss:'].includes(url.protocol) || url.hash !== '') {
    throw new StatemeshError(
      'OPTION_INVALID',
      `${JSON.stringify(address)} is not a ws: or wss: URL`,
    )
  }
  return address
}

async function openWithWs(): Promise<Open> {
  // On demand: bundles for browsers must not load it.
  const { WebSocket } = await import('ws')
  return (url, { headers }, { messageBytesMax, subprotocol, token }) => {
    const authorization = token === undefined ? undefined : { authorization: `Bearer ${token}` }
    const webSocket = new WebSocket(url, subprotocol === undefined ? [] : [subprotocol], {
      headers: { ...headers, ...authorization },
      maxPayload: messageBytesMax,
      perMessageDeflate: false,
      ...closing,
    })
    let cork: TurnCork | undefined
    webSocket.on('upgrade', response => {
      cork = new TurnCork(response.socket)
    })
    return {
      webSocket: webSocket as WebSocketLike,
      cork: () => cork,
      abort: () => webSocket.terminate(),
    }
  }
}

const openNatively: Open = (url, { headers }, { subprotocol, token }) => {
  if (headers !== undefined && Object.keys(headers).length > 0) {
    throw new StatemeshError('OPTION_INVALID', 'a browser cannot send headers')
  }
  const protocols = subprotocol === undefined ? [] : [subprotocol]
  if (token !== undefined) protocols.push(tokenSubprotocolPrefix + token)
  const webSocket = new WebSocket(url, protocols)
  return {
    webSocket: webSocket as WebSocketLike,
    cork: () => undefined,
    abort: () => webSocket.close(),
  }
}

function connect(start: () => Attempt, dial: DialOptions, time: TimeSource): Promise<Link> {
  return new Promise((resolve, reject) => {
    const attempt = begin(start)
    const { webSocket } = attempt
    // The first of open, error, close and the timeout settles the promise; later ones do nothing.
    const fail = (why: string, cause?: unknown) => {
      cancelTimeout()
      reject(new StatemeshError('LINK_FAILED', why, { cause }))
    }
    const cancelTimeout = time.after(dial.timeoutMilliseconds, () => {
      fail(`no connection within ${dial.timeoutMilliseconds} ms`)
      attempt.abort()
    })
    webSocket.addEventListener('error', event => {
      const cause = 'error' in event ? event.error : event
      fail(cause instanceof Error ? cause.message : 'the connection was refused', cause)
    })
    webSocket.addEventListener('close', event => fail(`closed with ${event.code}`, event))
    webSocket.addEventListener('open', () => {
      cancelTimeout()
      const { messageBytesMax } = dial
      resolve(
        new WebSocketLink(webSocket, {
          side: 'dialled',
          messageBytesMax,
          cork: attempt.cork(),
        }),
      )
    })
  })
}

function begin(start: () => Attempt): Attempt {
  try {
    return start()
  } catch (cause) {
    if (cause instanceof StatemeshError) throw cause
    throw new StatemeshError(
      'OPTION_INVALID',
      'the address, subprotocol, headers or token are malformed',
      { cause },
    )
  }
}
