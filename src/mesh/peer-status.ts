/** What is told of a peer. */
import type { StatemeshError } from '../base/error.ts'
import type { PeerAddress } from './peer-address.ts'
import type { PeerLink } from './peer-link.ts'

/** A peer, or an address at which one is looked for. */
export interface PeerStatus {
  /** The id of its store, once it has introduced itself. */
  readonly store?: string
  /** Who its token was given to, where tokens are asked for; of an address, as a relay has told. */
  readonly subject?: string
  /** Where it can be dialled. */
  readonly address?: string
  readonly state: 'linked' | 'greeting' | 'dialling' | 'waiting' | 'refused' | 'disconnected'
  /** Why there is no link. */
  readonly error?: StatemeshError
}

/** Of a link. */
export function linkStatus(
  { identity, subject }: PeerLink,
  state: 'linked' | 'greeting',
): PeerStatus {
  if (identity === undefined) return { state }
  const { store, address } = identity
  return {
    state,
    store,
    ...(address !== undefined && { address }),
    ...(subject !== undefined && { subject }),
  }
}

/** Of an address that nobody is linked at. */
export function addressStatus({ address, state, error, store, subject }: PeerAddress): PeerStatus {
  return {
    address,
    state: stateWords[state.kind],
    ...(store !== undefined && { store }),
    ...(subject !== undefined && { subject }),
    ...(error !== undefined && { error }),
  }
}

const stateWords: Record<PeerAddress['state']['kind'], PeerStatus['state']> = {
  idle: 'dialling',
  dialling: 'dialling',
  linked: 'greeting',
  waiting: 'waiting',
  refused: 'refused',
  stopped: 'disconnected',
}
