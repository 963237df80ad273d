/**
 * Takes readings, holds them against thresholds, and reports. What is common to a replica and a relay
 * is measured here; the rest comes from a function.
 */
import { Emitter } from '../../base/emitter.ts'
import { StatemeshError } from '../../base/error.ts'
import type { MemorySource } from '../../base/memory.ts'
import type { CancelTimer, TimeSource } from '../../base/time.ts'
import type { IntegrityMonitor } from '../../history/integrity/integrity-monitor.ts'
import type { PeerTrouble } from '../../mesh/peer-troubles.ts'
import { Recent } from '../recent.ts'
import { Alarm, type AlarmChange } from './alarm.ts'
import { ErrorLog } from './error-log.ts'
import type {
  AlertLevel,
  DocumentHealth,
  HealthAlert,
  HealthAlertChange,
  HealthFigures,
  HealthReport,
  HealthSignal,
} from './health-report.ts'
import { LeakWatch } from './leak-watch.ts'
import { checkThresholds, defaultThresholds, type Thresholds } from './thresholds.ts'

export interface HealthOptions {
  /** Instead of the defaults, signal by signal. */
  thresholds?: Thresholds
  /** How often a replica takes readings while somebody listens for alerts; 5,000 unless given. */
  everyMilliseconds?: number
}

export interface HealthMonitorOptions extends HealthOptions {
  time: TimeSource
  memory: MemorySource
  /** The figures that are not common; `stateBytes` among them, if known. */
  figures(): HealthFigures
  documents?(): readonly DocumentHealth[]
  peers?(): readonly PeerTrouble[]
}

const listedMax = 100
const clockStepMilliseconds = 10 * 60_000

interface Watched {
  readonly signal: HealthSignal
  readonly alarm: Alarm
  alert: HealthAlert | undefined
}

export class HealthMonitor {
  /** What goes wrong is added here. */
  readonly errors: ErrorLog
  readonly #options: HealthMonitorOptions
  readonly #every: number
  readonly #watched: readonly Watched[]
  readonly #listeners = new Emitter<{ alert: HealthAlertChange }>()
  readonly #integrity = new Set<IntegrityMonitor>()
  readonly #leak = new LeakWatch()
  readonly #updates: Recent
  readonly #clockSteps: Recent
  readonly #startedAt: number
  /** How far the wall clock was ahead of the monotonic one at the last reading. */
  #clockOffset: number
  #lastUpdate: { readonly at: number; readonly monotonic: number } | undefined
  #cancel: CancelTimer | undefined

  /** @throws OPTION_INVALID */
  constructor(options: HealthMonitorOptions) {
    const { time, thresholds = {}, everyMilliseconds = 5_000 } = options
    if (!(everyMilliseconds > 0)) {
      throw new StatemeshError('OPTION_INVALID', 'everyMilliseconds is positive')
    }
    checkThresholds(thresholds)
    this.#options = options
    this.#every = everyMilliseconds
    this.#watched = Object.entries({ ...defaultThresholds, ...thresholds }).flatMap(
      ([signal, threshold]) => {
        if (threshold === undefined) return []
        const alarm = new Alarm(threshold)
        return [{ signal: signal as HealthSignal, alarm, alert: undefined }]
      },
    )
    this.errors = new ErrorLog(time)
    this.#updates = new Recent(time, 'sum', 60_000)
    this.#clockSteps = new Recent(time, 'max', clockStepMilliseconds)
    this.#startedAt = time.monotonic()
    this.#clockOffset = time.now() - this.#startedAt
  }

  /** An update has come in or was made. */
  update(): void {
    const { time } = this.#options
    this.#updates.add(1)
    this.#lastUpdate = { at: time.now(), monotonic: time.monotonic() }
  }

  /** Takes a reading, and says how everything is. */
  report(): HealthReport {
    const { time } = this.#options
    const figures = this.#read()
    const alerts = this.#alerts()
    return Object.freeze({
      status: statusOf(alerts),
      checkedAt: time.now(),
      upMilliseconds: time.monotonic() - this.#startedAt,
      lastUpdate: this.#lastUpdate?.at,
      figures,
      alerts,
      errors: this.errors.tallies(),
      corruption: this.errors.damage,
      issues: this.#issues().slice(0, listedMax),
      peers: this.#options.peers?.() ?? [],
      documents: (this.#options.documents?.() ?? []).toSorted(worstFirst).slice(0, listedMax),
    })
  }

  /** Takes a reading, for the alerts and the trend. */
  read(): void {
    this.#read()
  }

  /** Takes readings by the clock from now on. */
  start(): void {
    this.#cancel ??= this.#readLater()
  }

  /** Calls `listener` when an alert is raised, changes its level, or ends. @returns ends it */
  onAlert(listener: (change: HealthAlertChange) => void): () => void {
    return this.#listeners.on('alert', listener)
  }

  /** Has the results of an integrity monitor among the figures. @returns ends it */
  watchIntegrity(monitor: IntegrityMonitor): () => void {
    this.#integrity.add(monitor)
    return () => {
      this.#integrity.delete(monitor)
    }
  }

  /** Takes no more readings by the clock. */
  close(): void {
    this.#cancel?.()
  }

  #readLater(): CancelTimer {
    return this.#options.time.after(this.#every, () => {
      this.#cancel = this.#readLater()
      this.#read()
    })
  }

  #read(): HealthFigures {
    const { time } = this.#options
    const figures = this.#figures()
    const [monotonic, now] = [time.monotonic(), time.now()]
    for (const watched of this.#watched) {
      const change = watched.alarm.read(figures[watched.signal] ?? 0, monotonic, now)
      this.#settle(watched, figures[watched.signal] ?? 0, change)
    }
    return figures
  }

  #figures(): HealthFigures {
    const { time, memory, figures: own } = this.#options
    const figures = own()
    const reading = memory()
    this.#readClock()
    const monotonic = time.monotonic()
    if (reading) this.#leak.add(monotonic, reading.usedBytes, figures.stateBytes ?? 0)
    const leak = this.#leak.bytesPerMinute
    const updated = this.#lastUpdate
    return Object.freeze({
      ...reading,
      ...(leak !== undefined && { leakBytesPerMinute: leak }),
      updatesPerSecond: this.#updates.value / 60,
      ...(updated && { idleMilliseconds: monotonic - updated.monotonic }),
      errorsPerMinute: this.errors.perMinute,
      corruptions: this.errors.damagePerHour,
      ...(this.#integrity.size > 0 && { integrityIssues: this.#issueCount() }),
      clockStepMilliseconds: this.#clockSteps.value,
      ...figures,
    })
  }

  #readClock(): void {
    const { time } = this.#options
    const offset = time.now() - time.monotonic()
    // Below a few milliseconds it is the clock being slewed, or the two readings' distance.
    const step = Math.abs(offset - this.#clockOffset)
    this.#clockOffset = offset
    if (step >= 10) this.#clockSteps.add(step)
  }

  #settle(watched: Watched, value: number, change: AlarmChange | undefined): void {
    const { signal, alarm, alert: before } = watched
    const { state } = alarm
    const level = state.kind === 'raised' ? state.level : before?.level
    if (level === undefined) return
    const since = state.kind === 'raised' ? state.since : this.#options.time.now()
    const alert = this.#alert(signal, level, value, alarm.valueOf(level) ?? 0, since)
    watched.alert = state.kind === 'raised' ? alert : undefined
    if (change !== undefined) this.#listeners.emit('alert', Object.freeze({ ...alert, change }))
  }

  #alert(
    signal: HealthSignal,
    level: AlertLevel,
    value: number,
    threshold: number,
    since: number,
  ): HealthAlert {
    const shown = Number.isInteger(value) ? value : value.toPrecision(4)
    const message = `${signal} is ${shown}; ${level} from ${threshold}`
    return Object.freeze({ signal, level, value, threshold, since, message })
  }

  #alerts(): HealthAlert[] {
    const alerts = this.#watched.flatMap(({ alert }) => alert ?? [])
    const rank = ({ level }: HealthAlert) => (level === 'critical' ? 0 : 1)
    return alerts.sort((a, b) => rank(a) - rank(b) || a.since - b.since)
  }

  #issues() {
    return [...this.#integrity].flatMap(({ latest }) => latest?.issues ?? [])
  }

  #issueCount(): number {
    let count = 0
    for (const { latest } of this.#integrity) {
      count += (latest?.issues.length ?? 0) + (latest?.more ?? 0)
    }
    return count
  }
}

function statusOf(alerts: readonly HealthAlert[]): HealthReport['status'] {
  if (alerts.some(({ level }) => level === 'critical')) return 'failing'
  return alerts.length > 0 ? 'degraded' : 'healthy'
}

function worstFirst(a: DocumentHealth, b: DocumentHealth): number {
  return b.lagMilliseconds - a.lagMilliseconds || b.unackedUpdates - a.unackedUpdates
}
