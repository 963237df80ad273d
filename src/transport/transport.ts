/**
 * The port for connections: whole messages of bytes, in order and once, until the link closes.
 * It knows nothing of what they mean.
 */

/** What a link tells its owner. */
export interface LinkHandlers {
  message(message: Uint8Array): void
  /** The link is gone, whoever ended it; called exactly once, and nothing is called after it. */
  close(code: number, reason: string): void
}

/** One open connection. */
export interface Link {
  /**
   * Begins to deliver. Messages that came before it are kept and delivered first, after `start`
   * has returned.
   */
  start(handlers: LinkHandlers): void
  /** Sends one message; does nothing on a link that is closing or closed. */
  send(message: Uint8Array): void
  /** Bytes that were sent but have not left this process yet. */
  readonly bufferedBytes: number
  /**
   * Ends the link after what was sent before; both ends get `close` with this code (1000, or 3000
   * to 4999) and reason (at most 123 UTF-8 bytes). Closing twice does nothing.
   */
  close(code: number, reason: string): void
}

export interface DialOptions {
  /** A message longer than this closes the link with 1009. */
  messageBytesMax: number
  /** How long to wait for the connection. */
  timeoutMilliseconds: number
}

export interface Transport {
  /**
   * Opens a link to an address.
   *
   * @throws LINK_FAILED when nobody answers or the answer is a refusal; OPTION_INVALID when the
   * address is not one of this transport
   */
  dial(address: string, options: DialOptions): Promise<Link>
}
