/** The options of one run, all drawn from its seed under a profile. */
import type { FaultPlan } from '../faults/fault.ts'
import type { Workload } from '../workloads/workload.ts'
import type { DiskConditions } from '../world/disk.ts'
import type { NetworkConditions } from '../world/network.ts'

export interface Plan {
  readonly replicas: number
  readonly operations: number
  readonly network: NetworkConditions
  readonly disk: DiskConditions
  /** How far clocks are off at most, either way. */
  readonly skewMilliseconds: number
  /** How much faster or slower a clock goes at most; 0.001 is a thousandth. */
  readonly drift: number
  /** The wait between operations of the whole fleet, on average. */
  readonly thinkMilliseconds: number
  /** How many operations there are to one flush, on average. */
  readonly operationsPerFlush: number
  readonly compactionUpdates: number
  readonly roomIdleMilliseconds: number
  readonly workloads: readonly Workload[]
  readonly faults: readonly FaultPlan[]
}
