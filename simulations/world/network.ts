/**
 * The network of a world: links with latency, jitter and bandwidth between named machines, which
 * can be cut from one another in either direction, held up, or broken.
 */
import { StatemeshError } from '../../src/base/error.ts'
import type { Acceptor } from '../../src/transport/acceptor.ts'
import type { DialOptions, Link, Transport } from '../../src/transport/transport.ts'
import { markFrames } from './frame-marks.ts'
import { SimulatedLink } from './link.ts'
import { type Fate, Pipe } from './pipe.ts'
import type { SimulatedProcess } from './process.ts'
import type { World } from './world.ts'

export interface NetworkConditions {
  /** The least and the most that a way between two machines takes, in milliseconds. */
  readonly latency: readonly [number, number]
  /** On top of the latency, drawn for each packet. */
  readonly jitter: number
  readonly bytesPerMillisecond: number
}

export interface SimulatedListener {
  readonly process: SimulatedProcess
  readonly messageBytesMax: number
  /** @param path what stands behind the name of the machine, from its first slash; `/` without one */
  onLink(link: Link, from: string, path: string, token: string | undefined): void
}

interface Connection {
  readonly ends: readonly [SimulatedLink, SimulatedLink]
  readonly pipes: readonly [Pipe, Pipe]
}

export const addressPrefix = 'sim:'

export class Network {
  readonly #world: World
  readonly #conditions: NetworkConditions
  readonly #listeners = new Map<string, SimulatedListener>()
  readonly #connections = new Set<Connection>()
  /** How many faults cut one machine's way to another. */
  readonly #cuts = new Map<string, number>()
  readonly #latencies = new Map<string, number>()
  readonly #garbled = new Map<string, number>()

  constructor(world: World, conditions: NetworkConditions) {
    this.#world = world
    this.#conditions = conditions
  }

  /** How many connections are open. */
  get connections(): number {
    return this.#connections.size
  }

  /** The bytes on the way in all connections. */
  get bytesUnderWay(): number {
    let bytes = 0
    for (const { pipes } of this.#connections) bytes += pipes[0].bytes + pipes[1].bytes
    return bytes
  }

  /** Accepts links at an address (`sim:` and a name) until the process dies or another listens. */
  listen(address: string, listener: SimulatedListener): void {
    this.#listeners.set(address, listener)
  }

  /** The port of acceptors, at the address of a process's machine. */
  acceptor(process: SimulatedProcess): Acceptor {
    const address = addressPrefix + process.name
    return {
      listen: async (onLink, { messageBytesMax }) => {
        const accept = (link: Link) => {
          this.#world.marks.hit('peers linked')
          onLink(link)
        }
        const listener = { process, messageBytesMax, onLink: accept }
        this.listen(address, listener)
        const close = async () => {
          if (this.#listeners.get(address) === listener) this.#listeners.delete(address)
        }
        return { address, close }
      },
    }
  }

  transport(process: SimulatedProcess): Transport {
    return { dial: (address, options) => this.#dial(process, address, options) }
  }

  /** Cuts the way from one machine to another; the way back is another one. */
  cut(from: string, to: string): void {
    const way = wayOf(from, to)
    this.#cuts.set(way, (this.#cuts.get(way) ?? 0) + 1)
  }

  /** Takes one cut back. What waited on the way is delivered, if nothing else cuts it. */
  mend(from: string, to: string): void {
    const way = wayOf(from, to)
    const left = (this.#cuts.get(way) ?? 0) - 1
    if (left > 0) this.#cuts.set(way, left)
    else this.#cuts.delete(way)
    for (const { pipes } of this.#connections) for (const pipe of pipes) pipe.resume()
  }

  isCut(from: string, to: string): boolean {
    return this.#cuts.has(wayOf(from, to))
  }

  /** Breaks the links of a machine; both ends notice at once. Answers how many. */
  breakLinks(machine: string): number {
    const broken = this.#of(machine)
    for (const { ends, pipes } of broken) {
      for (const pipe of pipes) pipe.lose()
      for (const end of ends) {
        this.#world.after(0, 'link breaks', () => end.breakOff())
      }
    }
    return broken.length
  }

  /** Holds up the links of a machine. Answers how many. */
  stall(machine: string, milliseconds: number): number {
    const held = this.#of(machine)
    for (const { pipes } of held) for (const pipe of pipes) pipe.stall(milliseconds)
    return held.length
  }

  /**
   * Puts something in front of a machine that takes messages for datagrams: it loses, doubles or holds
   * back each with a probability, until the returned function takes it away, and its links with it.
   */
  garble(machine: string, probability: number): () => void {
    this.#garbled.set(machine, probability)
    return () => {
      this.#garbled.delete(machine)
      this.breakLinks(machine)
    }
  }

  #fate(from: string, to: string): Fate {
    if (this.#garbled.size === 0) return 'whole'
    const probability = this.#garbled.get(from) ?? this.#garbled.get(to)
    const { dice, marks } = this.#world
    if (probability === undefined || !dice.chance(probability)) return 'whole'
    const fate = dice.pick(['lost', 'doubled', 'held'] as const)
    marks.hit(`message ${fate}`)
    return fate
  }

  #of(machine: string): Connection[] {
    return [...this.#connections].filter(({ ends }) =>
      ends.some(({ process }) => process.name === machine),
    )
  }

  async #dial(from: SimulatedProcess, address: string, options: DialOptions): Promise<Link> {
    if (!address.startsWith(addressPrefix)) {
      throw new StatemeshError('OPTION_INVALID', `the address does not begin with ${addressPrefix}`)
    }
    return new Promise((resolve, reject) => {
      const { world } = from
      const slash = address.indexOf('/')
      const [machine, path] =
        slash < 0 ? [address, '/'] : [address.slice(0, slash), address.slice(slash)]
      const to = machine.slice(addressPrefix.length)
      let over = false
      const end = (settle: () => void) => {
        // What is dead hears nothing any more.
        if (!over && from.alive) settle()
        over = true
        cancel()
      }
      const fail = (why: string) => end(() => reject(new StatemeshError('LINK_FAILED', why)))
      const cancel = world.after(options.timeoutMilliseconds, 'dial gives up', () =>
        fail(`${address} does not answer`),
      )
      this.#travel(from.name, to, 'dial', () => {
        const listener = this.#listeners.get(machine)
        if (!listener?.process.alive) {
          return this.#travel(to, from.name, 'refusal', () => fail(`nobody listens to ${address}`))
        }
        if (!from.alive) return
        const dialled = this.#connect(from, listener, { ...options, path })
        this.#travel(to, from.name, 'answer', () => {
          if (over) dialled.close(1000, '')
          else end(() => resolve(dialled))
        })
      })
    })
  }

  /** Something small goes one way; nothing happens where the way is cut. */
  #travel(from: string, to: string, label: string, arrive: () => void): void {
    const { travelling } = this.#draw(wayOf(from, to), 0)
    this.#world.after(travelling, label, () => {
      if (!this.isCut(from, to)) arrive()
    })
  }

  #connect(
    from: SimulatedProcess,
    listener: SimulatedListener,
    { messageBytesMax, path, token }: DialOptions & { path: string },
  ): Link {
    const world = this.#world
    const onSent = (message: Uint8Array) => {
      world.trace.addBytes(message)
      markFrames(world.marks, message)
    }
    const onGone = () => {
      if (!dialled.isOpen && !accepted.isOpen) this.#connections.delete(connection)
    }
    const dialled: SimulatedLink = new SimulatedLink({
      process: from,
      side: 'dialled',
      messageBytesMax,
      onSent,
      onGone,
    })
    const accepted: SimulatedLink = new SimulatedLink({
      process: listener.process,
      side: 'accepted',
      messageBytesMax: listener.messageBytesMax,
      onSent,
      onGone,
    })
    const there = this.#pipe(dialled, accepted)
    const back = this.#pipe(accepted, dialled)
    dialled.connect(there, back)
    accepted.connect(back, there)
    const connection: Connection = { ends: [dialled, accepted], pipes: [there, back] }
    this.#connections.add(connection)
    listener.onLink(accepted, from.name, path, token)
    return dialled
  }

  #pipe(sender: SimulatedLink, receiver: SimulatedLink): Pipe {
    const [from, to] = [sender.process.name, receiver.process.name]
    const way = wayOf(from, to)
    return new Pipe({
      world: this.#world,
      label: way,
      conditions: bytes => this.#draw(way, bytes),
      isOpen: () => receiver.ready && !this.#cuts.has(way),
      fate: () => this.#fate(from, to),
      deliver: packet => receiver.receive(packet),
    })
  }

  #draw(way: string, bytes: number): { leaving: number; travelling: number } {
    const { latency, jitter, bytesPerMillisecond } = this.#conditions
    const { dice } = this.#world
    let base = this.#latencies.get(way)
    if (base === undefined) {
      base = dice.between(...latency)
      this.#latencies.set(way, base)
    }
    return { leaving: bytes / bytesPerMillisecond, travelling: base + dice.between(0, jitter) }
  }
}

function wayOf(from: string, to: string): string {
  return `${from}>${to}`
}
