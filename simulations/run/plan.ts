/** The options of one run, all drawn from its seed under a profile. */
import type { FaultPlan } from '../faults/fault.ts'
import type { FleetPlan } from '../nodes/fleet-plan.ts'

export interface Plan extends FleetPlan {
  readonly operations: number
  /** The wait between operations of the whole fleet, on average. */
  readonly thinkMilliseconds: number
  /** How many operations there are to one flush, on average. */
  readonly operationsPerFlush: number
  readonly faults: readonly FaultPlan[]
}
