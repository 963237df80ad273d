/** The port for links that others dial: the other half of a transport. */
import type { Link } from './transport.ts'

export interface AcceptOptions {
  /** A message longer than this closes the link with 1009. */
  messageBytesMax: number
}

export interface Listening {
  /** Where others dial. */
  readonly address: string
  /** Accepts no more; the links that are open end too. */
  close(): Promise<void>
}

export interface Acceptor {
  /**
   * Hands every link that is dialled from now on to `onLink`.
   *
   * @throws PORT_UNAVAILABLE when the address cannot be had
   */
  listen(onLink: (link: Link) => void, options: AcceptOptions): Promise<Listening>
}
