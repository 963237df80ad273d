/** The readings of a relay, beside what every health report has. */
import type { MemorySource } from '../src/base/memory.ts'
import type { TimeSource } from '../src/base/time.ts'
import { HealthMonitor, type HealthOptions } from '../src/observe/health/health-monitor.ts'
import { Recent } from '../src/observe/recent.ts'
import type { RelayMeter } from './meter.ts'
import type { RelayGauges } from './metrics.ts'
import type { RelayEvent } from './relay-options.ts'

export interface RelayVitalsOptions extends HealthOptions {
  time: TimeSource
  memory: MemorySource
  gauges(): RelayGauges
  storageFailing(): boolean
}

const lagMilliseconds = 60_000
const readingMilliseconds = 1_000

export class RelayVitals {
  readonly monitor: HealthMonitor
  readonly #lag: Recent
  #readAt = Number.NEGATIVE_INFINITY

  /** @throws OPTION_INVALID */
  constructor(options: RelayVitalsOptions) {
    this.#lag = new Recent(options.time, 'max', lagMilliseconds)
    this.monitor = new HealthMonitor({
      ...options,
      figures: () => {
        const { connections, rooms, queuedBytes } = options.gauges()
        return {
          ...{ connections, queuedBytes, documents: rooms },
          storageFailing: options.storageFailing() ? 1 : 0,
          eventLoopLagMilliseconds: this.#lag.value,
        }
      },
    })
  }

  /** The relay's timer has come, and was so late. It may come far more often than readings help. */
  ticked(now: number, lateMilliseconds: number): void {
    this.#lag.add(Math.max(0, lateMilliseconds))
    if (now - this.#readAt < readingMilliseconds) return
    this.#readAt = now
    this.monitor.read()
  }

  /** What the relay reports is counted where it is trouble. */
  event({ level, event, code, message, document }: RelayEvent): void {
    if (level === 'info' || code === undefined) return
    const said = `${document === undefined ? '' : `${document}: `}${message ?? event}`
    this.monitor.errors.add({ code: String(code), message: said })
    if (event === 'damaged') this.monitor.errors.damaged(said)
  }

  /** A meter that counts the updates here too. */
  counting(meter: RelayMeter): RelayMeter {
    return {
      update: bytes => {
        this.monitor.update()
        meter.update(bytes)
      },
      committed: (updates, bytes, milliseconds) => meter.committed(updates, bytes, milliseconds),
      acked: milliseconds => meter.acked(milliseconds),
      rejected: code => meter.rejected(code),
      throttled: () => meter.throttled(),
      compacted: () => meter.compacted(),
    }
  }
}
