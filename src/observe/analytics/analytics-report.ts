/** What a replica's state amounts to and what was done with it, as data. */
import type { ActorStatistics } from './actor-tally.ts'
import type { GrowthPoint } from './growth.ts'
import type { LatencySummary } from './latency-histogram.ts'

/** Of documents that have been in memory since the replica was opened. */
export interface StateTotals {
  readonly documents: number
  /** Of their logs, as they were when last in memory. */
  readonly bytes: number
  /** Registers count each sibling, logs each entry, counters and budgets each writer's row. */
  readonly entries: number
  readonly tombstones: number
  readonly updates: { readonly local: number; readonly remote: number }
  readonly updateBytes: { readonly local: number; readonly remote: number }
}

export interface DocumentStatistics extends Omit<StateTotals, 'documents'> {
  readonly document: string
  /** Undefined for a name that is not ours. */
  readonly scope: string | undefined
  readonly partition: string | undefined
  readonly loaded: boolean
  /** In milliseconds since the epoch; undefined if none came. */
  readonly lastUpdate: number | undefined
}

/** What is timed. */
export type OperationName =
  /** A document is read from the disk. */
  | 'load'
  /** A transaction, with all who observe it. */
  | 'change.local'
  | 'change.remote'
  /** From an update to its fsync. */
  | 'commit'
  | 'flush.local'
  | 'flush.received'
  | 'flush.durable'
  | 'flush.replicated'
  | 'synced'

export interface AnalyticsReport {
  /** In milliseconds since the epoch, as `since`, when counting began. */
  readonly at: number
  readonly since: number
  readonly totals: StateTotals
  /** By partition, and by scope, the largest first. */
  readonly partitions: readonly ({ readonly partition: string } & StateTotals)[]
  readonly scopes: readonly ({ readonly scope: string } & StateTotals)[]
  /** The largest first; at most 1,000. */
  readonly documents: readonly DocumentStatistics[]
  /** The most active, and the operations of all whom it was too many to remember. */
  readonly topActors: readonly ActorStatistics[]
  readonly actors: number
  readonly forgottenOperations: number
  readonly operations: { readonly [name in OperationName]?: LatencySummary }
  /** The oldest first, coarser with age. */
  readonly growth: readonly GrowthPoint[]
}
