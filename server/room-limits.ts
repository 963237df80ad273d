/** The limits of a document on a relay. */
import type { RoomAwarenessLimits } from './awareness.ts'
import type { RelayLimits } from './relay-options.ts'

export interface RoomLimits {
  readonly bytesMax: number
  readonly writersMax: number
  readonly awareness: RoomAwarenessLimits
}

/** The limits of a relay that concern a room. */
export function roomLimits(limits: Readonly<RelayLimits>): RoomLimits {
  return {
    bytesMax: limits.documentBytesMax,
    writersMax: limits.documentWritersMax,
    awareness: {
      clientsMax: limits.awarenessClientsMax,
      ownedMax: limits.awarenessOwnedMax,
      idleMilliseconds: limits.awarenessIdleMilliseconds,
    },
  }
}
