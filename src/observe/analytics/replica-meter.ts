/**
 * Counts what a replica does, change by change: nothing is scanned but a document's entries, once,
 * when somebody asks for the first time after it was loaded.
 */
import { Emitter } from '../../base/emitter.ts'
import type { TimeSource } from '../../base/time.ts'
import type { DocumentSet } from '../../document/document-set.ts'
import type { ReplicaDocument } from '../../document/replica-document.ts'
import type { StorageMeter } from '../storage-monitor.ts'
import { ActorTally } from './actor-tally.ts'
import type {
  AnalyticsReport,
  DocumentStatistics,
  OperationName,
  StateTotals,
} from './analytics-report.ts'
import { DocumentMeter, type DocumentMeterHooks } from './document-meter.ts'
import { Growth } from './growth.ts'
import { LatencyHistogram } from './latency-histogram.ts'

/** Documents that are remembered after they left memory; about 500 bytes each. */
const metersMax = 10_000
const listedMax = 1000
const topActorsMax = 20

export type MeterEvents = {
  updated: { readonly meter: DocumentMeter; readonly origin: 'local' | 'remote' }
}

export class ReplicaMeter implements StorageMeter {
  readonly events: Emitter<MeterEvents> = new Emitter()
  readonly #time: TimeSource
  readonly #since: number
  readonly #meters = new Map<string, DocumentMeter>()
  /** The documents that are not in memory, those not used for longest first. */
  readonly #resting = new Set<string>()
  readonly #actors = new ActorTally()
  readonly #operations = new Map<OperationName, LatencyHistogram>()
  readonly #growth: Growth
  readonly #hooks: DocumentMeterHooks

  constructor(time: TimeSource) {
    this.#time = time
    this.#since = time.now()
    this.#growth = new Growth(this.#since)
    this.#hooks = {
      now: () => time.now(),
      monotonic: () => time.monotonic(),
      onOperation: actor => this.#actors.add(actor, time.now()),
      onChange: (origin, milliseconds) => this.operation(`change.${origin}`, milliseconds),
      onUpdate: (meter, origin) => {
        this.#growth.update(meter.lastUpdate as number, this.#state)
        this.events.emit('updated', { meter, origin })
      },
    }
  }

  /** Counts what happens to these documents. */
  follow(documents: DocumentSet): void {
    documents.events.on('loaded', document => this.#loaded(document))
    documents.events.on('unloaded', document => this.#unloaded(document))
  }

  /** For the monitor of the storage. */
  committed(_updates: number, _bytes: number, milliseconds: number): void {
    this.operation('commit', milliseconds)
  }

  loaded(milliseconds: number): void {
    this.operation('load', milliseconds)
  }

  /** What is known of a document that is, or was, in memory. */
  of(document: string): DocumentMeter | undefined {
    return this.#meters.get(document)
  }

  /** Something was done, and took so long. */
  operation(name: OperationName, milliseconds: number): void {
    let histogram = this.#operations.get(name)
    if (histogram === undefined) {
      histogram = new LatencyHistogram()
      this.#operations.set(name, histogram)
    }
    histogram.add(milliseconds)
  }

  /** Does something, and notes how long it took if it succeeds. */
  async timed<Result>(name: OperationName, action: Promise<Result>): Promise<Result> {
    const begun = this.#time.monotonic()
    const result = await action
    this.operation(name, this.#time.monotonic() - begun)
    return result
  }

  report(): AnalyticsReport {
    const now = this.#time.now()
    const documents = [...this.#meters.values()].map(meter => meter.statistics())
    documents.sort((a, b) => b.bytes - a.bytes)
    return Object.freeze({
      at: now,
      since: this.#since,
      totals: totalsOf(documents),
      partitions: groupBy(documents, ({ partition }) => partition).map(([partition, totals]) => {
        return { partition, ...totals }
      }),
      scopes: groupBy(documents, ({ scope }) => scope).map(([scope, totals]) => {
        return { scope, ...totals }
      }),
      documents: documents.slice(0, listedMax),
      topActors: this.#actors.top(topActorsMax),
      actors: this.#actors.size,
      forgottenOperations: this.#actors.forgotten,
      operations: Object.fromEntries(
        [...this.#operations].map(([name, histogram]) => [name, histogram.summary()]),
      ),
      growth: this.#growth.points(now, this.#state),
    })
  }

  readonly #state = (): { bytes: number; documents: number } => {
    let bytes = 0
    for (const meter of this.#meters.values()) bytes += meter.bytes
    return { bytes, documents: this.#meters.size }
  }

  #loaded(document: ReplicaDocument): void {
    const { name } = document
    const meter = this.#meters.get(name) ?? new DocumentMeter(document, this.#hooks)
    this.#meters.set(name, meter)
    this.#resting.delete(name)
    meter.attach(document)
    this.#forget()
  }

  #unloaded({ name }: ReplicaDocument): void {
    this.#meters.get(name)?.detach()
    this.#resting.add(name)
    this.#forget()
  }

  #forget(): void {
    const [name] = this.#resting
    if (this.#meters.size <= metersMax || name === undefined) return
    this.#resting.delete(name)
    this.#meters.delete(name)
  }
}

function totalsOf(documents: readonly DocumentStatistics[]): StateTotals {
  const sum = (of: (document: DocumentStatistics) => number) =>
    documents.reduce((total, document) => total + of(document), 0)
  return {
    documents: documents.length,
    bytes: sum(({ bytes }) => bytes),
    entries: sum(({ entries }) => entries),
    tombstones: sum(({ tombstones }) => tombstones),
    updates: { local: sum(({ updates }) => updates.local), remote: sum(d => d.updates.remote) },
    updateBytes: {
      local: sum(({ updateBytes }) => updateBytes.local),
      remote: sum(({ updateBytes }) => updateBytes.remote),
    },
  }
}

function groupBy(
  documents: readonly DocumentStatistics[],
  groupOf: (document: DocumentStatistics) => string | undefined,
): [string, StateTotals][] {
  const groups = new Map<string, DocumentStatistics[]>()
  for (const document of documents) {
    const group = groupOf(document)
    if (group === undefined) continue
    const members = groups.get(group) ?? []
    groups.set(group, members)
    members.push(document)
  }
  return [...groups]
    .map(([group, members]): [string, StateTotals] => [group, totalsOf(members)])
    .sort(([, a], [, b]) => b.bytes - a.bytes)
}
