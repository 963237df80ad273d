/** The limits of a relay that concern the conduct of each connection. */
import type { ConductSizes } from '../src/sync/conduct.ts'
import type { RelayLimits } from './relay-options.ts'

/** What a connection may do at once after a quiet time, in seconds of its rate. */
const burstSeconds = 2

export function conductSizes(limits: Readonly<RelayLimits>): ConductSizes {
  const { updatesPerSecondMax, bytesPerSecondMax, joinsPerSecondMax, offencesMax } = limits
  const { newWritersPerSecondMax, newWritersMax, channelsMax } = limits
  return {
    offencesMax,
    updates: { perSecond: updatesPerSecondMax, burst: updatesPerSecondMax * burstSeconds },
    bytes: { perSecond: bytesPerSecondMax, burst: bytesPerSecondMax * burstSeconds },
    joins: {
      perSecond: joinsPerSecondMax,
      // A replica that comes back opens all its documents at once.
      burst: Math.max(channelsMax, joinsPerSecondMax),
    },
    writers: { perSecond: newWritersPerSecondMax, burst: newWritersMax },
  }
}
