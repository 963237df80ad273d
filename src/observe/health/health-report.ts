/** How a replica or a relay fares, as data: one model for both. */
import type { FoundIssue } from '../../history/integrity/integrity-monitor.ts'
import type { PeerTrouble } from '../../mesh/peer-troubles.ts'

/**
 * What is measured. Every figure is a number that is better when it is smaller, or neither; one that
 * does not apply (sync without a relay, memory in a browser that does not tell) is left out.
 */
export interface HealthFigures {
  /** Memory: objects in use and their buffers; what the operating system counts. */
  readonly usedBytes?: number
  readonly residentBytes?: number
  /** Growth of memory that the state does not explain, over the last half hour; 0 if there is none. */
  readonly leakBytesPerMinute?: number
  /** Documents in memory, and the bytes of their logs. */
  readonly documents?: number
  readonly stateBytes?: number
  /** Updates from here and elsewhere, over the last minute. */
  readonly updatesPerSecond?: number
  /** Since the last update. */
  readonly idleMilliseconds?: number
  /** Documents with changes that the relay, or without one any peer, is not known to have on disk. */
  readonly unsyncedDocuments?: number
  /** Such changes, of the documents in memory. */
  readonly unackedUpdates?: number
  /** The age of the oldest such change; since this replica was opened for what was left from earlier. */
  readonly syncLagMilliseconds?: number
  /** Keys with siblings that disagree, in open partitions. */
  readonly conflicts?: number
  /** Warnings and refusals, over the last minute. */
  readonly errorsPerMinute?: number
  /** Damaged records, over the last hour. */
  readonly corruptions?: number
  /** 1 while the disk refuses writes, else 0. */
  readonly storageFailing?: number
  /** Issues of the latest integrity reports. */
  readonly integrityIssues?: number
  /** How far ahead of this clock another has stamped a write, over the last ten minutes. */
  readonly clockLeadMilliseconds?: number
  /** How far the wall clock was set forward or back while this ran, over the last ten minutes. */
  readonly clockStepMilliseconds?: number
  /** Of a relay: how late timers were at worst, over the last minute. */
  readonly eventLoopLagMilliseconds?: number
  /** Of a relay. */
  readonly connections?: number
  /** Bytes that wait for readers. */
  readonly queuedBytes?: number
}

export type HealthSignal = keyof HealthFigures

export type AlertLevel = 'warning' | 'critical'

/** A figure that is beyond its threshold, and has been for as long as that takes. */
export interface HealthAlert {
  readonly signal: HealthSignal
  readonly level: AlertLevel
  readonly value: number
  /** What it has reached. */
  readonly threshold: number
  /** When it was raised to this level, in milliseconds since the epoch. */
  readonly since: number
  /** For people. */
  readonly message: string
}

/** An alert that was raised, changed its level, or ended. */
export interface HealthAlertChange extends HealthAlert {
  readonly change: 'raised' | 'escalated' | 'eased' | 'cleared'
}

/** The errors of one code. */
export interface ErrorTally {
  readonly code: string
  readonly count: number
  /** When it was last seen, in milliseconds since the epoch, and what it said. */
  readonly lastAt: number
  readonly lastMessage: string
}

export interface FoundDamage {
  /** In milliseconds since the epoch. */
  readonly at: number
  readonly message: string
}

/** How one document in memory fares. */
export interface DocumentHealth {
  readonly document: string
  /** The bytes of its log. */
  readonly bytes: number
  /** Its last update, in milliseconds since the epoch; undefined if none came since it was loaded. */
  readonly lastUpdate: number | undefined
  /** Local updates that the relay is not known to have on disk. */
  readonly unackedUpdates: number
  /** How old the oldest of them is. */
  readonly lagMilliseconds: number
  /** Whether all that the relay had has arrived, on the present link. */
  readonly synced: boolean
  /** Why the relay does not take it. */
  readonly refusal: string | undefined
  readonly conflicts: number
}

export interface HealthReport {
  /** `healthy` without alerts, `failing` with a critical one, else `degraded`. */
  readonly status: 'healthy' | 'degraded' | 'failing'
  /** In milliseconds since the epoch. */
  readonly checkedAt: number
  readonly upMilliseconds: number
  /** The last update of all, in milliseconds since the epoch. */
  readonly lastUpdate: number | undefined
  readonly figures: HealthFigures
  /** The worst first. */
  readonly alerts: readonly HealthAlert[]
  /** Since the start, the most frequent first. */
  readonly errors: readonly ErrorTally[]
  /** The latest damaged records, the newest first. */
  readonly corruption: readonly FoundDamage[]
  /** The issues of the latest integrity reports; at most 100. */
  readonly issues: readonly FoundIssue[]
  /** Of a replica: peers that were cut off, or differ for good, and why, the latest first; at most 100. */
  readonly peers: readonly PeerTrouble[]
  /** The documents in memory, those furthest behind first; at most 100. */
  readonly documents: readonly DocumentHealth[]
}
