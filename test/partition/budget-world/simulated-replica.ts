/**
 * A replica of the false world: a real document and a real budget on a simulated disk, clock and
 * link. A crash loses what was not on the disk, and the next start has a new clientID; what had
 * gone to the relay by then comes back from there.
 */
import * as Y from 'yjs'
import { StatemeshError } from '../../../src/base/error.ts'
import type { RandomSource } from '../../../src/base/random.ts'
import type { TimeSource } from '../../../src/base/time.ts'
import { HybridClock } from '../../../src/clock/hybrid-clock.ts'
import type { BudgetRules } from '../../../src/model/budget-rules.ts'
import { parseActorId } from '../../../src/model/id.ts'
import { BudgetPartition } from '../../../src/partition/budget/budget-partition.ts'
import type { PartitionHost } from '../../../src/partition/partition-host.ts'
import type { RelayClient, RelayLink, SimulatedRelay } from './simulated-relay.ts'

/** What is planted wrong, to see that it is found. */
export type Fault =
  | 'none'
  /** The disk says durable before it is. */
  | 'lazy-disk'
  /** The relay says durable before it is. */
  | 'lazy-relay'
  /** Clocks are further off than the bound. */
  | 'wild-clocks'
  /** A relay whose backup took over says nothing of it. */
  | 'silent-swap'
  /** A lease is closed without asking the relay for what it has. */
  | 'no-fence'

export interface ReplicaOptions {
  actor: string
  time: TimeSource
  random: RandomSource
  relay: SimulatedRelay
  rules: BudgetRules
  /** How far this replica's wall clock is from the true time, in milliseconds. */
  skewMilliseconds: number
  fault: Fault
}

interface Waiter {
  readonly position: number
  resolve(): void
  reject(error: StatemeshError): void
}

/** The origin of what the relay sent, which need not go back there. */
const remote = Symbol('remote')

export class SimulatedReplica {
  readonly actor: string
  readonly #options: ReplicaOptions
  readonly #disk: Uint8Array[] = []
  readonly #formerWriters: number[] = []
  #writer: number
  #run: Run | undefined

  constructor(options: ReplicaOptions) {
    this.#options = options
    this.actor = options.actor
    this.#writer = options.random.uint32()
    this.start()
  }

  /** The open budget; undefined while the replica is down. */
  get budget(): BudgetPartition | undefined {
    return this.#run?.budget
  }

  get doc(): Y.Doc | undefined {
    return this.#run?.doc
  }

  get isLinked(): boolean {
    return this.#run?.isLinked ?? false
  }

  start(): void {
    this.#run ??= new Run(this.#options, this.#writer, [...this.#formerWriters], this.#disk)
  }

  /** Ends without notice; some of what was being written may still have reached the disk. */
  crash(): void {
    if (this.#run === undefined) return
    this.#run.crash(this.#options.random.uint32())
    this.#run = undefined
    this.#formerWriters.push(this.#writer)
    this.#writer = this.#options.random.uint32()
  }

  /** Ends cleanly and starts again, as the same writer. */
  restart(): void {
    if (this.#run === undefined) return
    this.#run.end()
    this.#run = undefined
    this.start()
  }

  link(): void {
    this.#run?.link()
  }

  unlink(): void {
    this.#run?.unlink()
  }

  /** Nothing reaches the disk until `release`. */
  holdDisk(): void {
    this.#run?.holdDisk(true)
  }

  releaseDisk(): void {
    this.#run?.holdDisk(false)
  }

  /** Takes what another one has, as from a peer; the relay may learn of it from here. */
  pull(other: SimulatedReplica): void {
    if (other === this || this.doc === undefined || other.doc === undefined) return
    Y.applyUpdate(this.doc, Y.encodeStateAsUpdate(other.doc))
  }
}

/** One start of a replica, up to its end. */
class Run implements RelayClient {
  readonly doc: Y.Doc = new Y.Doc()
  readonly budget: BudgetPartition
  readonly #options: ReplicaOptions
  readonly #disk: Uint8Array[]
  /** Written and not on the disk. */
  #journal: Uint8Array[] = []
  #durable = 0
  #writing = false
  #diskHeld = false
  #diskWaiters: Waiter[] = []
  #link: RelayLink | undefined
  #generation: string | undefined
  #linked = false
  #version = 0
  #acked = -1
  #relayWaiters: Waiter[] = []
  #fences = new Set<Waiter>()
  #over = false

  constructor(
    options: ReplicaOptions,
    writer: number,
    formerWriters: readonly number[],
    disk: Uint8Array[],
  ) {
    this.#options = options
    this.#disk = disk
    for (const update of disk) Y.applyUpdate(this.doc, update, remote)
    this.doc.clientID = writer
    this.doc.on('update', this.#record)
    this.link()
    this.budget = new BudgetPartition(options.rules, this.#host(formerWriters))
  }

  get isLinked(): boolean {
    return this.#link !== undefined
  }

  link(): void {
    if (this.#over) return
    this.#link ??= this.#options.relay.connect(this)
  }

  unlink(): void {
    this.#link?.cut()
  }

  crash(draw: number): void {
    const kept = draw % (this.#journal.length + 1)
    this.#disk.push(...this.#journal.slice(0, kept))
    this.#stop()
  }

  end(): void {
    this.#disk.push(...this.#journal)
    this.#durable += this.#journal.length
    this.#journal = []
    this.#resolveDisk()
    this.#stop()
  }

  holdDisk(held: boolean): void {
    this.#diskHeld = held
    this.#write()
  }

  linked(generation: string): void {
    if (this.#generation !== generation) this.#acked = -1
    this.#generation = generation
    this.#linked = true
    this.#link?.send(Y.encodeStateAsUpdate(this.doc), this.#version)
  }

  receive(update: Uint8Array): void {
    if (!this.#over) Y.applyUpdate(this.doc, update, remote)
  }

  acked(sequence: number): void {
    this.#acked = Math.max(this.#acked, sequence)
    this.#relayWaiters = this.#relayWaiters.filter(waiter => {
      if (waiter.position > this.#acked) return true
      waiter.resolve()
      return false
    })
  }

  unlinked(): void {
    this.#link = undefined
    this.#linked = false
    for (const fence of this.#fences) fence.reject(new StatemeshError('LINK_FAILED', 'cut'))
    this.#fences.clear()
  }

  /** The process is gone: nothing that it waited for ever happens. */
  #stop(): void {
    this.#over = true
    this.unlink()
    this.budget.close()
    this.doc.off('update', this.#record)
  }

  readonly #record = (update: Uint8Array, origin: unknown): void => {
    this.#journal.push(update)
    this.#write()
    if (origin === remote) return
    this.#version += 1
    if (this.#linked) this.#link?.send(update, this.#version)
  }

  /** A group commit: what is there now will be durable together, the rest with the next. */
  #write(): void {
    if (this.#writing || this.#diskHeld || this.#journal.length === 0) return
    this.#writing = true
    const count = this.#journal.length
    this.#time().after(1 + (this.#options.random.uint32() % 30), () => {
      this.#writing = false
      if (this.#diskHeld) return
      this.#disk.push(...this.#journal.splice(0, count))
      this.#durable += count
      this.#resolveDisk()
      this.#write()
    })
  }

  #resolveDisk(): void {
    this.#diskWaiters = this.#diskWaiters.filter(waiter => {
      if (waiter.position > this.#durable) return true
      waiter.resolve()
      return false
    })
  }

  #waitForDisk(): Promise<void> {
    const position = this.#durable + this.#journal.length
    if (position <= this.#durable || this.#options.fault === 'lazy-disk') return Promise.resolve()
    return new Promise((resolve, reject) => {
      this.#diskWaiters.push({ position, resolve, reject })
    })
  }

  #flush(timeoutMilliseconds: number): Promise<void> {
    const position = this.#version
    if (position <= this.#acked || this.#options.fault === 'lazy-relay') return Promise.resolve()
    return new Promise((resolve, reject) => {
      const waiter = { position, resolve, reject }
      this.#relayWaiters.push(waiter)
      this.#time().after(timeoutMilliseconds, () => {
        this.#relayWaiters = this.#relayWaiters.filter(other => other !== waiter)
        reject(new StatemeshError('FLUSH_TIMEOUT', 'no ack'))
      })
    })
  }

  #fence(timeoutMilliseconds: number): Promise<void> {
    if (this.#options.fault === 'no-fence') return Promise.resolve()
    if (!this.#linked) return Promise.reject(new StatemeshError('LINK_FAILED', 'no link'))
    return new Promise((resolve, reject) => {
      const waiter = { position: 0, resolve, reject }
      this.#fences.add(waiter)
      this.#link?.fence(() => {
        this.#fences.delete(waiter)
        resolve()
      })
      this.#time().after(timeoutMilliseconds, () => {
        this.#fences.delete(waiter)
        reject(new StatemeshError('FLUSH_TIMEOUT', 'no answer'))
      })
    })
  }

  #time(): TimeSource {
    const { time, skewMilliseconds } = this.#options
    return {
      now: () => time.now() + skewMilliseconds,
      monotonic: () => time.monotonic(),
      after: (milliseconds, callback) => {
        return time.after(milliseconds, () => {
          if (!this.#over) callback()
        })
      },
    }
  }

  #host(formerWriters: readonly number[]): PartitionHost {
    const time = this.#time()
    return {
      doc: this.doc,
      actor: parseActorId(this.#options.actor),
      clock: new HybridClock({ time }),
      time,
      formerWriters: () => formerWriters,
      relay: {
        generation: () => this.#generation,
        fence: ({ timeoutMilliseconds = 5_000 }) => this.#fence(timeoutMilliseconds),
      },
      durable: () => this.#waitForDisk(),
      flush: ({ timeoutMilliseconds = 5_000 }) => this.#flush(timeoutMilliseconds),
      report: () => {},
      release: () => {},
    }
  }
}
