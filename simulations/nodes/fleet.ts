/** The machines of a run: some replicas and one relay, on a network, with what they are checked by. */
import { GrantedContent } from '../checkers/granted-content.ts'
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
import type { FleetPlan, Topology } from './fleet-plan.ts'
import { RelayNode } from './relay-node.ts'
import { ReplicaNode } from './replica-node.ts'
import { StockNode } from './stock-node.ts'

export class Fleet {
  readonly world: World
  readonly network: Network
  readonly relay: RelayNode
  readonly replicas: readonly ReplicaNode[]
  readonly stocks: readonly StockNode[]
  readonly evidence: Evidence = new Evidence()
  readonly topology: Topology

  constructor(world: World, plan: FleetPlan) {
    this.world = world
    this.network = new Network(world, plan.network)
    const { dice } = world
    const clock = () => {
      const skew = dice.between(-plan.skewMilliseconds, plan.skewMilliseconds)
      return new Clock(world, { skew, rate: 1 + dice.between(-plan.drift, plan.drift) })
    }
    const { evidence, network } = this
    const relayClock = clock()
    const guard = plan.workloads.some(({ guarded }) => guarded)
      ? this.#guard(relayClock, plan)
      : undefined
    this.relay = new RelayNode({
      world,
      network,
      clock: relayClock,
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
    const workloads = plan.workloads.map(workload => workload.plan(dice, plan))
    const { topology, peerLinks } = plan
    this.topology = topology
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
        hasRelay: topology !== 'bridge' || index < plan.bridges,
        // Each is told of the next one, and hears of the others.
        ...(topology !== 'relay' && {
          mesh: { peer: names[(index + 1) % names.length] as string, links: peerLinks },
        }),
      })
    })
    const stockClients = plan.workloads.includes(native) ? plan.stockClients : 0
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
    return [this.relay, ...this.replicas]
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
    const { durable, replicated, losses } = this.evidence
    for (const { name, docs } of this.up) {
      for (const [document, doc] of docs) {
        durable.check(name, document, liveClocks(doc))
        // Where one machine lost it, another has it; two may have been all that had it.
        if (losses.size < 2) replicated.check(name, document, liveClocks(doc))
      }
    }
  }

  /** How many changes were acknowledged as durable, and how many of them somebody still holds. */
  countAcked(): { acked: number; survived: number } {
    const total = { acked: 0, survived: 0 }
    for (const document of this.evidence.durable.documents()) {
      const held = this.replicas.flatMap(({ docs }) => docs.get(document) ?? [])
      const { acked, survived } = this.evidence.durable.count(document, [
        liveClocks(this.relay.stored(document)),
        ...held.map(liveClocks),
      ])
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

  #guard(clock: Clock, { clocksRight }: FleetPlan): Guard {
    const { world, evidence } = this
    const revoke = (tokenId: string) => this.relay.revoke(tokenId)
    const authority = new Authority({ world, clock, clocksRight, revoke })
    const { losses } = evidence
    return { authority, content: new GrantedContent({ world, authority, losses }) }
  }

  get #players(): Player[] {
    return this.up.flatMap(({ players }) => players)
  }

  /** Closes everything in peace. @throws Violation where something is left behind */
  async stop(): Promise<void> {
    for (const stock of this.stocks) stock.stop()
    const lingering = { lingerMilliseconds: 60_000 }
    await Promise.all(this.replicas.map(replica => replica.stop(lingering)))
    await this.relay.stop(lingering)
  }
}
