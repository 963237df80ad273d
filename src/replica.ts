/**
 * The front door: one process's copy of the state. The composition root of the library, and the
 * only file that knows all areas.
 */
import { Emitter } from './base/emitter.ts'
import { StatemeshError } from './base/error.ts'
import { systemMemory } from './base/memory.ts'
import { randomId, systemRandom } from './base/random.ts'
import { holdUp, systemTime, type TimeSource } from './base/time.ts'
import { HybridClock } from './clock/hybrid-clock.ts'
import { DocumentSet } from './document/document-set.ts'
import { Journal } from './document/journal.ts'
import { writerWarning } from './document/writer-warning.ts'
import type { IntegrityMonitor } from './history/integrity/integrity-monitor.ts'
import type { Mesh } from './mesh/mesh.ts'
import { openMesh } from './mesh/open-mesh.ts'
import { linkWords, type ReplicaStatus } from './mesh/replica-status.ts'
import type { Replication } from './mesh/replication.ts'
import type { SubscribeOptions } from './mesh/subscriptions.ts'
import { type DocumentName, documentName, scopesOf } from './model/document-name.ts'
import { type ActorId, parseActorId } from './model/id.ts'
import { checkDefinition } from './model/partition-definition.ts'
import type { Scope } from './model/scope.ts'
import type { AnalyticsReport } from './observe/analytics/analytics-report.ts'
import { ReplicaMeter } from './observe/analytics/replica-meter.ts'
import { durableSource, StateDebugger } from './observe/debugger/state-debugger.ts'
import type { HealthAlertChange, HealthReport } from './observe/health/health-report.ts'
import { ReplicaVitals } from './observe/health/replica-vitals.ts'
import { StorageMonitor } from './observe/storage-monitor.ts'
import { type AnyPartitionDefinition, openPartition } from './partition/open-partition.ts'
import type { PartitionHost } from './partition/partition-host.ts'
import { QueryableRegisters, type QueryHandle } from './query/queryable-registers.ts'
import { checkReplicaOptions, type ReplicaOptions } from './replica-options.ts'
import { type CompactionReport, withCompaction } from './storage/compaction.ts'
import { type Incarnation, openIncarnation } from './storage/incarnation.ts'
import { openLevelStorage } from './storage/level-storage.ts'
import { mergeLogApart } from './storage/merge-thread.ts'
import type { Storage } from './storage/storage.ts'
import { Blobs } from './sync/blobs.ts'
import {
  type FlushLevel,
  type FlushOptions,
  flushLevels,
  type SyncedOptions,
} from './sync/flush-options.ts'
import { type Outbox, openOutbox } from './sync/outbox.ts'
import type { Presence } from './sync/presence.ts'
import { Presences } from './sync/presences.ts'
import { RelaySync, type RelaySyncEvents } from './sync/relay-sync.ts'
import { ReplicaBlobs } from './sync/replica-blobs.ts'
import { TokenSource } from './sync/token-source.ts'
import { type Deadline, within } from './sync/waiters.ts'
import { websocketTransport } from './transport/websocket-transport.ts'
import type { Access } from './trust/access.ts'
import type { Revocation } from './trust/revocations.ts'

export type ReplicaEvents = {
  /** The link changed. */
  status: ReplicaStatus
  /** The relay or a peer refuses a document, or this replica what a peer sent of it; nothing is lost here. */
  rejected: RelaySyncEvents['rejected']
  /** Something is wrong that did not fail a call: damaged records, a failing disk, a wrong clock. */
  warning: StatemeshError
  /** The log of a document was compacted on this disk. */
  compacted: CompactionReport
  /** An alert of `health()` was raised, changed its level, or ended. */
  alert: HealthAlertChange
  /** The replica begins to close, and with it ends what was opened on it. */
  closed: undefined
}

interface Parts {
  actor: ActorId
  storage: Storage
  journal: Journal
  incarnation: Incarnation
  documents: DocumentSet
  outbox: Outbox
  clock: HybridClock
  sync: RelaySync | undefined
  mesh: Mesh | undefined
  replication: Replication
  access: Access | undefined
  blobs: ReplicaBlobs
  presences: Presences
  time: TimeSource
  checkPolicies: boolean
  events: Emitter<ReplicaEvents>
  meter: ReplicaMeter
  vitals: ReplicaVitals
}

/**
 * Opens a replica. It works offline from the first moment and needs no relay to do so.
 *
 * @throws OPTION_INVALID, ID_INVALID for the actor, STORAGE_LOCKED, STORAGE_CORRUPT, STORAGE_UNAVAILABLE
 */
export async function openReplica(options: ReplicaOptions): Promise<Replica> {
  checkReplicaOptions(options)
  const { time = systemTime, random = systemRandom, relay } = options
  const actor = parseActorId(options.actor)
  const events = new Emitter<ReplicaEvents>()
  const warn = (error: StatemeshError) => events.emit('warning', error)
  const bare =
    typeof options.storage === 'string'
      ? await openLevelStorage({ location: options.storage })
      : options.storage
  let documents: DocumentSet | undefined
  const meter = new ReplicaMeter(time)
  const monitor = new StorageMonitor(time, meter)
  const storage = withCompaction(monitor.watch(bare), {
    time,
    ...(options.compactionUpdates !== undefined && { updatesMax: options.compactionUpdates }),
    mergeLog: options.mergeLog ?? mergeLogApart,
    onCompacted: report => {
      documents?.compacted(report.document, report.before.bytes - report.after.bytes)
      events.emit('compacted', report)
    },
    onError: warn,
    onDamaged: records => documents?.damaged(records),
  })
  try {
    const journal = new Journal({ time, random, onError: warn })
    const incarnation = await openIncarnation(storage, random)
    const outbox = await openOutbox({ storage, journal, time })
    const { idleMilliseconds = 30_000, driftMillisecondsMax } = options
    documents = new DocumentSet({ storage, journal, incarnation, time, idleMilliseconds })
    documents.events.on('warning', warn)
    meter.follow(documents)
    documents.events.on('changing', ({ document: { name }, source }) => {
      // What came from a peer the relay may lack, while its writer cannot reach it.
      const isOwed = source === undefined || (relay !== undefined && !source.isRelay)
      if (isOwed) outbox.add(name)
    })
    const clock = new HybridClock({
      time,
      ...(driftMillisecondsMax !== undefined && { driftMillisecondsMax }),
    })
    const node = randomId(random)
    const graceMilliseconds = options.blobGraceMilliseconds
    const blobs = new ReplicaBlobs({ storage, time, random, relay, graceMilliseconds })
    blobs.events.on('warning', warn)
    const presences = new Presences({
      ...{ time, random, documents, onWarning: warn },
      passesOn: options.token === undefined && options.tokens === undefined,
    })
    const sync =
      relay === undefined
        ? undefined
        : new RelaySync({
            address: relay,
            transport: options.transport ?? websocketTransport(),
            ...{ time, random, incarnation, node, documents, outbox, blobs, presences },
            token: options.token === undefined ? undefined : new TokenSource(options.token),
          })
    const shared = {
      ...{ time, random, storage, incarnation, documents, outbox },
      ...{ blobs, presences, node, sync },
    }
    const { mesh, replication, access } = await openMesh(options, { ...shared, idleMilliseconds })
    const vitals = new ReplicaVitals({
      ...options.health,
      ...{ time, clock, documents, meter, mesh },
      memory: options.memory ?? systemMemory,
      storageFailing: () => monitor.failing,
      shares: (sync ?? mesh) !== undefined,
      unsynced: () => outbox.names,
      progress: sync && (document => sync.progress(document)),
    })
    vitals.monitor.onAlert(alert => events.emit('alert', alert))
    events.on('warning', error => vitals.monitor.errors.add(error))
    events.on('rejected', ({ error }) => vitals.monitor.errors.add(error))
    return new Replica({
      ...{ actor, storage, journal, incarnation, documents, outbox, clock, time, events },
      ...{ sync, mesh, replication, access, blobs, presences, meter, vitals },
      checkPolicies: options.checkPolicies ?? false,
    })
  } catch (error) {
    await storage.close()
    throw error
  }
}

export class Replica {
  /** What is too large to be a value. */
  readonly blobs: Blobs
  readonly #parts: Parts
  readonly #handles = new Set<{ close(): void }>()
  #closing: Promise<void> | undefined

  /** Not for users: `openReplica` makes replicas. */
  constructor(parts: Parts) {
    this.#parts = parts
    this.blobs = new Blobs(parts.blobs)
    const { sync, mesh, events } = parts
    for (const others of [sync?.events, mesh?.events]) {
      others?.on('state', () => {
        if (events.has('status')) events.emit('status', this.status)
      })
      others?.on('rejected', rejection => events.emit('rejected', rejection))
      others?.on('warning', error => events.emit('warning', error))
    }
    sync?.connect()
  }

  /** In whose name this replica writes. */
  get actor(): string {
    return this.#parts.actor
  }

  /**
   * Opens a partition of a scope: loads it from this replica's disk, and keeps it in step with
   * the relay from then on. Handles of one partition share one document.
   *
   * @param options.actor in whose name this handle writes; the replica's own without it
   * @throws CLOSED, SCOPE_INVALID, PARTITION_INVALID, ID_INVALID, STORAGE_UNAVAILABLE, STORAGE_CORRUPT
   */
  async open<const Definition extends AnyPartitionDefinition>(
    scope: Scope,
    definition: Definition,
    options: { actor?: string } = {},
  ): Promise<QueryHandle<Definition>> {
    const { documents, incarnation, sync, clock, time, checkPolicies, events, vitals } = this.#parts
    this.#assertOpen()
    checkDefinition(definition)
    const actor = options.actor === undefined ? this.#parts.actor : parseActorId(options.actor)
    const { document, release } = await documents.hold(documentName(scope, definition.name))
    try {
      this.#assertOpen() // it may have been closed while the document was loaded
      const tooMany = writerWarning(document)
      if (tooMany !== undefined) events.emit('warning', tooMany)
      const host: PartitionHost = {
        doc: document.doc,
        actor,
        clock,
        time,
        checkPolicies,
        durable: () => document.durable(),
        flush: deadline => this.#flush('durable', deadline, document.name),
        formerWriters: () => incarnation.formerClientIDs,
        ...(sync && {
          relay: {
            generation: () => sync.generation(document.name),
            fence: deadline => sync.synced(deadline, document.name),
          },
        }),
        report: problem => events.emit('warning', problem),
        release: () => {
          this.#handles.delete(handle)
          closed()
          release()
        },
      }
      const handle = openPartition(definition, host, QueryableRegisters)
      this.#handles.add(handle)
      const closed = vitals.opened(document.name, handle)
      return handle as QueryHandle<Definition>
    } catch (error) {
      release()
      throw error
    }
  }

  /**
   * Says who is in a scope: a member, which others see once it has `set` something, until `leave`.
   *
   * @param options.actor whose presence it is; where tokens are asked for, others see their subjects
   * @throws CLOSED, ID_INVALID, LIMIT_REACHED beyond 16 of one replica, as `open` does
   */
  async presence(scope: Scope, options: { actor?: string } = {}): Promise<Presence> {
    this.#assertOpen()
    const actor = options.actor === undefined ? this.#parts.actor : parseActorId(options.actor)
    return this.#parts.presences.enter(documentName(scope, 'presence'), actor)
  }

  /**
   * The scopes of which this replica has a partition, and not only the relay, by their texts.
   *
   * @throws CLOSED, STORAGE_UNAVAILABLE
   */
  async scopes({ name: partition }: AnyPartitionDefinition): Promise<Scope[]> {
    const { storage, documents } = this.#parts
    this.#assertOpen()
    const loaded = [...documents.loaded].map(({ name }) => name)
    return scopesOf(partition, [...(await storage.documents()), ...loaded])
  }

  /** What the link does, and how much the relay is not known to have. */
  get status(): ReplicaStatus {
    const { sync, mesh, outbox, documents } = this.#parts
    const peers = mesh?.peers ?? []
    const counts = { unsynced: outbox.names.size, loaded: documents.loaded.size, peers }
    if (sync === undefined) return { link: 'none', ...counts }
    const { state } = sync
    const link = linkWords[state.kind]
    return 'error' in state ? { link, error: state.error, ...counts } : { link, ...counts }
  }

  /**
   * Takes a reading of how this replica fares: memory, sync, conflicts, errors, damage, clocks, and
   * which of them are worth an alert. Costs as much as there are documents in memory and conflicts.
   */
  health(): HealthReport {
    return this.#parts.vitals.monitor.report()
  }

  /** Has the results of an integrity monitor in `health()`. @returns ends it */
  watchIntegrity(monitor: IntegrityMonitor): () => void {
    return this.#parts.vitals.monitor.watchIntegrity(monitor)
  }

  /**
   * What the state amounts to, who changes it, how long that takes and how it grew, since this replica
   * was opened. It is counted change by change; the first call after a document was loaded counts
   * its entries once.
   */
  analytics(): AnalyticsReport {
    return this.#parts.meter.report()
  }

  /** Where other replicas can dial this one. */
  get addresses(): readonly string[] {
    return this.#parts.mesh?.addresses ?? []
  }

  /**
   * Keeps what peers have of the scopes that fit a pattern, such as `room:*`, here too, opened or not.
   * @returns ends it; what is here stays
   * @throws SCOPE_INVALID, OPTION_INVALID, LIMIT_REACHED, CLOSED, RELAY_NOT_CONFIGURED without peers
   */
  subscribe(pattern: string, options: SubscribeOptions = {}): () => void {
    this.#assertOpen()
    const { mesh } = this.#parts
    if (mesh) return mesh.subscribe(pattern, options)
    throw new StatemeshError('RELAY_NOT_CONFIGURED', 'neither `peers` nor `listen` were given')
  }

  /** Looks into the stored documents of this replica, whatever their partitions; changes nothing. */
  debugger(): StateDebugger {
    const { journal, storage } = this.#parts
    return new StateDebugger(durableSource(storage, journal))
  }

  /** Calls `listener` at every `event` until the returned function is called. */
  on<Name extends keyof ReplicaEvents>(
    event: Name,
    listener: (payload: ReplicaEvents[Name]) => void,
  ): () => void {
    const { events, vitals } = this.#parts
    // Readings are taken by the clock only where somebody listens.
    if (event === 'alert') vitals.monitor.start()
    return events.on(event, listener)
  }

  /**
   * Resolves when everything that was written here so far is as safe as asked: on this replica's
   * disk (`local`), taken by the relay (`received`), on the relay's disk (`durable`, the default), or
   * on the disks of `n` nodes (`replicated`). All levels include `local`.
   *
   * @throws RELAY_NOT_CONFIGURED, OPTION_INVALID, FLUSH_TIMEOUT, STORAGE_UNAVAILABLE, LINK_FAILED when the
   * relay refuses the link, CLOSED, and the code of a refusal when the relay refuses a document for good.
   * Nothing is lost then, and a later call may succeed.
   */
  async flush(options: FlushOptions = {}): Promise<void> {
    const { level = 'durable', n, ...deadline } = options
    if (!flushLevels.includes(level)) {
      throw new StatemeshError('OPTION_INVALID', `a level is one of ${flushLevels.join(', ')}`)
    }
    const flushed =
      level === 'replicated' ? this.#replicate(n ?? 2, deadline) : this.#flush(level, deadline)
    return this.#parts.meter.timed(`flush.${level}`, holdUp(this.#parts.time, flushed))
  }

  /**
   * Resolves when the open partitions hold all that the relay had; without a relay, or where that is
   * asked for, all that the peers had that are linked by then, at least one.
   *
   * @throws as `flush` does
   */
  async synced({ from, ...deadline }: SyncedOptions = {}): Promise<void> {
    const { sync, mesh, meter, time } = this.#parts
    this.#assertOpen()
    const others = from === 'peers' ? mesh : (sync ?? mesh)
    if (others === undefined) {
      throw new StatemeshError('RELAY_NOT_CONFIGURED', 'neither a relay nor peers were given')
    }
    return meter.timed('synced', holdUp(time, others.synced(deadline)))
  }

  /**
   * Takes back tokens that have not expired: those of a subject so far, or one by its id. Links of peers
   * that use them end, and it holds after a restart; other replicas are to be told by themselves.
   *
   * @throws OPTION_INVALID where no tokens are asked for, ID_INVALID, STORAGE_UNAVAILABLE
   */
  async revoke(revocation: Revocation): Promise<void> {
    const { access, mesh } = this.#parts
    if (access === undefined) {
      throw new StatemeshError('OPTION_INVALID', 'this replica asks for no tokens')
    }
    const stored = access.revoke(revocation)
    mesh?.recheckTokens()
    await stored
  }

  /** Ends all links until `connect`; everything goes on working offline. */
  disconnect(): void {
    const { sync, mesh } = this.#parts
    sync?.disconnect()
    mesh?.disconnect()
  }

  /** Dials again after `disconnect`, or at once while waiting for the next attempt. */
  connect(): void {
    if (this.#closing) return
    const { sync, mesh } = this.#parts
    sync?.connect()
    mesh?.connect()
  }

  /**
   * Ends the link, waits until everything written is on this replica's disk, and closes it. What
   * the relay does not have yet is sent when the replica is opened again. A second call does
   * nothing more.
   *
   * @throws STORAGE_UNAVAILABLE when the disk fails: what was not durable is lost with the process
   */
  close(): Promise<void> {
    this.#closing ??= this.#close()
    return this.#closing
  }

  async #replicate(nodes: number, deadline: Deadline): Promise<void> {
    const { journal, replication, time } = this.#parts
    this.#assertOpen()
    const local = within(time, deadline, journal.whenDurable())
    await Promise.all([local, replication.flush(nodes, deadline)])
  }

  async #flush(
    level: Exclude<FlushLevel, 'replicated'>,
    deadline: Deadline,
    document?: DocumentName,
  ): Promise<void> {
    const { journal, sync, time } = this.#parts
    this.#assertOpen()
    if (level !== 'local' && sync === undefined) {
      throw new StatemeshError(
        'RELAY_NOT_CONFIGURED',
        `no relay was given, level ${level} needs one`,
      )
    }
    const local = within(time, deadline, journal.whenDurable())
    if (level === 'local' || sync === undefined) return local
    const blobs = level === 'durable' ? this.#parts.blobs.handedOver(deadline, document) : undefined
    await Promise.all([local, sync.flush(level, deadline, document), blobs])
  }

  #assertOpen(): void {
    if (this.#closing) throw new StatemeshError('CLOSED', 'the replica was closed')
  }

  async #close(): Promise<void> {
    const { sync, mesh, replication, vitals, events } = this.#parts
    const { journal, documents, incarnation, storage } = this.#parts
    events.emit('closed', undefined)
    vitals.monitor.close()
    for (const handle of this.#handles) handle.close()
    this.#parts.presences.close()
    sync?.close()
    replication.close()
    try {
      await mesh?.close()
      await this.#parts.blobs.close()
      this.#parts.outbox.close()
      await journal.whenDurable()
      await incarnation.end()
    } finally {
      journal.close()
      documents.close()
      await storage.close()
    }
  }
}
