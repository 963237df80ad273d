/** What a fleet is made of. */
import type { Forwarding } from '../../server/relay-options.ts'
import type { Workload } from '../workloads/workload.ts'
import type { DiskConditions } from '../world/disk.ts'
import type { NetworkConditions } from '../world/network.ts'
import type { Topology } from './topology.ts'

export interface FleetPlan {
  readonly replicas: number
  readonly topology: Topology
  /** How many replicas are linked with the relay in a `bridge`. */
  readonly bridges: number
  /** With how many peers a replica is linked in a mesh, at least and at most. */
  readonly peerLinks: { readonly min: number; readonly max: number }
  /** Without a relay: on how many disks a flush has what was written; fewer where there are fewer. */
  readonly copies: number
  readonly network: NetworkConditions
  readonly disk: DiskConditions
  /** How far clocks are off at most, either way. */
  readonly skewMilliseconds: number
  /** Whether they are within a second of the true time. */
  readonly clocksRight: boolean
  /** How much faster or slower a clock goes at most; 0.001 is a thousandth. */
  readonly drift: number
  /** How long a log of the relay is, and of a replica, when it is compacted. */
  readonly compactionUpdates: number
  readonly replicaCompactionUpdates: number
  /** How long the relay waits before a compaction, and how long merging a log takes there. */
  readonly compactionPauseMilliseconds: number
  readonly mergeMilliseconds: number
  readonly roomIdleMilliseconds: number
  /** When the relay passes updates on. */
  readonly forward: Forwarding
  /** How long a document that nobody uses stays in the memory of a replica. */
  readonly idleMilliseconds: number
  /** Whether somebody sends what an honest replica would not. */
  readonly hostile: boolean
  readonly workloads: readonly Workload[]
  /** How many stock clients there are beside the replicas, where native types are written. */
  readonly stockClients: number
}
