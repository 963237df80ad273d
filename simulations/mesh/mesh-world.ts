/**
 * A world of replicas without a relay, which find one another from one address: production replicas
 * over the simulated network, with an eye on what their links carry.
 */
import * as Y from 'yjs'
import { present } from '../../src/base/assert.ts'
import { definePartition } from '../../src/model/partition-definition.ts'
import { room } from '../../src/model/scope.ts'
import type { RegisterPartition } from '../../src/partition/register/register-partition.ts'
import { openReplica, type Replica } from '../../src/replica.ts'
import type { ReplicaOptions } from '../../src/replica-options.ts'
import { createMemoryStorage } from '../../src/storage/memory-storage.ts'
import { mergeLog } from '../../src/storage/merge-log.ts'
import type { Acceptor } from '../../src/transport/acceptor.ts'
import type { Transport } from '../../src/transport/transport.ts'
import { Clock } from '../world/clock.ts'
import { addressPrefix, Network } from '../world/network.ts'
import { SimulatedProcess } from '../world/process.ts'
import { World } from '../world/world.ts'
import { LinkMeter } from './link-meter.ts'

const Notes = definePartition<string>({ name: 'notes', policy: 'last-write-wins' })

/** The same document, as native types show it. */
const Native = definePartition({ name: 'notes', policy: 'crdt' })

/** One way between any two machines. */
export const latencyMilliseconds = 10

export interface MeshNode {
  readonly name: string
  readonly replica: Replica
  readonly notes: RegisterPartition<string>
  /** The document under it. */
  readonly doc: Y.Doc
}

export class MeshWorld {
  readonly world: World
  readonly network: Network
  readonly meter: LinkMeter = new LinkMeter()
  readonly nodes: MeshNode[] = []
  /** How often somebody was dialled. */
  dials = 0

  constructor(seed: number) {
    this.world = new World({ seed })
    const latency = [latencyMilliseconds, latencyMilliseconds] as const
    this.network = new Network(this.world, { latency, jitter: 0, bytesPerMillisecond: 100_000 })
  }

  /** Opens so many replicas, all of which know the address of the first. */
  async open(count: number, options: Partial<ReplicaOptions> = {}): Promise<void> {
    for (let index = 0; index < count; index++) {
      const node = this.#open(`r${index + 1}`, index === 0 ? [] : [`${addressPrefix}r1`], options)
      this.nodes.push(await this.world.settle(node))
    }
  }

  /** A transport from another machine, of somebody who is no replica. */
  strangerTransport(name: string): Transport {
    return this.network.transport(new SimulatedProcess(this.world, name, new Clock(this.world)))
  }

  /** Lets so much time pass. */
  async pass(milliseconds: number): Promise<void> {
    await this.world.settle(this.world.sleep(milliseconds))
  }

  /** How long it takes until something is so, in milliseconds; fails after a while. */
  async until(what: string, isSo: () => boolean, millisecondsMax = 120_000): Promise<number> {
    const start = this.world.now
    await this.world.run(isSo, start + millisecondsMax)
    if (!isSo()) throw new Error(`not within ${millisecondsMax} ms: ${what}`)
    return this.world.now - start
  }

  /** Cuts every way between two groups of nodes, or mends them all. */
  separate(one: readonly MeshNode[], other: readonly MeshNode[], isCut: boolean): void {
    for (const { name: a } of one) {
      for (const { name: b } of other) {
        if (isCut) this.network.cut(a, b)
        else this.network.mend(a, b)
        if (isCut) this.network.cut(b, a)
        else this.network.mend(b, a)
      }
    }
  }

  /** How many links there are, each counted once. */
  get links(): number {
    return this.nodes.reduce((sum, { replica }) => sum + linkedOf(replica), 0) / 2
  }

  /** The bytes of the smallest updates that give every replica what all together have. */
  lackedBytes(): number {
    const all = new Y.Doc()
    for (const { doc } of this.nodes) Y.applyUpdate(all, Y.encodeStateAsUpdate(doc))
    return this.nodes.reduce(
      (sum, { doc }) => sum + Y.encodeStateAsUpdate(all, Y.encodeStateVector(doc)).length,
      0,
    )
  }

  /** A node drawn at random. */
  anyNode(nodes: readonly MeshNode[] = this.nodes): MeshNode {
    return present(this.world.dice.pick(nodes), 'there are nodes')
  }

  async close(): Promise<void> {
    await this.world.settle(Promise.all(this.nodes.map(({ replica }) => replica.close())))
  }

  async #open(
    name: string,
    peers: readonly string[],
    options: Partial<ReplicaOptions>,
  ): Promise<MeshNode> {
    const process = new SimulatedProcess(this.world, name, new Clock(this.world))
    const replica = await openReplica({
      actor: name,
      storage: createMemoryStorage(),
      listen: this.#acceptor(process),
      peers,
      transport: this.#transport(process),
      time: process.time,
      random: process.random,
      mergeLog,
      ...options,
    })
    const notes = await replica.open(room('r1'), Notes)
    const { doc } = await replica.open(room('r1'), Native)
    return { name, replica, notes, doc }
  }

  #acceptor(process: SimulatedProcess): Acceptor {
    const acceptor = this.network.acceptor(process)
    return {
      listen: (onLink, options) => acceptor.listen(link => onLink(this.meter.watch(link)), options),
    }
  }

  #transport(process: SimulatedProcess): Transport {
    const transport = this.network.transport(process)
    return {
      dial: async (address, options) => {
        this.dials += 1
        return this.meter.watch(await transport.dial(address, options))
      },
    }
  }
}

/** How many peers a replica is linked with. */
export function linkedOf(replica: Replica): number {
  return replica.status.peers.filter(({ state }) => state === 'linked').length
}
