/**
 * Links over a message port: between threads, and between a process and its child. One port carries
 * any number of them, dialled from either end.
 *
 * Each message on the port is a `PortMessage`. A receiver says how much it has taken, so that
 * `bufferedBytes` means here what it means on a socket.
 */
import { StatemeshError } from '../base/error.ts'
import { systemTime, type TimeSource } from '../base/time.ts'
import type { Acceptor } from './acceptor.ts'
import { brokenCode } from './close-code.ts'
import { PortLink, type PortMessage } from './port-link.ts'
import type { DialOptions, Link, Transport } from './transport.ts'

/** A `MessagePort`, a `Worker`, or the `parentPort` of one, of Node or a browser. */
export interface MessagePortLike {
  postMessage(message: unknown): void
  on?(event: 'message' | 'close' | 'exit', listener: (message: unknown) => void): unknown
  addEventListener?(event: 'message', listener: (event: { data: unknown }) => void): void
  start?(): void
}

/** A child process with an IPC channel in `advanced` serialization, or `process` within one. */
export interface ProcessLike {
  send?(message: unknown): boolean
  on(event: 'message', listener: (message: unknown) => void): unknown
  on(event: 'disconnect', listener: () => void): unknown
}

/** Both halves: dial `port:` and any name, or listen. */
export interface PortNetwork extends Transport, Acceptor {}

const addressPrefix = 'port:'

interface Listener {
  readonly onLink: (link: Link) => void
  readonly messageBytesMax: number
}

/** The network over one port; the other end of the port has one of its own. */
export function createPortNetwork(
  port: MessagePortLike | ProcessLike,
  { time = systemTime }: { time?: TimeSource } = {},
): PortNetwork {
  const links = new Map<string, PortLink>()
  let listener: Listener | undefined
  let lastDialled = 0
  let isGone = false
  const post = portPoster(port, () => isGone)

  const makeLink = (id: string, side: 'dialled' | 'accepted', messageBytesMax: number) => {
    const link = new PortLink({ id, side, messageBytesMax, post, onGone: () => links.delete(id) })
    links.set(id, link)
    return link
  }
  const receive = (message: PortMessage) => {
    if (message.kind !== 'dial') return links.get(message.link)?.receive(message)
    const id = message.link
    if (listener === undefined) return post({ kind: 'refused', link: idThere(id) })
    const { onLink, messageBytesMax } = listener
    const link = makeLink(id, 'accepted', messageBytesMax)
    post({ kind: 'accepted', link: idThere(id) })
    onLink(link)
  }
  const gone = () => {
    isGone = true
    for (const link of [...links.values()]) link.broken(brokenCode, 'the port has closed')
  }
  listenTo(port, receive, gone)

  return {
    async dial(address, { messageBytesMax, timeoutMilliseconds }: DialOptions) {
      if (!address.startsWith(addressPrefix)) {
        throw new StatemeshError(
          'OPTION_INVALID',
          `the address does not begin with ${addressPrefix}`,
        )
      }
      if (isGone) throw new StatemeshError('LINK_FAILED', 'the port has closed')
      lastDialled += 1
      const link = makeLink(`d${lastDialled}`, 'dialled', messageBytesMax)
      post({ kind: 'dial', link: idThere(`d${lastDialled}`) })
      await link.answered(time, timeoutMilliseconds)
      return link
    },
    async listen(onLink, { messageBytesMax }) {
      if (listener !== undefined) {
        throw new StatemeshError('PORT_UNAVAILABLE', 'somebody listens on the port already')
      }
      const own = { onLink, messageBytesMax }
      listener = own
      return {
        address: `${addressPrefix}peer`,
        async close() {
          if (listener === own) listener = undefined
        },
      }
    },
  }
}

// Each end numbers what it dials: `d1` here is `a1` there.
const idThere = (id: string): string => (id.startsWith('d') ? 'a' : 'd') + id.slice(1)

function portPoster(
  port: MessagePortLike | ProcessLike,
  isGone: () => boolean,
): (message: PortMessage) => void {
  return message => {
    if (isGone()) return
    if ('postMessage' in port) port.postMessage(message)
    else port.send?.(message)
  }
}

function listenTo(
  port: MessagePortLike | ProcessLike,
  receive: (message: PortMessage) => void,
  gone: () => void,
): void {
  const take = (message: unknown) => {
    if (isPortMessage(message)) receive(message)
  }
  if (!('postMessage' in port)) {
    port.on('message', take)
    port.on('disconnect', gone)
  } else if (port.on !== undefined) {
    port.on('message', take)
    port.on('close', gone)
    port.on('exit', gone)
  } else {
    port.addEventListener?.('message', event => take(event.data))
    port.start?.()
  }
}

/** Others may use the port for messages of their own. */
function isPortMessage(message: unknown): message is PortMessage {
  return typeof message === 'object' && message !== null && 'link' in message && 'kind' in message
}
