/** Runs checks, on demand and by the clock, and keeps what they found as data. */
import { Emitter } from '../../base/emitter.ts'
import { StatemeshError, toStatemeshError } from '../../base/error.ts'
import { type CancelTimer, systemTime, type TimeSource } from '../../base/time.ts'
import type { IntegrityCheck, IntegrityIssue } from './integrity-check.ts'

/** An issue with the name of the check that found it. */
export interface FoundIssue extends IntegrityIssue {
  readonly check: string
}

export interface IntegrityReport {
  readonly healthy: boolean
  readonly issues: readonly FoundIssue[]
  /** How many issues were found and left out, beyond `issuesMax`. */
  readonly more: number
  /** When it was done, in milliseconds since the epoch. */
  readonly checkedAt: number
  /** How long each check took, by name, in milliseconds. */
  readonly milliseconds: { readonly [check: string]: number }
}

export interface IntegrityOptions {
  checks: readonly IntegrityCheck[]
  time?: TimeSource
  /** How often `start` runs them; 60,000 unless given. */
  everyMilliseconds?: number
  /** How many issues a report holds; 1,000 unless given. */
  issuesMax?: number
}

export class IntegrityMonitor {
  readonly #checks: readonly IntegrityCheck[]
  readonly #time: TimeSource
  readonly #every: number
  readonly #issuesMax: number
  readonly #listeners = new Emitter<{ report: IntegrityReport }>()
  #latest: IntegrityReport | undefined
  #running: Promise<IntegrityReport> | undefined
  #started = false
  #cancel: CancelTimer | undefined

  /** @throws OPTION_INVALID for two checks of one name, or numbers that are not positive */
  constructor(options: IntegrityOptions) {
    const { checks, time = systemTime, everyMilliseconds = 60_000, issuesMax = 1000 } = options
    const names = new Set(checks.map(({ name }) => name))
    if (names.size < checks.length) {
      throw new StatemeshError('OPTION_INVALID', 'checks have names of their own')
    }
    if (!(everyMilliseconds > 0) || !(issuesMax > 0)) {
      throw new StatemeshError('OPTION_INVALID', 'everyMilliseconds and issuesMax are positive')
    }
    this.#checks = [...checks]
    this.#time = time
    this.#every = everyMilliseconds
    this.#issuesMax = issuesMax
  }

  /** What the last run found; undefined before the first. */
  get latest(): IntegrityReport | undefined {
    return this.#latest
  }

  /** Runs all checks, one after the other. While a run is under way it is that one. Never rejects. */
  run(): Promise<IntegrityReport> {
    this.#running ??= this.#run().finally(() => {
      this.#running = undefined
    })
    return this.#running
  }

  /** Runs the checks now and then again and again, a pause after each run. */
  start(): void {
    if (this.#started) return
    this.#started = true
    this.#runAndWait()
  }

  /** Ends what `start` began; a run that is under way ends by itself. */
  stop(): void {
    this.#started = false
    this.#cancel?.()
  }

  /** Calls `listener` after each run. @returns ends it */
  subscribe(listener: (report: IntegrityReport) => void): () => void {
    return this.#listeners.on('report', listener)
  }

  #runAndWait(): void {
    void this.run().then(() => {
      if (!this.#started) return
      this.#cancel?.()
      this.#cancel = this.#time.after(this.#every, () => this.#runAndWait())
    })
  }

  async #run(): Promise<IntegrityReport> {
    const issues: FoundIssue[] = []
    const milliseconds: { [check: string]: number } = {}
    let found = 0
    for (const check of this.#checks) {
      const begin = this.#time.monotonic()
      for (const issue of await this.#issuesOf(check)) {
        found += 1
        if (issues.length < this.#issuesMax)
          issues.push(Object.freeze({ ...issue, check: check.name }))
      }
      milliseconds[check.name] = this.#time.monotonic() - begin
    }
    this.#latest = Object.freeze({
      healthy: found === 0,
      issues: Object.freeze(issues),
      more: found - issues.length,
      checkedAt: this.#time.now(),
      milliseconds,
    })
    this.#listeners.emit('report', this.#latest)
    return this.#latest
  }

  async #issuesOf(check: IntegrityCheck): Promise<readonly IntegrityIssue[]> {
    const issues: IntegrityIssue[] = []
    try {
      for (const issue of await check.run()) issues.push(issue)
    } catch (thrown) {
      const { code, message } = toStatemeshError(thrown, 'OPTION_INVALID')
      const details = thrown instanceof StatemeshError ? { code } : {}
      issues.push({ kind: 'check-failed', message, details })
    }
    return issues
  }
}
