/** A connection on its way in, before it is known whether it is served. */
import { subprotocol as ours } from '../src/protocol/frame.ts'
import { closeCodes } from '../src/protocol/link-rules.ts'
import { encodeYWebsocketMessage } from '../src/protocol/y-websocket.ts'
import type { Link } from '../src/transport/transport.ts'
import type { AccessToken } from '../src/trust/token.ts'
import type { RelayEvent } from './relay-options.ts'

/** What is known of a connection before it speaks. */
export interface LinkRequest {
  /** The path of its URL, with or without the query string; for the stock dialect the document. */
  path: string
  /** The subprotocol that was agreed on; none means the stock dialect. */
  subprotocol?: string | undefined
  /** Where it comes from. */
  address?: string | undefined
  /** The token that came with it. */
  token?: string | undefined
}

export interface Arrival extends LinkRequest {
  readonly link: Link
  readonly id: number
  /** Whether it counts as one of its address. */
  readonly counted: boolean
}

/** What the log says of where a connection comes from. */
export function originOf(
  { address }: LinkRequest,
  token?: AccessToken,
): Pick<RelayEvent, 'address' | 'subject'> {
  return { ...(address !== undefined && { address }), ...(token && { subject: token.subject }) }
}

/** Ends a link that is not served; a stock client is told why in its own words first. */
export function refuseLink(
  { link, subprotocol }: Arrival,
  code: number,
  why: string,
  onLeft: () => void,
): void {
  link.start({ message: () => undefined, close: onLeft })
  if (subprotocol !== ours && code !== closeCodes.restart) {
    link.send(encodeYWebsocketMessage({ type: 'permission-denied', reason: why }))
  }
  link.close(code, why)
}
