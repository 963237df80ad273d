/** A machine that runs a replica: it starts, crashes, stops in peace, and starts again. */
import * as Y from 'yjs'
import type { Forwarding } from '../../server/relay-options.ts'
import { present } from '../../src/base/assert.ts'
import { StatemeshError } from '../../src/base/error.ts'
import { documentName } from '../../src/model/document-name.ts'
import { definePartition } from '../../src/model/partition-definition.ts'
import type { Scope } from '../../src/model/scope.ts'
import { openReplica, type Replica } from '../../src/replica.ts'
import { mergeLog } from '../../src/storage/merge-log.ts'
import type { FlushLevel, FlushOptions } from '../../src/sync/flush-options.ts'
import { checkNothingLeft } from '../checkers/bounds.ts'
import { watchCausality } from '../checkers/causality.ts'
import { AckedClocks, checkCopies } from '../checkers/durability.ts'
import { checkRefusal } from '../checkers/refusals.ts'
import { Violation } from '../checkers/violation.ts'
import { copyClocks, liveClocks } from '../oracle/document-clocks.ts'
import { LoggedDocuments } from '../oracle/logged-documents.ts'
import type { Guard, Player, Seat, WorkloadRun } from '../workloads/workload.ts'
import type { Clock } from '../world/clock.ts'
import type { Dice } from '../world/dice.ts'
import type { Disk } from '../world/disk.ts'
import { addressPrefix, type Network } from '../world/network.ts'
import { SimulatedProcess } from '../world/process.ts'
import type { World } from '../world/world.ts'
import type { Evidence } from './evidence.ts'
import { relayAddress } from './relay-node.ts'

export interface ReplicaNodeOptions {
  world: World
  name: string
  clock: Clock
  disk: Disk
  network: Network
  workloads: readonly WorkloadRun[]
  /** How long a document that nobody uses stays in memory. */
  idleMilliseconds: number
  /** A log with so many updates is compacted. */
  compactionUpdates: number
  evidence: Evidence
  /** Where the relay asks for tokens. */
  guard: Guard | undefined
  hasRelay: boolean
  /** When the relay passes on what it was sent. */
  forward: Forwarding
  /** On how many disks a flush to several has what was written. */
  copies: number
  /** How a workload has what it writes kept as safely as this fleet can. */
  safest: FlushOptions
  /** Where replicas are linked with one another: whom this one dials first, and how many it has. */
  mesh?: { readonly peer: string; readonly links: { min: number; max: number } }
}

/** What a flush may answer where the network or the disk fails. */
const excused: ReadonlySet<string> = new Set([
  'FLUSH_TIMEOUT',
  'STORAGE_UNAVAILABLE',
  'CLOSED',
  'LINK_FAILED',
])

/** And where the relay asks for tokens. */
const excusedByGuard: ReadonlySet<string> = new Set([
  'ACCESS_DENIED',
  'TOKEN_EXPIRED',
  'TOKEN_INVALID',
])

const restartMilliseconds = 500

/** By name how far writers are known. */
type DocumentsClocks = readonly (readonly [string, Map<number, number>])[]

export class ReplicaNode {
  readonly name: string
  readonly disk: Disk
  readonly clock: Clock
  /** What flushes acknowledged as safe on this machine's own disk. */
  readonly local: AckedClocks = new AckedClocks()
  readonly #options: ReplicaNodeOptions
  readonly #world: World
  readonly #dice: Dice
  #process: SimulatedProcess | undefined
  #replica: Replica | undefined
  #players: Player[] = []
  #docs = new Map<string, Y.Doc>()
  /** How far this replica's own writes went when it opened a document. */
  #begun = new Map<string, number>()
  readonly #logged = new LoggedDocuments()

  constructor(options: ReplicaNodeOptions) {
    this.#options = options
    this.name = options.name
    this.disk = options.disk
    this.clock = options.clock
    this.#world = options.world
    this.#dice = options.world.dice.fork()
  }

  /** Whether its replica is open and its players are seated. */
  get isUp(): boolean {
    return this.#replica !== undefined
  }

  get process(): SimulatedProcess | undefined {
    return this.#process
  }

  get replica(): Replica {
    return present(this.#replica, `${this.name} is up`)
  }

  get players(): readonly Player[] {
    return this.#players
  }

  /** The documents that its players have open. */
  get docs(): ReadonlyMap<string, Y.Doc> {
    return this.#docs
  }

  /** A document as it is on its disk; not to be changed. */
  stored(document: string): Y.Doc {
    return this.#logged.of(document, this.disk.log(document))
  }

  /** Starts the machine, unless it runs; it tries again as long as its disk fails. */
  start(): void {
    if (this.#process !== undefined) return
    const process = new SimulatedProcess(this.#world, this.name, this.#options.clock)
    this.#process = process
    this.#docs = new Map()
    this.#begun = new Map()
    this.#open(process).catch(thrown => {
      if (!(thrown instanceof StatemeshError)) return this.#world.fail(thrown)
      this.#world.tell(this.name, `does not start: ${thrown.code}`)
      this.#world.marks.hit('start fails')
      this.#end(process)
      this.#world.after(restartMilliseconds, 'start again', () => this.start())
    })
  }

  /** The machine loses power. */
  crash(): void {
    if (this.#process !== undefined) this.#end(this.#process)
  }

  /** A fault took from its disk what was durable there. */
  loseData(): void {
    this.#options.evidence.losses.add(this.name)
    this.local.forget()
  }

  /** Closes the replica in peace, and lets the process linger until its links have ended. */
  async stop({ lingerMilliseconds = 0 }: { lingerMilliseconds?: number } = {}): Promise<void> {
    const [process, replica] = [this.#process, this.#replica]
    if (process === undefined || replica === undefined) return
    this.#replica = undefined
    for (const player of this.#players) player.leave?.()
    try {
      await replica.close()
      if (lingerMilliseconds > 0) {
        await this.#world.sleep(lingerMilliseconds)
        checkNothingLeft(process)
      }
    } catch (thrown) {
      if (!(thrown instanceof StatemeshError)) throw thrown
      this.#world.marks.hit('close fails')
    }
    this.#end(process)
  }

  /** One operation of one player. */
  act(): void {
    const [player, process] = [this.#dice.pick(this.#players), this.#process]
    const done = player.act()
    // A disk that lost an update may have lost deletions, which only the relay can bring back: until
    // then what was overwritten shows again.
    if (!this.#options.evidence.losses.has(this.name)) this.#look(player)
    done?.catch(thrown => {
      if (process?.alive) this.#world.fail(thrown)
    })
  }

  #look(player: Player): void {
    try {
      player.look()
    } catch (thrown) {
      // Where messages were lost a deletion may come ahead of the write that it was part of: states that
      // others send bring all that were deleted. In the end the siblings are exact all the same.
      const { disorder } = this.#options.evidence
      if (!disorder || !(thrown instanceof Violation) || thrown.checker !== 'exact conflicts')
        throw thrown
      this.#world.marks.hit('siblings out of order')
    }
  }

  /** Flushes to a level, or to the next one that this fleet has, and notes what that acknowledged. */
  flush(asked: FlushLevel): void {
    const { evidence, mesh, hasRelay, forward, copies } = this.#options
    const level =
      mesh && asked !== 'local' && !(hasRelay && asked === 'durable') ? 'replicated' : asked
    const { marks } = this.#world
    // What the relay passes on when it is durable there is covered by what a flush says, too.
    const coversAll = level === 'local' || (level === 'durable' && forward === 'durable')
    const clocks = coversAll ? this.#allClocks() : this.#ownClocks()
    this.replica.flush({ level, n: copies, timeoutMilliseconds: 10_000 }).then(
      () => {
        marks.hit(`flush ${level}`)
        if (level === 'local') note(clocks, this.local)
        else if (level === 'durable') note(clocks, evidence.durable)
        else if (level === 'replicated') this.#replicated(clocks)
      },
      thrown => {
        const code = thrown instanceof StatemeshError ? thrown.code : String(thrown)
        marks.hit(`flush ${code}`)
        const denied = this.#options.guard !== undefined && excusedByGuard.has(code)
        if (!denied && !excused.has(code))
          this.#world.fail(new Violation('flush', `${this.name}: ${thrown}`))
      },
    )
  }

  #allClocks(): DocumentsClocks {
    return [...this.#docs].map(([name, doc]) => [name, copyClocks(doc)])
  }

  /** Of what came from others, or was written before a restart, most flushes say nothing. */
  #ownClocks(): DocumentsClocks {
    return [...this.#docs].flatMap(([name, { clientID, store }]) => {
      const clock = Y.getState(store, clientID)
      return clock > (this.#begun.get(name) ?? 0) ? [[name, new Map([[clientID, clock]])]] : []
    })
  }

  #replicated(clocks: DocumentsClocks): void {
    const { evidence, copies, safest } = this.#options
    if (safest.level === 'replicated') this.#world.marks.hit('among peers: flush replicated')
    note(clocks, evidence.replicated)
    this.#guarded(() => {
      for (const [document, acked] of clocks) {
        checkCopies(this.name, { document, acked, copies }, evidence)
      }
    })
  }

  async #open(process: SimulatedProcess): Promise<void> {
    const { world, disk, network, workloads, guard, hasRelay, mesh } = this.#options
    const replica = await openReplica({
      memory: () => undefined, // the real one would not be the same in every run
      actor: this.name,
      storage: disk.storage(process),
      ...(hasRelay && { relay: relayAddress }),
      ...(mesh && {
        listen: network.acceptor(process),
        peers: [addressPrefix + mesh.peer],
        links: mesh.links,
      }),
      ...(guard && { token: () => guard.authority.token(this.name) }),
      idleMilliseconds: this.#options.idleMilliseconds,
      compactionUpdates: this.#options.compactionUpdates,
      mergeLog, // a thread would not take as long in every run
      transport: network.transport(process),
      time: process.time,
      random: process.random,
    })
    replica.on('rejected', ({ document, error }) => {
      world.marks.hit(`rejected ${error.code}`)
      const { strangers } = this.#options.evidence
      this.#guarded(() => checkRefusal(this.name, document, error, strangers))
    })
    replica.on('warning', ({ code }) => world.marks.hit(`warning ${code}`))
    const players: Player[] = []
    const seat = (): Seat => this.#seat(replica, process)
    for (const workload of workloads) players.push(await workload.join(seat()))
    for (const [name, doc] of this.#docs) this.local.check(this.name, name, liveClocks(doc))
    this.#players = players
    this.#replica = replica
    world.tell(this.name, 'is up')
  }

  #seat(replica: Replica, { time, random }: SimulatedProcess): Seat {
    return {
      name: this.name,
      replica,
      watched: {
        actor: this.name,
        open: async (scope, definition, options) => {
          await this.#openDocument(replica, scope, definition.name)
          return replica.open(scope, definition, options)
        },
        flush: options => replica.flush(options),
        on: (event, listener) => replica.on(event, listener),
      },
      dice: this.#dice.fork(),
      marks: this.#world.marks,
      time,
      random,
      guard: this.#options.guard,
      losses: this.#options.evidence.losses,
      safest: this.#options.safest,
      document: (scope, name) => this.#openDocument(replica, scope, name),
      open: async (scope, definition) => {
        const doc = await this.#openDocument(replica, scope, definition.name)
        return { partition: await replica.open(scope, definition), doc }
      },
    }
  }

  /** The document under a partition, as a partition of native types shows it. */
  async #openDocument(replica: Replica, scope: Scope, name: string): Promise<Y.Doc> {
    const document = documentName(scope, name)
    const { doc } = await replica.open(scope, definePartition({ name, policy: 'crdt' }))
    if (this.#docs.get(document) === doc) return doc
    this.#docs.set(document, doc)
    if (!this.#begun.has(document)) this.#begun.set(document, Y.getState(doc.store, doc.clientID))
    const { evidence } = this.#options
    const { history, losses } = evidence
    history.record(document, doc)
    watchCausality({ where: this.name, document, doc }, history, violation => {
      // What a disk lost comes back in any order, and a link without order has none to keep.
      if (losses.size === 0 && !evidence.disorder) this.#world.fail(violation)
    })
    return doc
  }

  #guarded(check: () => void): void {
    try {
      check()
    } catch (thrown) {
      this.#world.fail(thrown)
    }
  }

  #end(process: SimulatedProcess): void {
    process.kill()
    if (this.#process !== process) return
    this.#process = undefined
    this.#replica = undefined
    this.#players = []
  }
}

function note(clocks: DocumentsClocks, acked: AckedClocks): void {
  for (const [name, known] of clocks) acked.add(name, known)
}
