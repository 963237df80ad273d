/** What a relay answers when it is asked how it is. */
import type { HealthReport } from '../src/observe/health/health-report.ts'

/** A health report, and what a load balancer asks. */
export interface RelayHealth extends HealthReport {
  /** Whether the process answers at all. */
  readonly live: boolean
  /** Whether it accepts connections. */
  readonly ready: boolean
  /** Why it is not ready. */
  readonly reasons: readonly string[]
  readonly rooms: number
  /** Those of them that refuse what is new, since the storage failed. */
  readonly readOnlyRooms: number
  readonly connections: number
  readonly generation: string
}
