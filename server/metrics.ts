/**
 * The figures of one relay in the text format of Prometheus. Each relay has a registry of its own;
 * nothing is registered globally.
 */
import { Counter, Gauge, Histogram, Registry } from 'prom-client'
import type { CancelTimer, TimeSource } from '../src/base/time.ts'
import type { HealthReport } from '../src/observe/health/health-report.ts'
import { registerMetrics } from '../src/observe/prometheus.ts'
import type { RelayMeter } from './meter.ts'

/** What is looked at when the figures are asked for. */
export interface RelayGauges {
  readonly connections: number
  /** Those that are read no further for now, since they send more than they may. */
  readonly throttled: number
  readonly rooms: number
  /** Those that refuse what is new, since the storage failed. */
  readonly readOnlyRooms: number
  /** Documents that were read before they were asked for, since the start. */
  readonly readAhead: number
  /** Bytes that wait for readers. */
  readonly queuedBytes: number
}

/** Seconds: a commit on a good disk is the second, one that makes people wait the last. */
const secondBuckets = [0.0005, 0.001, 0.002, 0.005, 0.01, 0.02, 0.05, 0.1, 0.2, 0.5, 1, 5]
const countBuckets = [1, 2, 5, 10, 20, 50, 100, 200, 500, 1000]
const byteBuckets = [100, 1_000, 10_000, 100_000, 1_000_000, 10_000_000]

/** How often the event loop is asked how late it is. */
const lagMilliseconds = 200

export class RelayMetrics implements RelayMeter {
  readonly #registry = new Registry()
  readonly #commitSeconds: Histogram
  readonly #commitEntries: Histogram
  readonly #commitBytes: Histogram
  readonly #ackSeconds: Histogram
  readonly #lagSeconds: Histogram
  readonly #rejected: Counter<'code'>
  readonly #compactions: Counter
  // Numbers of our own: a counter of the registry costs more than the rest of an update's way.
  #updates = 0
  #updateBytes = 0
  #throttled = 0
  #gauges: () => RelayGauges = () => ({
    connections: 0,
    throttled: 0,
    rooms: 0,
    readOnlyRooms: 0,
    readAhead: 0,
    queuedBytes: 0,
  })

  constructor() {
    const registers = [this.#registry]
    const histogram = (name: string, help: string, buckets: number[]) =>
      new Histogram({ name: `statemesh_${name}`, help, buckets, registers })
    const gauge = (name: string, help: string, read: () => number) =>
      new Gauge({ name: `statemesh_${name}`, help, registers, collect: self(read) })
    const total = (name: string, help: string, read: () => number) =>
      new Counter({ name: `statemesh_${name}_total`, help, registers, collect: count(read) })
    gauge('connections', 'Open connections', () => this.#gauges().connections)
    gauge(
      'throttled_connections',
      'Connections that are read no further for now, since they send more than they may',
      () => this.#gauges().throttled,
    )
    total('throttled', 'Times that a connection began to be throttled', () => this.#throttled)
    gauge('rooms', 'Documents in memory', () => this.#gauges().rooms)
    gauge(
      'read_only_rooms',
      'Documents that refuse writes, since the storage failed',
      () => this.#gauges().readOnlyRooms,
    )
    gauge('queued_bytes', 'Bytes that wait for readers', () => this.#gauges().queuedBytes)
    total(
      'read_ahead',
      'Documents read before they were asked for, since they had been in use',
      () => this.#gauges().readAhead,
    )
    total('updates', 'Updates that arrived', () => this.#updates)
    total('update_bytes', 'Bytes of updates that arrived', () => this.#updateBytes)
    this.#commitSeconds = histogram('commit_seconds', 'From append to durable', secondBuckets)
    this.#commitEntries = histogram(
      'commit_entries',
      'Log entries of one commit; updates that a room takes in together are one',
      countBuckets,
    )
    this.#commitBytes = histogram('commit_bytes', 'Bytes of one commit', byteBuckets)
    this.#ackSeconds = histogram('ack_seconds', 'From arrival to the ack durable', secondBuckets)
    this.#lagSeconds = histogram('event_loop_lag_seconds', 'Lateness of a timer', secondBuckets)
    this.#rejected = new Counter({
      name: 'statemesh_rejected_total',
      help: 'What was refused, by code',
      labelNames: ['code'],
      registers,
    })
    this.#compactions = new Counter({
      name: 'statemesh_compactions_total',
      help: 'Documents compacted',
      registers,
    })
  }

  update(bytes: number): void {
    this.#updates += 1
    this.#updateBytes += bytes
  }

  committed(entries: number, bytes: number, milliseconds: number): void {
    this.#commitSeconds.observe(milliseconds / 1000)
    this.#commitEntries.observe(entries)
    this.#commitBytes.observe(bytes)
  }

  acked(milliseconds: number): void {
    this.#ackSeconds.observe(milliseconds / 1000)
  }

  rejected(code: string): void {
    this.#rejected.inc({ code })
  }

  throttled(): void {
    this.#throttled += 1
  }

  compacted(): void {
    this.#compactions.inc()
  }

  /** Where the figures of the present come from. */
  readFrom(gauges: () => RelayGauges): void {
    this.#gauges = gauges
  }

  /** Has the figures of a health report among these. To be called once. */
  watchHealth(health: () => HealthReport): void {
    registerMetrics(this.#registry, { health })
  }

  /** Watches how late the event loop is, until the returned function is called. */
  watchLag(time: TimeSource): CancelTimer {
    const look = (): CancelTimer => {
      const due = time.monotonic() + lagMilliseconds
      return time.after(lagMilliseconds, () => {
        this.#lagSeconds.observe(Math.max(0, time.monotonic() - due) / 1000)
        cancel = look()
      })
    }
    let cancel = look()
    return () => cancel()
  }

  /** The figures, and the type of their text. */
  async text(): Promise<{ contentType: string; body: string }> {
    return { contentType: this.#registry.contentType, body: await this.#registry.metrics() }
  }
}

function self(read: () => number): (this: Gauge) => void {
  return function collect() {
    this.set(read())
  }
}

function count(read: () => number): (this: Counter) => void {
  return function collect() {
    this.reset()
    this.inc(read())
  }
}
