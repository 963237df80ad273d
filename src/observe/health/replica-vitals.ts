/** The readings of a replica: its documents, how far the relay has them, and what is in conflict. */
import type { MemorySource } from '../../base/memory.ts'
import type { TimeSource } from '../../base/time.ts'
import type { HybridClock } from '../../clock/hybrid-clock.ts'
import type { DocumentSet } from '../../document/document-set.ts'
import type { Mesh } from '../../mesh/mesh.ts'
import type { DocumentName } from '../../model/document-name.ts'
import { RegisterPartition } from '../../partition/register/register-partition.ts'
import type { DocumentProgress } from '../../sync/document-progress.ts'
import type { ReplicaMeter } from '../analytics/replica-meter.ts'
import { Recent } from '../recent.ts'
import { HealthMonitor, type HealthOptions } from './health-monitor.ts'
import type { DocumentHealth, HealthFigures } from './health-report.ts'
import { LagTrail } from './lag-trail.ts'

export interface ReplicaVitalsOptions extends HealthOptions {
  time: TimeSource
  memory: MemorySource
  clock: HybridClock
  documents: DocumentSet
  meter: ReplicaMeter
  mesh: Mesh | undefined
  storageFailing(): boolean
  /** Whether there is a relay, or peers. */
  shares: boolean
  /** The documents with changes that the relay, or without one any peer, is not known to have. */
  unsynced(): ReadonlySet<DocumentName>
  /** How far the relay has a document; without it there is no relay. */
  progress?: ((document: DocumentName) => DocumentProgress | undefined) | undefined
}

const clockLeadMilliseconds = 10 * 60_000

export class ReplicaVitals {
  readonly monitor: HealthMonitor
  readonly #options: ReplicaVitalsOptions
  /**
   * Since when the relay may lack all of a document, on the monotonic clock: it was left from before
   * this replica was opened, or the relay's store is another than the one that acked it.
   */
  readonly #lackedSince = new Map<DocumentName, number>()
  readonly #trails = new Map<DocumentName, LagTrail>()
  /** The open handles of each document. */
  readonly #handles = new Map<DocumentName, Set<unknown>>()
  readonly #clockLead: Recent

  /** @throws OPTION_INVALID */
  constructor(options: ReplicaVitalsOptions) {
    const { time, documents, meter } = options
    this.#options = options
    for (const name of options.unsynced()) this.#lackedSince.set(name, time.monotonic())
    this.#clockLead = new Recent(time, 'max', clockLeadMilliseconds)
    this.monitor = new HealthMonitor({
      ...options,
      figures: () => this.#figures(),
      documents: () => this.#documents(),
      peers: () => options.mesh?.troubles ?? [],
    })
    meter.events.on('updated', () => this.monitor.update())
    // After this change, the document is one version on.
    documents.events.on('changing', ({ document: { name, version }, source }) => {
      const isOwed = source === undefined || !source.isRelay
      if (options.progress && isOwed) this.#trail(name).made(version + 1, time.monotonic())
    })
    documents.events.on('unloaded', ({ name }) => this.#trails.delete(name))
    documents.events.on('damaged', records => {
      for (const { document, clock, reason } of records) {
        this.monitor.errors.damaged(`${document}: update ${clock}: ${reason}`)
      }
    })
  }

  /** A partition was opened. @returns to be called when its handle is closed */
  opened(document: DocumentName, handle: unknown): () => void {
    const handles = this.#handles.get(document) ?? new Set()
    this.#handles.set(document, handles.add(handle))
    return () => {
      handles.delete(handle)
      if (handles.size === 0) this.#handles.delete(document)
    }
  }

  #trail(document: DocumentName): LagTrail {
    let trail = this.#trails.get(document)
    if (trail === undefined) {
      trail = new LagTrail()
      this.#trails.set(document, trail)
    }
    return trail
  }

  #figures(): HealthFigures {
    const { clock, documents, shares, progress, unsynced, storageFailing, mesh } = this.#options
    this.#clockLead.add(Math.max(0, clock.takeLead()))
    const loaded = [...documents.loaded]
    let conflicts = 0
    for (const document of this.#handles.keys()) conflicts += this.#conflicts(document)
    return {
      documents: loaded.length,
      stateBytes: loaded.reduce((sum, { logBytes }) => sum + logBytes, 0),
      conflicts,
      storageFailing: storageFailing() ? 1 : 0,
      clockLeadMilliseconds: this.#clockLead.value,
      ...(shares && { unsyncedDocuments: unsynced().size }),
      ...(progress && this.#sync(unsynced())),
      ...(mesh && { queuedBytes: mesh.queuedBytes }),
    }
  }

  #sync(unsynced: ReadonlySet<DocumentName>): HealthFigures {
    let unackedUpdates = 0
    let syncLagMilliseconds = 0
    for (const document of this.#lackedSince.keys()) {
      if (!unsynced.has(document)) this.#lackedSince.delete(document)
    }
    for (const document of unsynced) {
      const { unacked, lag } = this.#lagOf(document)
      unackedUpdates += unacked
      syncLagMilliseconds = Math.max(syncLagMilliseconds, lag)
    }
    return { unackedUpdates, syncLagMilliseconds }
  }

  /** What the relay lacks of a document in the outbox, and for how long. */
  #lagOf(name: DocumentName): { unacked: number; lag: number } {
    const { time, progress } = this.#options
    const known = progress?.(name)
    const now = time.monotonic()
    const lag = this.#trails.get(name)?.behind(known?.durableVersion ?? -1)
    const unacked = lag?.updates ?? 0
    if (known !== undefined && known.durableVersion >= 0) {
      this.#lackedSince.delete(name)
      return { unacked, lag: lag === undefined ? 0 : now - lag.since }
    }
    const since = this.#lackedSince.get(name) ?? now
    this.#lackedSince.set(name, since)
    return { unacked, lag: now - since }
  }

  #conflicts(document: DocumentName): number {
    for (const handle of this.#handles.get(document) ?? []) {
      if (handle instanceof RegisterPartition) return handle.conflicts().length
    }
    return 0
  }

  #documents(): DocumentHealth[] {
    const { documents, meter, progress, unsynced } = this.#options
    const owed = unsynced()
    return [...documents.loaded].map(({ name, logBytes }) => {
      const known = progress?.(name)
      const { unacked, lag } = progress && owed.has(name) ? this.#lagOf(name) : nothingOwed
      return {
        document: name,
        bytes: logBytes,
        lastUpdate: meter.of(name)?.lastUpdate,
        unackedUpdates: unacked,
        lagMilliseconds: lag,
        synced: known?.synced ?? false,
        refusal: known?.refusal?.code,
        conflicts: this.#conflicts(name),
      }
    })
  }
}

const nothingOwed = { unacked: 0, lag: 0 }
