/**
 * Figures in the form that a registry of prom-client collects. Only the form: that package needs Node,
 * so users bring their registry, and who brings none does not load it.
 */
import type { AnalyticsReport, StateTotals } from './analytics/analytics-report.ts'
import type { LatencySummary } from './analytics/latency-histogram.ts'
import type { HealthReport } from './health/health-report.ts'

/** A `Registry` of prom-client. */
export interface MetricRegistry {
  registerMetric(metric: never): void
}

/** What can be exported; a replica, for instance. */
export interface Measured {
  health(): HealthReport
  analytics?(): AnalyticsReport
}

interface Value {
  readonly value: number
  readonly labels: { readonly [name: string]: string | number }
  readonly metricName?: string
}

interface Family {
  readonly name: string
  readonly help: string
  readonly type: 'gauge' | 'counter' | 'histogram'
  read(): readonly Value[]
}

/**
 * Registers a replica's figures, which are read at every scrape: `statemesh_health`, by signal,
 * `statemesh_health_status`, `statemesh_errors_total` by code, and of analytics
 * `statemesh_state_...` by partition and `statemesh_operation_seconds` by operation. Scopes, documents
 * and actors are too many for labels; `analytics()` has them.
 *
 * @param prefix in place of `statemesh_`, for several replicas in one process
 * @throws Error of prom-client, if a name is taken
 */
export function registerMetrics(
  registry: MetricRegistry,
  source: Measured,
  prefix = 'statemesh_',
): void {
  const families = healthFamilies(() => source.health())
  if (source.analytics) families.push(...analyticsFamilies(() => source.analytics?.() as never))
  for (const family of families) registry.registerMetric(metricOf(family, prefix) as never)
}

function metricOf({ name, help, type, read }: Family, prefix: string) {
  const full = `${prefix}${name}`
  const values = () =>
    read().map(value => {
      if (value.metricName === undefined) return value
      return { ...value, metricName: `${full}${value.metricName}` }
    })
  return {
    name: full,
    help,
    type,
    aggregator: 'sum',
    get: async () => ({ name: full, help, type, aggregator: 'sum', values: values() }),
    /** They are not ours to forget. */
    reset: () => undefined,
  }
}

const statusNumbers = { healthy: 0, degraded: 1, failing: 2 } as const

function healthFamilies(read: () => HealthReport): Family[] {
  return [
    {
      name: 'health',
      help: 'Figures of the health report, by signal',
      type: 'gauge',
      read: () =>
        Object.entries(read().figures).map(([signal, value]) => ({ value, labels: { signal } })),
    },
    {
      name: 'health_status',
      help: '0 healthy, 1 degraded, 2 failing',
      type: 'gauge',
      read: () => [{ value: statusNumbers[read().status], labels: {} }],
    },
    {
      name: 'errors_total',
      help: 'Warnings and refusals, by code',
      type: 'counter',
      read: () => read().errors.map(({ code, count: value }) => ({ value, labels: { code } })),
    },
  ]
}

function analyticsFamilies(read: () => AnalyticsReport): Family[] {
  const byPartition = (
    name: string,
    help: string,
    type: 'gauge' | 'counter',
    of: (totals: StateTotals) => number,
  ): Family => ({
    name,
    help,
    type,
    read: () =>
      read().partitions.map(({ partition, ...totals }) => {
        return { value: of(totals), labels: { partition } }
      }),
  })
  return [
    byPartition('state_documents', 'Documents seen', 'gauge', ({ documents }) => documents),
    byPartition('state_bytes', 'Bytes of their logs', 'gauge', ({ bytes }) => bytes),
    byPartition('state_entries', 'Entries', 'gauge', ({ entries }) => entries),
    byPartition('state_tombstones', 'Kept deletions', 'gauge', ({ tombstones }) => tombstones),
    byPartition('local_updates_total', 'Own updates', 'counter', ({ updates }) => updates.local),
    byPartition('remote_updates_total', "Others' updates", 'counter', ({ updates }) => {
      return updates.remote
    }),
    {
      name: 'operation_seconds',
      help: 'How long operations take',
      type: 'histogram',
      read: () =>
        Object.entries(read().operations).flatMap(([operation, summary]) =>
          histogramValues(operation, summary),
        ),
    },
  ]
}

function histogramValues(operation: string, { count, sum, buckets }: LatencySummary): Value[] {
  const bucket = (le: number | string, value: number): Value => {
    return { value, labels: { le, operation }, metricName: '_bucket' }
  }
  return [
    ...buckets.map(({ atMost, count: below }) => bucket(atMost / 1000, below)),
    bucket('+Inf', count),
    { value: sum / 1000, labels: { operation }, metricName: '_sum' },
    { value: count, labels: { operation }, metricName: '_count' },
  ]
}
