/** The transport within one process, for tests and for replicas that live together. */
import { StatemeshError } from '../base/error.ts'
import type { Acceptor } from './acceptor.ts'
import { memoryLinkPair } from './memory-link.ts'
import type { DialOptions, Link, Transport } from './transport.ts'

export interface MemoryListenOptions {
  /** A message longer than this closes the link with 1009. Default: no limit. */
  messageBytesMax?: number
}

/** A transport whose addresses begin with `memory:`, and the listeners that can be dialled. */
export interface MemoryNetwork extends Transport {
  /**
   * Hands every link that is dialled to `address` to `onLink`, until the returned function is
   * called. Links that are open then stay open.
   *
   * @throws OPTION_INVALID for an address that does not begin with `memory:`; PORT_UNAVAILABLE
   * for one that is listened to already
   */
  listen(
    address: string,
    onLink: (link: Link, request: MemoryRequest) => void,
    options?: MemoryListenOptions,
  ): () => void
  /** What accepts links at an address, for a replica to listen with. */
  acceptor(address: string): Acceptor
}

/** What came with a link. */
export interface MemoryRequest {
  readonly token: string | undefined
}

interface Listener {
  readonly onLink: (link: Link, request: MemoryRequest) => void
  readonly messageBytesMax: number
}

/** A network of its own: links do not cross from one to another. */
export function createMemoryNetwork(): MemoryNetwork {
  const listeners = new Map<string, Listener>()
  const network: MemoryNetwork = {
    listen(address, onLink, options = {}) {
      checkAddress(address)
      if (listeners.has(address)) {
        throw new StatemeshError('PORT_UNAVAILABLE', `${address} is already listened to`)
      }
      const listener = {
        onLink,
        messageBytesMax: options.messageBytesMax ?? Number.POSITIVE_INFINITY,
      }
      listeners.set(address, listener)
      return () => {
        if (listeners.get(address) === listener) listeners.delete(address)
      }
    },
    async dial(address, options) {
      checkAddress(address)
      // A turn later, so that who dials cannot tell this network from a real one.
      await Promise.resolve()
      const listener = listeners.get(address)
      if (listener === undefined) {
        throw new StatemeshError('LINK_FAILED', `nobody listens to ${address}`)
      }
      return connect(listener, options)
    },
    acceptor: address => ({
      async listen(onLink, options) {
        const leave = network.listen(address, onLink, options)
        return {
          address,
          async close() {
            leave()
          },
        }
      },
    }),
  }
  return network
}

function checkAddress(address: string): void {
  if (!address.startsWith('memory:')) {
    throw new StatemeshError('OPTION_INVALID', 'the address does not begin with memory:')
  }
}

function connect(listener: Listener, options: DialOptions): Link {
  const { dialled, accepted } = memoryLinkPair({
    dialledMessageBytesMax: options.messageBytesMax,
    acceptedMessageBytesMax: listener.messageBytesMax,
  })
  listener.onLink(accepted, { token: options.token })
  return dialled
}
