/** What a replica says of its links, and of what they still owe. */
import type { StatemeshError } from '../base/error.ts'
import type { DiallerState } from '../sync/dialler.ts'
import type { PeerStatus } from './peer-status.ts'

export interface ReplicaStatus {
  /** What the link to the relay is doing; `none` where no relay was given. */
  link: 'none' | 'online' | 'connecting' | 'waiting' | 'refused' | 'disconnected'
  /** Why the link is not up, where that is known: it stays while the next attempt is under way. */
  error?: StatemeshError
  /** Documents with changes that the relay, or without one any peer, is not known to have on disk. */
  unsynced: number
  /** Documents in memory. */
  loaded: number
  /** The peers that are linked or looked for. */
  peers: readonly PeerStatus[]
}

export const linkWords: Record<DiallerState['kind'], Exclude<ReplicaStatus['link'], 'none'>> = {
  idle: 'connecting',
  dialling: 'connecting',
  linked: 'online',
  waiting: 'waiting',
  refused: 'refused',
  stopped: 'disconnected',
}
