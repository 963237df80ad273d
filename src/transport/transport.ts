/**
 * The port for connections: whole messages of bytes, in order and once, until the link closes.
 * It knows nothing of what they mean.
 */

/** What a link tells its owner. */
export interface LinkHandlers {
  message(message: Uint8Array): void
  /**
   * The link is gone, whoever ended it; called exactly once, and nothing is called after it. The
   * code is the other end's if both closed at once, and 1006 if the connection broke.
   */
  close(code: number, reason: string): void
}

/** One open connection. */
export interface Link {
  /**
   * Begins to deliver. Messages that came before it are kept and delivered first, after `start`
   * has returned. Called once.
   */
  start(handlers: LinkHandlers): void
  /**
   * Sends one message; does nothing on a link that is closing or closed. The bytes must not be
   * changed afterwards.
   */
  send(message: Uint8Array): void
  /** Bytes that were sent but have not left this process yet. */
  readonly bufferedBytes: number
  /**
   * Reads no further until `resume`, so that the other end can send no more either; a browser's
   * WebSocket cannot. What was read before may still be delivered, and what ends the link may show
   * only when it is read on. For a link that was started; closing it here works all the same.
   */
  pause(): void
  /** Reads on. */
  resume(): void
  /**
   * Ends the link after what was sent before; both ends get `close` with this code (one of
   * `close-code.ts`) and reason (cut to 123 UTF-8 bytes). From now on no message is delivered
   * here. Closing twice does nothing.
   */
  close(code: number, reason: string): void
}

export interface DialOptions {
  /** A message longer than this closes the link with 1009. */
  messageBytesMax: number
  /** How long to wait for the connection. */
  timeoutMilliseconds: number
  /** What will be spoken, told to the other end where the transport has a way to; none is stock y-websocket. */
  subprotocol?: string | undefined
  /** Says who dials, to a relay that asks for it. */
  token?: string | undefined
}

export interface Transport {
  /**
   * Opens a link to an address.
   *
   * @throws LINK_FAILED when nobody answers, the answer is a refusal, or the other end does not
   * speak the subprotocol; OPTION_INVALID when the
   * address is not one of this transport
   */
  dial(address: string, options: DialOptions): Promise<Link>
}
