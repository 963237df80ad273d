/** The machines of a run: some replicas and most often a relay, on a network, with what they are checked by. */
import { GrantedContent } from '../checkers/granted-content.ts'
import { checkNoTrace } from '../checkers/no-trace.ts'
import { liveClocks } from '../oracle/document-clocks.ts'
import { native, nativeDocument } from '../workloads/native.ts'
import type { Guard, Player } from '../workloads/workload.ts'
import { Clock } from '../world/clock.ts'
import { Disk } from '../world/disk.ts'
import { Network } from '../world/network.ts'
import type { SimulatedProcess } from '../world/process.ts'
import type { World } from '../world/world.ts'
import { Authority } from './authority.ts'
import { Evidence } from './evidence.ts'
import type { FleetPlan } from './fleet-plan.ts'
import { RelayNode } from './relay-node.ts'
import { ReplicaNode } from './replica-node.ts'
import { StockNode } from './stock-node.ts'
import type { Topology } from './topology.ts'

export class Fleet {
  readonly world: World
  readonly network: Network
  /** Undefined where all are `peers`. */
  readonly relay: RelayNode | undefined
  readonly replicas: readonly ReplicaNode[]
  readonly stocks: readonly StockNode[]
  readonly evidence: Evidence = new Evidence()
  readonly topology: Topology
  /** On how many disks a flush to several has what was written. */
  readonly copies: number

  constructor(world: World, plan: FleetPlan) {
    this.world = world
    this.network = new Network(world, plan.network)
    const { dice } = world
    const clock = () => {
      const skew = dice.between(-plan.skewMilliseconds, plan.skewMilliseconds)
      return new Clock(world, { skew, rate: 1 + dice.between(-plan.drift, plan.drift) })
    }
    const { evidence, network } = this
    const { topology, peerLinks } = plan
    this.topology = topology
    this.copies = Math.min(plan.copies, Math.max(2, plan.replicas))
    const relayClock = clock()
    const guard = plan.workloads.some(({ guarded }) => guarded)
      ? this.#guard(relayClock, plan)
      : undefined
    this.relay = topology === 'peers' ? undefined : this.#makeRelay(relayClock, plan, guard)
    const workloads = plan.workloads.map(workload => workload.plan(dice, plan))
    const { relay, copies } = this
    const names = Array.from({ length: plan.replicas }, (_, index) => `r${index + 1}`)
    this.replicas = names.map((name, index) => {
      const disk = new Disk(world, name, plan.disk)
      return new ReplicaNode({
        world,
        name,
        clock: clock(),
        disk,
        network,
        workloads,
        idleMilliseconds: plan.idleMilliseconds,
        compactionUpdates: plan.replicaCompactionUpdates,
        evidence,
        guard,
        forward: plan.forward,
        hasRelay: relay !== undefined && (topology !== 'bridge' || index < plan.bridges),
        copies,
        safest: relay === undefined ? { level: 'replicated', n: copies } : { level: 'durable' },
        // Each is told of the next one, and hears of the others.
        ...(topology !== 'relay' && {
          mesh: { peer: names[(index + 1) % names.length] as string, links: peerLinks },
        }),
      })
    })
    evidence.keepers.push(...this.nodes)
    const stockClients = relay && plan.workloads.includes(native) ? plan.stockClients : 0
    this.stocks = Array.from({ length: stockClients }, (_, index) => {
      const name = `stock${index + 1}`
      const document = nativeDocument
      return new StockNode({ world, name, clock: clock(), network, document, evidence })
    })
  }

  /** Whose links may break: all but the relay. */
  get clients(): readonly { readonly name: string }[] {
    return [...this.replicas, ...this.stocks]
  }

  get nodes(): readonly (ReplicaNode | RelayNode)[] {
    return this.relay === undefined ? this.replicas : [this.relay, ...this.replicas]
  }

  /**
   * The replicas whose disks may lose data, where nobody brings it back but the others: what a flush took
   * to so many disks is then on another. Those that have lost some already, and more until there are so many.
   */
  get expendable(): readonly ReplicaNode[] {
    const { losses } = this.evidence
    if (losses.size < this.copies - 1) return this.replicas
    return losses.size < this.copies ? this.replicas.filter(({ name }) => losses.has(name)) : []
  }

  get up(): ReplicaNode[] {
    return this.replicas.filter(({ isUp }) => isUp)
  }

  get processes(): SimulatedProcess[] {
    return this.nodes.flatMap(({ process }) => process ?? [])
  }

  start(): void {
    for (const node of [...this.nodes, ...this.stocks]) node.start()
  }

  /** @throws Violation where anybody lacks what was acknowledged as durable */
  checkDurable(): void {
    const { copies } = this
    const { durable, replicated, losses } = this.evidence
    for (const { name, docs } of this.up) {
      for (const [document, doc] of docs) {
        durable.check(name, document, liveClocks(doc))
        // Where fewer machines lost it, another has it; so many may have been all that had it.
        if (losses.size < copies) replicated.check(name, document, liveClocks(doc))
      }
    }
  }

  /**
   * How many changes were acknowledged as durable at the relay, or replicated where there is none, and how many
   * of them somebody still holds.
   */
  countAcked(): { acked: number; survived: number } {
    const { relay, evidence } = this
    const all = relay === undefined ? evidence.replicated : evidence.durable
    const total = { acked: 0, survived: 0 }
    for (const document of all.documents()) {
      const held = this.replicas.flatMap(({ docs }) => docs.get(document) ?? [])
      const places = relay === undefined ? held : [relay.stored(document), ...held]
      const { acked, survived } = all.count(document, places.map(liveClocks))
      total.acked += acked
      total.survived += survived
    }
    return total
  }

  /** All is healed: players finish what all shall agree on. */
  async settle(): Promise<void> {
    await Promise.all(this.#players.map(player => player.settle?.()))
  }

  /** All agree: players look for the last time. */
  async conclude(): Promise<void> {
    await Promise.all(this.#players.map(player => player.conclude?.()))
  }

  #makeRelay(clock: Clock, plan: FleetPlan, guard: Guard | undefined): RelayNode {
    const { world, network, evidence } = this
    return new RelayNode({
      world,
      network,
      clock,
      verifier: guard && (time => guard.authority.verifier(time)),
      disk: new Disk(world, 'relay', plan.disk),
      compactionUpdates: plan.compactionUpdates,
      compactionPauseMilliseconds: plan.compactionPauseMilliseconds,
      mergeMilliseconds: plan.mergeMilliseconds,
      roomIdleMilliseconds: plan.roomIdleMilliseconds,
      forward: plan.forward,
      hostile: plan.hostile,
      evidence,
    })
  }

  #guard(clock: Clock, { clocksRight }: FleetPlan): Guard {
    const { world, evidence } = this
    const revoke = (tokenId: string) => this.relay?.revoke(tokenId)
    const authority = new Authority({ world, clock, clocksRight, revoke })
    const { losses } = evidence
    return { authority, content: new GrantedContent({ world, authority, losses }) }
  }

  get #players(): Player[] {
    return this.up.flatMap(({ players }) => players)
  }

  /**
   * All has ended in peace.
   *
   * @throws Violation where a disk lacks what was acknowledged, or has what is never to be stored
   */
  checkDisks(): void {
    this.relay?.checkDisk()
    for (const { name, disk } of this.nodes) checkNoTrace(name, disk)
    const { replicated, losses } = this.evidence
    if (losses.size >= this.copies) return
    for (const document of replicated.documents()) {
      for (const node of this.replicas) {
        replicated.check(`the disk of ${node.name}`, document, liveClocks(node.stored(document)))
      }
    }
  }

  /** Closes everything in peace. @throws Violation where something is left behind */
  async stop(): Promise<void> {
    for (const stock of this.stocks) stock.stop()
    const lingering = { lingerMilliseconds: 60_000 }
    await Promise.all(this.replicas.map(replica => replica.stop(lingering)))
    await this.relay?.stop(lingering)
  }
}
