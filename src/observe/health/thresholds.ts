/** When a figure is worth an alert; each may be replaced, or switched off with `undefined`. */
import { StatemeshError } from '../../base/error.ts'
import type { Threshold } from './alarm.ts'
import type { HealthSignal } from './health-report.ts'

export type Thresholds = { readonly [signal in HealthSignal]?: Threshold | undefined }

/**
 * Memory as such has none: how much is right, only the user knows. Durations are longer than what
 * passes by itself: a relay that restarts is back within seconds.
 */
export const defaultThresholds: Thresholds = {
  leakBytesPerMinute: { warning: 2 ** 20, critical: 16 * 2 ** 20, clearRatio: 0.5 },
  syncLagMilliseconds: { warning: 30_000, critical: 600_000 },
  unackedUpdates: { warning: 10_000, critical: 100_000 },
  conflicts: { warning: 100, critical: 10_000 },
  errorsPerMinute: { warning: 10, critical: 600, forMilliseconds: 10_000 },
  corruptions: { warning: 1 },
  storageFailing: { critical: 1 },
  integrityIssues: { warning: 1 },
  clockLeadMilliseconds: { warning: 5_000, critical: 60_000 },
  clockStepMilliseconds: { warning: 5_000, critical: 60_000 },
  eventLoopLagMilliseconds: { warning: 500, critical: 5_000 },
  queuedBytes: { warning: 256 * 2 ** 20, critical: 2 ** 30, forMilliseconds: 10_000 },
}

/** All of them, so that a misspelt one is found. */
const signals: Readonly<Record<HealthSignal, true>> = {
  usedBytes: true,
  residentBytes: true,
  leakBytesPerMinute: true,
  documents: true,
  stateBytes: true,
  updatesPerSecond: true,
  idleMilliseconds: true,
  unsyncedDocuments: true,
  unackedUpdates: true,
  syncLagMilliseconds: true,
  conflicts: true,
  errorsPerMinute: true,
  corruptions: true,
  storageFailing: true,
  integrityIssues: true,
  clockLeadMilliseconds: true,
  clockStepMilliseconds: true,
  eventLoopLagMilliseconds: true,
  connections: true,
  queuedBytes: true,
}

/** @throws OPTION_INVALID */
export function checkThresholds(thresholds: Thresholds): void {
  for (const [signal, threshold] of Object.entries(thresholds)) {
    if (!Object.hasOwn(signals, signal)) {
      throw new StatemeshError('OPTION_INVALID', `there is no figure "${signal}"`)
    }
    if (threshold === undefined) continue
    const { warning, critical, forMilliseconds = 0, clearRatio = 0.8 } = threshold
    const positive = [warning, critical].every(level => level === undefined || level > 0)
    const ordered = warning === undefined || critical === undefined || warning <= critical
    const within = clearRatio > 0 && clearRatio <= 1 && forMilliseconds >= 0
    if (positive && ordered && within) continue
    const rules = 'levels are positive, warning at most critical, clearRatio from 0 to 1'
    throw new StatemeshError('OPTION_INVALID', `the threshold of ${signal}: ${rules}`)
  }
}
