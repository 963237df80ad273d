/**
 * The relay: rooms, and the connections that use them. It knows neither sockets nor files, so that
 * the same code runs in a process of its own, inside another program, and in a simulation.
 */
import { StatemeshError, toStatemeshError } from '../src/base/error.ts'
import { systemMemory } from '../src/base/memory.ts'
import { randomId, systemRandom } from '../src/base/random.ts'
import { type CancelTimer, systemTime, type TimeSource } from '../src/base/time.ts'
import type { DocumentName } from '../src/model/document-name.ts'
import { StorageMonitor } from '../src/observe/storage-monitor.ts'
import { subprotocol } from '../src/protocol/frame.ts'
import { closeCodes } from '../src/protocol/link-rules.ts'
import { type BlobCollection, BlobCollector } from '../src/storage/blobs/blob-collector.ts'
import { BlobStore } from '../src/storage/blobs/blob-store.ts'
import { type Incarnation, openIncarnation } from '../src/storage/incarnation.ts'
import type { Storage } from '../src/storage/storage.ts'
import type { Link } from '../src/transport/transport.ts'
import { Access, accessDenied } from '../src/trust/access.ts'
import { openRevocations, type Revocation, type Revocations } from '../src/trust/revocations.ts'
import type { AccessToken } from '../src/trust/token.ts'
import { AddressCounter } from './address-counter.ts'
import { type Arrival, type LinkRequest, originOf, refuseLink } from './arrival.ts'
import { closeCodeOf } from './close-code.ts'
import { conductSizes } from './conduct-sizes.ts'
import { LinkConnection } from './connection.ts'
import { documentOfPath } from './document-path.ts'
import { openIntroductions } from './introductions.ts'
import { silentMeter } from './meter.ts'
import type { RelayGauges } from './metrics.ts'
import { Quarantine, type QuarantinedUpdate } from './quarantine.ts'
import { ReadAhead } from './read-ahead.ts'
import { RelayCompaction } from './relay-compaction.ts'
import type { Connection, RelayContext } from './relay-context.ts'
import type { RelayHealth } from './relay-health.ts'
import { checkRelayOptions } from './relay-option-rules.ts'
import {
  defaultRelayLimits,
  type RelayEvent,
  type RelayLimits,
  type RelayOptions,
} from './relay-options.ts'
import { RelayVitals } from './relay-vitals.ts'
import { Room, type RoomOptions } from './room.ts'
import { roomLimits } from './room-limits.ts'
import { StockConnection } from './stock-connection.ts'
import { StorageProbe } from './storage-probe.ts'

/** Looks at idle links and rooms this often, but at least four times in the shortest limit. */
const tickMillisecondsMax = 5_000

/**
 * Starts a relay on a storage, which must be its own.
 *
 * @throws OPTION_INVALID, STORAGE_UNAVAILABLE, CLOSED
 */
export async function createRelay(options: RelayOptions): Promise<Relay> {
  checkRelayOptions(options)
  const random = options.random ?? systemRandom
  const incarnation = await openIncarnation(options.storage, random)
  if (options.restored) {
    incarnation.renew()
    await incarnation.begin()
  }
  const revocations = await openRevocations(options.storage)
  const blobs = new BlobStore(options.storage, options.time ?? systemTime)
  const hasBlobs = (await blobs.belongings()).length > 0
  return new Relay(options, { incarnation, revocations, blobs, hasBlobs, node: randomId(random) })
}

/** What a relay reads from its storage before it starts, and its id. */
interface RelayParts {
  incarnation: Incarnation
  revocations: Revocations
  blobs: BlobStore
  /** Whether there are some already, which have to be looked through now and then. */
  hasBlobs: boolean
  node: string
}

export class Relay {
  readonly limits: Readonly<RelayLimits>
  readonly time: TimeSource
  readonly #storage: Storage
  readonly #compaction: RelayCompaction
  readonly #probe: StorageProbe
  readonly #incarnation: Incarnation
  readonly #context: RelayContext
  readonly #onUserEvent: ((event: RelayEvent) => void) | undefined
  readonly #vitals: RelayVitals
  readonly #access: Access | undefined
  readonly #roomOptions: Omit<RoomOptions, 'document' | 'channel'>
  readonly #addresses: AddressCounter
  readonly #quarantine: Quarantine
  readonly #blobs: BlobCollector
  /** The one that was opened last comes last. */
  readonly #rooms = new Map<DocumentName, Room>()
  readonly #readAhead: ReadAhead
  /** Since when (monotonic) a room has been seen idle. */
  readonly #idleSince = new Map<Room, number>()
  readonly #connections = new Set<Connection>()
  #lastConnection = 0
  #lastChannel = 0
  #cancelTick: CancelTimer | undefined
  #closing: Promise<void> | undefined
  #allGone: (() => void) | undefined

  /** Not for users: `createRelay` has opened the parts. */
  constructor(options: RelayOptions, parts: RelayParts) {
    const { incarnation, revocations, blobs, node } = parts
    this.limits = { ...defaultRelayLimits, ...options.limits }
    this.time = options.time ?? systemTime
    const { time, memory = systemMemory, thresholds } = { ...options, time: this.time }
    this.#vitals = new RelayVitals({
      ...{ time, memory, ...(thresholds && { thresholds }) },
      gauges: () => this.gauges(),
      storageFailing: () => this.#probe.failing,
    })
    const meter = this.#vitals.counting(options.meter ?? silentMeter)
    this.#compaction = new RelayCompaction(new StorageMonitor(time, meter).watch(options.storage), {
      ...{ time, meter, settings: options.compaction },
      report: event => this.#onEvent(event),
      onCompacted: (document, bytes) => {
        this.#rooms.get(document as DocumentName)?.compacted(bytes)
      },
      onDamaged: (document, damage) => this.#onDamaged(document, [damage]),
    })
    this.#storage = this.#compaction.storage
    this.#probe = new StorageProbe({
      ...{ storage: this.#storage, time, random: options.random ?? systemRandom },
      onWorking: () => this.#onStorageWorking(),
      onFailed: ({ code, message }) => {
        this.#onEvent({ level: 'error', event: 'storage-failed', code, message })
      },
    })
    this.#incarnation = incarnation
    this.#onUserEvent = options.onEvent
    this.#vitals.monitor.onAlert(({ change, level, message, signal }) => {
      const isTrouble = change === 'raised' || change === 'escalated'
      const grave = level === 'critical' ? 'error' : 'warn'
      const said = `${change}: ${message}`
      const alert = { event: 'alert', code: signal, message: said } as const
      this.#onUserEvent?.({ level: isTrouble ? grave : 'info', ...alert })
    })
    const { forward = 'durable' } = options
    this.#roomOptions = {
      storage: this.#storage,
      contentBytesMax: this.limits.roomBytesMax,
      limits: roomLimits(this.limits),
      forward,
      events: {
        loadFailed: (room, error) => {
          if (this.#rooms.get(room.document) === room) this.#forget(room)
          this.#onRoomFailure(room, error)
        },
        commitFailed: (room, error) => {
          this.#onRoomFailure(room, error)
          // Who was sent it and has left the room brings it again when it meets another store.
          if (forward === 'early') incarnation.renew()
          if (room.readOnly) this.#probe.start()
        },
        damaged: ({ document }, damage) => this.#onDamaged(document, damage),
      },
    }
    this.#addresses = new AddressCounter(this.limits.connectionsPerAddressMax)
    this.#quarantine = new Quarantine({
      countMax: this.limits.quarantineCountMax,
      bytesMax: this.limits.quarantineBytesMax,
    })
    const { tokens: verifier } = options
    this.#access = verifier && new Access({ verifier, revocations, time: this.time })
    this.#context = {
      time: this.time,
      limits: this.limits,
      conduct: conductSizes(this.limits),
      meter,
      access: this.#access,
      introductions: openIntroductions(options),
      ...{ blobs, node },
      generation: () => incarnation.generation,
      room: document => this.#room(document),
      freshChannel: () => this.#freshChannel(),
      quarantine: item => this.#quarantine.add({ ...item, at: this.time.now() }),
      report: event => this.#onEvent(event),
      throttled: connection => {
        meter.throttled()
        const message = 'it sends more than it may, and is read more slowly'
        const code = 'RATE_LIMITED'
        this.#onEvent({ level: 'warn', event: 'throttled', connection, code, message })
      },
      disconnected: (connection, code) => this.#disconnected(connection, code),
    }
    this.#blobs = new BlobCollector({
      store: blobs,
      storage: this.#storage,
      time: this.time,
      graceMilliseconds: this.limits.blobGraceMilliseconds,
      onError: ({ code, message }) => {
        this.#onEvent({ level: 'error', event: 'failure', code, message })
      },
    })
    if (parts.hasBlobs) this.#blobs.start()
    this.#readAhead = new ReadAhead({
      ...{ storage: this.#storage, time, limits: this.limits, rooms: this.#rooms },
      open: document => this.#room(document),
      report: event => this.#onEvent(event),
    })
    this.#tickLater()
  }

  /** Whether connections need a token. */
  get secured(): boolean {
    return this.#access !== undefined
  }

  /** The latest updates that were refused as invalid, from the oldest to the newest. */
  quarantine(): readonly QuarantinedUpdate[] {
    return this.#quarantine.list()
  }

  /** Serves a connection, until it ends or the relay closes. Not to be started by the caller. */
  accept(link: Link, request: LinkRequest): void {
    this.#lastConnection += 1
    const id = this.#lastConnection
    const { address } = request
    const counted = address !== undefined && this.#addresses.enter(address)
    const arrival: Arrival = { ...request, link, id, counted }
    if (address !== undefined && !counted) {
      const message = 'too many connections from one address'
      return this.#turnAway(arrival, new StatemeshError('LIMIT_REACHED', message))
    }
    if (this.#access === undefined) return this.#admit(arrival, undefined)
    // Until its token has been checked the link is not started: nothing of it is read.
    this.#access.admit(request.token).then(
      token => this.#admit(arrival, token),
      thrown => this.#turnAway(arrival, toStatemeshError(thrown, 'TOKEN_INVALID')),
    )
  }

  /**
   * Removes the blobs that no document of their scope refers to and that were not used for the grace
   * period, as happens by itself every hour.
   *
   * @throws STORAGE_UNAVAILABLE, STORAGE_CORRUPT, CLOSED
   */
  collectBlobs(): Promise<BlobCollection> {
    return this.#blobs.collect()
  }

  /** What is going on at this moment. */
  gauges(): RelayGauges {
    let queuedBytes = 0
    let throttled = 0
    let readOnlyRooms = 0
    for (const connection of this.#connections) {
      queuedBytes += connection.queuedBytes
      if (connection.throttled) throttled += 1
    }
    for (const room of this.#rooms.values()) if (room.readOnly) readOnlyRooms += 1
    const { size: connections } = this.#connections
    const { documents: readAhead } = this.#readAhead
    const { size: rooms } = this.#rooms
    return { connections, throttled, rooms, readOnlyRooms, readAhead, queuedBytes }
  }

  /**
   * Checks that a token is an administrator's; where no tokens are asked for everybody is one.
   *
   * @throws TOKEN_INVALID, TOKEN_EXPIRED, ACCESS_DENIED, LINK_FAILED
   */
  async checkAdmin(token: string | undefined): Promise<void> {
    if (this.#access === undefined) return
    const { grants } = await this.#access.admit(token)
    if (!grants.admin) throw accessDenied("the token is not an administrator's")
  }

  /**
   * Takes back tokens that have not expired: those of a subject so far, or one by its id. Connections
   * that use them are closed with 4403, and it holds after a restart.
   *
   * @throws OPTION_INVALID where no tokens are asked for, ID_INVALID, STORAGE_UNAVAILABLE
   */
  async revoke(revocation: Revocation): Promise<void> {
    if (this.#access === undefined) {
      throw new StatemeshError('OPTION_INVALID', 'the relay asks for no tokens')
    }
    const stored = this.#access.revoke(revocation)
    for (const connection of [...this.#connections]) connection.recheckToken()
    await stored
  }

  health(): RelayHealth {
    const reasons: string[] = []
    if (this.#closing !== undefined) reasons.push('the relay closes')
    if (this.#probe.failing) reasons.push('the storage fails')
    const { rooms, readOnlyRooms, connections } = this.gauges()
    return {
      ...this.#vitals.monitor.report(),
      live: true,
      ready: reasons.length === 0,
      reasons,
      ...{ rooms, readOnlyRooms, connections },
      generation: this.#incarnation.generation,
    }
  }

  /**
   * Ends the relay: what has arrived is committed and acked, then all links are closed with 1012.
   * The storage stays open. A second call waits for the first.
   *
   * @throws STORAGE_UNAVAILABLE when the clean end could not be recorded
   */
  close(): Promise<void> {
    this.#closing ??= this.#close()
    return this.#closing
  }

  async #close(): Promise<void> {
    // After this turn, so that `close` has answered and everyone sees that it is closing.
    await Promise.resolve()
    this.#cancelTick?.()
    this.#probe.stop()
    this.#onEvent({ level: 'info', event: 'draining' })
    for (const connection of this.#connections) connection.drain()
    const settled = [...this.#rooms.values()].map(room => room.settled())
    await Promise.all([this.#readAhead.stop(), ...settled])
    for (const connection of [...this.#connections]) {
      connection.close(closeCodes.restart, 'the relay restarts')
    }
    await this.#connectionsGone()
    await this.#blobs.close()
    await this.#compaction.stop()
    for (const room of this.#rooms.values()) room.close()
    this.#rooms.clear()
    await this.#incarnation.end()
    this.#onEvent({ level: 'info', event: 'closed' })
  }

  /** Waits until all links have ended, but not for ever. */
  async #connectionsGone(): Promise<void> {
    if (this.#connections.size === 0) return
    let cancel: CancelTimer | undefined
    await new Promise<void>(resolve => {
      cancel = this.time.after(this.limits.drainMilliseconds, resolve)
      this.#allGone = resolve
    })
    cancel?.()
  }

  #admit(arrival: Arrival, token: AccessToken | undefined): void {
    if (this.#closing !== undefined) {
      return this.#refuse(arrival, closeCodes.restart, 'the relay closes')
    }
    try {
      // It may have been revoked since it was checked, when this connection was none yet.
      if (token !== undefined) this.#access?.checkRevoked(token)
      const connection = this.#connect(arrival, token)
      this.#connections.add(connection)
    } catch (thrown) {
      if (!(thrown instanceof StatemeshError)) throw thrown
      return this.#turnAway(arrival, thrown)
    }
    const connection = arrival.id
    this.#onEvent({ level: 'info', event: 'connected', connection, ...originOf(arrival, token) })
  }

  #turnAway(arrival: Arrival, error: StatemeshError): void {
    const { code, message } = error
    const connection = arrival.id
    const from = originOf(arrival)
    this.#onEvent({ level: 'warn', event: 'rejected', connection, ...from, code, message })
    // Dialling again with the same token cannot help, unlike where it ends on a link.
    const closeCode = code === 'TOKEN_EXPIRED' ? closeCodes.tokenInvalid : closeCodeOf(error)
    this.#refuse(arrival, closeCode, `${code}: ${message}`)
  }

  #connect(arrival: Arrival, token: AccessToken | undefined): Connection {
    const { link, id, path, address } = arrival
    const common = { link, relay: this.#context, id, token, address }
    return arrival.subprotocol === subprotocol
      ? new LinkConnection(common)
      : new StockConnection({ ...common, document: this.#stockDocument(path, token) })
  }

  #disconnected(connection: Connection, code: number): void {
    const { id, address } = connection
    if (address !== undefined) this.#addresses.leave(address)
    this.#connections.delete(connection)
    this.#onEvent({ level: 'info', event: 'disconnected', connection: id, code })
    if (this.#connections.size === 0) this.#allGone?.()
  }

  #refuse(arrival: Arrival, code: number, why: string): void {
    refuseLink(arrival, code, why, () => {
      const { counted, address } = arrival
      if (counted && address !== undefined) this.#addresses.leave(address)
    })
  }

  /** The document of a stock socket, if its token opens it. */
  #stockDocument(path: string, token: AccessToken | undefined): DocumentName {
    const document = documentOfPath(path)
    if (this.#access !== undefined && token?.grants.right(document) === undefined) {
      throw accessDenied('the token does not open the document')
    }
    return document
  }

  #room(document: DocumentName): Room {
    const present = this.#rooms.get(document)
    if (present !== undefined) {
      this.#idleSince.delete(present)
      this.#rooms.delete(document)
      this.#rooms.set(document, present)
      return present
    }
    const channel = this.#freshChannel()
    const room = new Room({ ...this.#roomOptions, document, channel })
    this.#rooms.set(document, room)
    return room
  }

  #onEvent(event: RelayEvent): void {
    if (event.event === 'rejected') this.#context.meter.rejected(String(event.code))
    this.#vitals.event(event)
    this.#onUserEvent?.(event)
  }

  #onStorageWorking(): void {
    this.#onEvent({ level: 'info', event: 'storage-works' })
    for (const room of this.#rooms.values()) room.resumeWrites()
  }

  #onRoomFailure({ document }: Room, { code, message }: StatemeshError): void {
    this.#onEvent({ level: 'error', event: 'storage-failed', document, code, message })
  }

  #onDamaged(document: string, damage: readonly string[]): void {
    // Replicas that trust what this store once acked must bring it again.
    this.#incarnation.renew()
    const message = damage.slice(0, 10).join('; ')
    this.#onEvent({ level: 'error', event: 'damaged', document, code: 'STORAGE_CORRUPT', message })
  }

  #forget(room: Room): void {
    this.#rooms.delete(room.document)
    this.#idleSince.delete(room)
  }

  #freshChannel(): number {
    this.#lastChannel += 1
    return this.#lastChannel
  }

  #tickLater(): void {
    const { limits } = this
    const shortest = Math.min(
      limits.roomIdleMilliseconds,
      limits.pingMilliseconds,
      limits.keepAliveMilliseconds,
    )
    const milliseconds = Math.min(tickMillisecondsMax, shortest / 4)
    const due = this.time.monotonic() + milliseconds
    this.#cancelTick = this.time.after(milliseconds, () => this.#tick(due))
  }

  #tick(due: number): void {
    const now = this.time.monotonic()
    this.#vitals.ticked(now, now - due)
    this.#readAhead.tick(now)
    for (const connection of [...this.#connections]) connection.tick(now)
    for (const room of this.#rooms.values()) {
      room.expireAwareness(now)
      this.#unloadIdle(room, now)
    }
    this.#tickLater()
  }

  #unloadIdle(room: Room, now: number): void {
    if (!room.idle) {
      this.#idleSince.delete(room)
      return
    }
    const since = this.#idleSince.get(room) ?? now
    this.#idleSince.set(room, since)
    if (now - since < this.limits.roomIdleMilliseconds) return
    room.close()
    this.#forget(room)
  }
}
