/**
 * Watches one figure against its threshold, with hysteresis: it has to stay beyond the threshold for
 * a while to raise the alarm, and to fall well below to end it, so that a figure that swings about
 * its threshold tells people once.
 *
 * A1. Between two raises of a level there is a reading below `clearRatio` of that level.
 * A2. While readings stay between that and the threshold nothing changes.
 */
import type { AlertLevel } from './health-report.ts'

export interface Threshold {
  /** From which value on, inclusive; levels that are left out are never raised. */
  readonly warning?: number
  readonly critical?: number
  /** How long it has to stay there; 0 unless given. */
  readonly forMilliseconds?: number
  /** An alarm ends below this part of its level; 0.8 unless given. */
  readonly clearRatio?: number
}

export type AlarmState =
  | { readonly kind: 'quiet' }
  | { readonly kind: 'raised'; readonly level: AlertLevel; readonly since: number }

export type AlarmChange = 'raised' | 'escalated' | 'eased' | 'cleared'

const levels: readonly AlertLevel[] = ['critical', 'warning']

export class Alarm {
  readonly #threshold: Threshold
  /** Since when each level has been reached without a break, on the monotonic clock. */
  readonly #reachedAt = new Map<AlertLevel, number>()
  #state: AlarmState = { kind: 'quiet' }

  constructor(threshold: Threshold) {
    this.#threshold = threshold
  }

  get state(): AlarmState {
    return this.#state
  }

  /** The value of a level; undefined for one that is never raised. */
  valueOf(level: AlertLevel): number | undefined {
    return this.#threshold[level]
  }

  /**
   * Takes a reading in.
   *
   * @param monotonic when, for durations
   * @param now when, in milliseconds since the epoch, for people
   */
  read(value: number, monotonic: number, now: number): AlarmChange | undefined {
    const before = this.#state
    const level = this.#levelOf(value, monotonic)
    const was = before.kind === 'raised' ? before.level : undefined
    if (level === was) return undefined
    if (level === undefined) {
      this.#state = { kind: 'quiet' }
      return 'cleared'
    }
    this.#state = { kind: 'raised', level, since: now }
    if (was === undefined) return 'raised'
    return level === 'critical' ? 'escalated' : 'eased'
  }

  #levelOf(value: number, monotonic: number): AlertLevel | undefined {
    return levels.find(level => this.#holds(level, value, monotonic))
  }

  #holds(level: AlertLevel, value: number, monotonic: number): boolean {
    const { forMilliseconds = 0, clearRatio = 0.8 } = this.#threshold
    const limit = this.#threshold[level]
    if (limit === undefined) return false
    const state = this.#state
    const stands = state.kind === 'raised' && (state.level === level || level === 'warning')
    if (value < limit) {
      this.#reachedAt.delete(level)
      return stands && value >= limit * clearRatio
    }
    const since = this.#reachedAt.get(level) ?? monotonic
    this.#reachedAt.set(level, since)
    return stands || monotonic - since >= forMilliseconds
  }
}
