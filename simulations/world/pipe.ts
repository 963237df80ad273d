/**
 * One direction of a link: packets that arrive in order, after latency and bandwidth had their say;
 * unless something in between takes messages for datagrams.
 */
import { Queue } from '../../src/base/queue.ts'
import type { World } from './world.ts'

export interface Ending {
  readonly code: number
  readonly reason: string
}

export type Packet =
  | { readonly kind: 'message'; readonly bytes: Uint8Array }
  /** The sender closed, and sends nothing more. */
  | { readonly kind: 'ending'; readonly ending: Ending }
  /** The answer to an ending. */
  | { readonly kind: 'echo' }
  /** The other end is no more, as the machine at the other end says, or nobody any longer. */
  | { readonly kind: 'broken' }

/** What becomes of a message. `held`: it arrives behind the one that is sent after it. */
export type Fate = 'whole' | 'lost' | 'doubled' | 'held'

export interface PipeOptions {
  world: World
  label: string
  /** Draws how long the next packet of so many bytes is under way, and how long it takes to leave. */
  conditions(bytes: number): { leaving: number; travelling: number }
  /** Whether packets get through now; `resume` is called when they do again. */
  isOpen(): boolean
  /** Says what becomes of the next message. */
  fate(): Fate
  deliver(packet: Packet): void
}

export class Pipe {
  readonly #options: PipeOptions
  readonly #packets = new Queue<Packet>()
  #bytes = 0
  /** How many packets are at the other end but for what holds the pipe up. */
  #arrived = 0
  #lineFreeAt = 0
  #lastArrival = 0
  #stalledUntil = 0
  #stepScheduled = false
  #cut = false
  /** A message that waits for the next one to go first. */
  #held: Packet | undefined

  constructor(options: PipeOptions) {
    this.#options = options
  }

  /** What was sent and has not been delivered. */
  get bytes(): number {
    return this.#bytes
  }

  send(packet: Packet): void {
    if (this.#cut) return
    const fate = packet.kind === 'message' ? this.#options.fate() : 'whole'
    if (fate === 'lost') return
    const before = this.#held
    this.#held = undefined
    if (fate === 'held' && before === undefined) {
      this.#held = packet
      return
    }
    // Nothing comes behind the end.
    if (before && packet.kind !== 'message') this.#put(before)
    this.#put(packet)
    if (fate === 'doubled') this.#put(packet)
    if (before && packet.kind === 'message') this.#put(before)
  }

  #put(packet: Packet): void {
    const { world, conditions, label } = this.#options
    const bytes = packet.kind === 'message' ? packet.bytes.length : 0
    const { leaving, travelling } = conditions(bytes)
    this.#bytes += bytes
    this.#packets.push(packet)
    this.#lineFreeAt = Math.max(world.now, this.#lineFreeAt) + leaving
    this.#lastArrival = Math.max(this.#lastArrival, this.#lineFreeAt + travelling)
    world.after(this.#lastArrival - world.now, label, () => {
      this.#arrived += 1
      this.#step()
    })
  }

  /** Holds everything up for a while. */
  stall(milliseconds: number): void {
    const { world } = this.#options
    this.#stalledUntil = Math.max(this.#stalledUntil, world.now + milliseconds)
    world.after(milliseconds, 'stall over', () => this.resume())
  }

  /** What held the pipe up may be over. */
  resume(): void {
    this.#stepLater()
  }

  /** Loses what is under way. */
  lose(): void {
    while (this.#packets.shift() !== undefined);
    this.#arrived = 0
    this.#bytes = 0
    this.#held = undefined
    // Arrivals of what was lost are still in the queue of events, and must not count for others.
    this.#cut = true
  }

  #stepLater(): void {
    if (this.#stepScheduled || this.#arrived === 0) return
    this.#stepScheduled = true
    this.#options.world.after(0, this.#options.label, () => {
      this.#stepScheduled = false
      this.#step()
    })
  }

  /** One packet an event, so that everybody reacts to it before the next. */
  #step(): void {
    const { world, isOpen, deliver } = this.#options
    if (this.#cut || this.#arrived === 0) return
    if (world.now < this.#stalledUntil || !isOpen()) return
    const packet = this.#packets.shift()
    if (packet === undefined) return
    this.#arrived -= 1
    if (packet.kind === 'message') this.#bytes -= packet.bytes.length
    this.#stepLater()
    deliver(packet)
  }
}
