/** Profiles: which faults a run has, and how hard they strike. `swarm` draws that too. */
import * as disk from '../faults/disk-faults.ts'
import type { Fault, FaultPlan } from '../faults/fault.ts'
import { hostilePeer } from '../faults/hostile-peer.ts'
import { hostileStranger } from '../faults/hostile-stranger.ts'
import * as machine from '../faults/machine-faults.ts'
import * as network from '../faults/network-faults.ts'
import type { Topology } from '../nodes/topology.ts'
import { workloads } from '../workloads/all.ts'
import type { Workload } from '../workloads/workload.ts'
import type { Dice } from '../world/dice.ts'
import type { Plan } from './plan.ts'

export type ProfileName =
  | 'calm'
  | 'lossy'
  | 'partitioned'
  | 'crashing'
  | 'skewed'
  | 'hostile'
  | 'long-offline'
  | 'datagram'
  | 'swarm'

/** A fault, how often it strikes, and how long it lasts: at least, and on average beyond. */
type FaultRate = readonly [Fault, every: number, atLeast: number, beyond: number]

const links: readonly FaultRate[] = [
  [network.disconnect, 500, 0, 0],
  [network.stall, 700, 0, 0],
]
const garbled: readonly FaultRate[] = [[network.datagrams, 500, 200, 1500]]
const partitions: readonly FaultRate[] = [
  [network.symmetricPartition, 2000, 300, 3000],
  [network.asymmetricPartition, 2500, 300, 3000],
  [network.bridgePartition, 4000, 300, 2000],
  [network.ringPartition, 4000, 300, 2000],
]
const strangers: readonly FaultRate[] = [[hostileStranger, 300, 500, 1000]]
const meshPartitions: readonly FaultRate[] = [
  [network.meshPartition, 1500, 300, 3000],
  [network.pairPartition, 800, 300, 3000],
]
const crashes: readonly FaultRate[] = [
  [machine.replicaCrash, 800, 20, 600],
  [machine.relayCrash, 1500, 20, 600],
  [machine.replicaRestart, 1500, 20, 500],
  [machine.relayRestart, 4000, 20, 500],
]
const disks: readonly FaultRate[] = [
  [disk.slowDisk, 1500, 100, 1000],
  [disk.fullDisk, 2500, 50, 500],
]
const losses: readonly FaultRate[] = [
  [disk.bitFlip, 4000, 20, 400],
  [disk.oldBackup, 1000, 20, 400],
]
const replicaLosses: readonly FaultRate[] = [
  [disk.replicaBitFlip, 3000, 20, 400],
  [disk.replicaLostTail, 2000, 20, 400],
  [disk.replicaOldBackup, 700, 20, 400],
]
const clocks: readonly FaultRate[] = [[machine.clockJump, 500, 0, 0]]
const enemies: readonly FaultRate[] = [[hostilePeer, 300, 500, 1000]]
const absences: readonly FaultRate[] = [[network.offline, 600, 5000, 30_000]]

const everything = [
  ...links,
  ...partitions,
  ...crashes,
  ...disks,
  ...losses,
  ...replicaLosses,
  ...clocks,
  ...enemies,
  ...absences,
]

const profiles: { readonly [name in ProfileName]: readonly FaultRate[] } = {
  calm: [],
  lossy: links,
  partitioned: [...links, ...partitions],
  crashing: [...crashes, ...disks],
  skewed: [...clocks, ...links],
  hostile: [...enemies, ...losses, ...replicaLosses, ...links],
  'long-offline': [...absences, ...links],
  datagram: [...garbled, ...links],
  swarm: everything,
}

const newDisks: readonly FaultRate[] = [[disk.replicaNewDisk, 4000, 20, 400]]
const compactionCrashes: readonly FaultRate[] = [[machine.compactionCrash, 150, 200, 2000]]

type Rates = { readonly [name in ProfileName]?: readonly FaultRate[] }

/** What strikes besides, where anything does: they draw from dice of their own. */
const besides: Rates = {
  crashing: compactionCrashes,
  swarm: compactionCrashes,
}

/** What strikes besides where replicas are linked with one another. */
const meshed: Rates = {
  partitioned: meshPartitions,
  crashing: newDisks,
  hostile: strangers,
  swarm: [...meshPartitions, ...strangers],
}

/** And where there is no relay either. */
const relayless: Rates = {
  ...meshed,
  hostile: [...newDisks, ...strangers],
  swarm: [...meshPartitions, ...newDisks, ...strangers],
}

const byTopology: { readonly [topology in Topology]: Rates } = {
  relay: {},
  mesh: meshed,
  bridge: meshed,
  peers: relayless,
}

/** By which an end hears what no honest one says. */
const unusual: ReadonlySet<Fault> = new Set([hostilePeer, network.datagrams])

export const profileNames: readonly ProfileName[] = Object.keys(profiles) as ProfileName[]

export interface PlanSize {
  operations: number
  /** Drawn from 2 to 6 where it is not given. */
  replicas?: number | undefined
  /** Drawn where it is not given. A workload that needs a relay is then drawn with `relay` alone. */
  topology?: Topology | undefined
}

export function drawPlan(dice: Dice, profile: ProfileName, size: PlanSize): Plan {
  const swarm = profile === 'swarm'
  const harsh = profile === 'skewed' || (swarm && dice.chance(0.3))
  const slowest = dice.pick([2, 10, 80])
  const faults = drawFaults(dice, profiles[profile], swarm)
  const plan = {
    replicas: size.replicas ?? 2 + dice.below(5),
    operations: size.operations,
    network: {
      latency: [0.2, slowest] as const,
      jitter: dice.pick([0.1, 5, 50]),
      bytesPerMillisecond: dice.pick([10, 1000, 100_000]),
    },
    disk: {
      fsync: dice.pick([
        [0.1, 0.5],
        [0.5, 3],
        [2, 20],
      ] as const),
    },
    clocksRight: !harsh && !faults.some(({ fault }) => fault === machine.clockJump),
    skewMilliseconds: harsh ? dice.pick([1000, 30_000, 90_000]) : 50,
    drift: harsh ? 0.01 : 0.0001,
    thinkMilliseconds: dice.pick([1, 5, 30]),
    operationsPerFlush: dice.pick([5, 20]),
    compactionUpdates: dice.pick([20, 100, 500]),
    replicaCompactionUpdates: dice.pick([15, 60, 500]),
    compactionPauseMilliseconds: dice.pick([10, 1000]),
    mergeMilliseconds: dice.pick([0, 20, 300]),
    roomIdleMilliseconds: dice.pick([500, 30_000]),
    idleMilliseconds: dice.pick([200, 30_000]),
  }
  // What was added later draws from dice of its own, so that seeds of before still say the same.
  const own = dice.fork()
  const chosen = drawWorkloads(own, size.topology === undefined || size.topology === 'relay')
  const stockClients = dice.below(3)
  const forward = dice.pick(['durable', 'early'] as const)
  // So short that documents are let go and come back while their changes are being written.
  const idleMilliseconds = own.chance(0.3) ? 2 : plan.idleMilliseconds
  const drawn = drawTopology(own, plan.replicas)
  const topology = chosen.some(({ guarded }) => guarded) ? 'relay' : (size.topology ?? drawn)
  // From dice of its own too: where another topology is asked for, the rest stays as it is.
  const cuts = drawChosen(own.fork(), byTopology[topology][profile] ?? [], swarm)
  const later = [...cuts, ...drawChosen(own, besides[profile] ?? [], swarm)]
  const striking = [...faults, ...later].filter(
    ({ fault }) => topology !== 'peers' || fault.needsRelay !== true,
  )
  const bridges = 1 + own.below(Math.max(1, plan.replicas - 1))
  const peerLinks = own.pick([
    { min: 1, max: 2 },
    { min: 3, max: 4 },
  ])
  const copies = own.pick([2, 2, 3])
  const company = workloads.filter(({ besides }) => besides !== undefined && own.chance(besides))
  return {
    ...plan,
    workloads: [...chosen, ...company],
    stockClients,
    idleMilliseconds,
    topology,
    bridges,
    peerLinks,
    copies,
    hostile: striking.some(({ fault }) => unusual.has(fault)),
    faults: striking,
    forward,
  }
}

function drawTopology(dice: Dice, replicas: number): Topology {
  const drawn = dice.pick(['relay', 'relay', 'relay', 'mesh', 'bridge', 'peers'] as const)
  return drawn === 'peers' && replicas < 2 ? 'relay' : drawn
}

/** One to three, by their weights: each waits for its turn, and the first come. */
function drawWorkloads(dice: Dice, mayBeGuarded: boolean): Workload[] {
  const turns = workloads
    .filter(({ besides }) => besides === undefined)
    .map(workload => ({ workload, after: dice.wait(1 / (workload.weight ?? 1)) }))
  const inTurn = turns
    .sort((a, b) => a.after - b.after)
    .map(({ workload }) => workload)
    .filter(({ guarded }) => mayBeGuarded || guarded !== true)
  const chosen = inTurn.slice(0, 1 + dice.below(3))
  const guarded = chosen.find(workload => workload.guarded)
  return guarded === undefined ? chosen : [guarded]
}

function drawFaults(dice: Dice, rates: readonly FaultRate[], swarm: boolean): FaultPlan[] {
  // What the relay and a replica have both lost is gone: one side loses nothing.
  const spared = new Set(dice.chance(0.5) ? losses : replicaLosses)
  const possible = rates.filter(rate => !spared.has(rate))
  return drawChosen(dice, possible, swarm)
}

function drawChosen(dice: Dice, rates: readonly FaultRate[], swarm: boolean): FaultPlan[] {
  const chosen = swarm ? rates.filter(() => dice.chance(0.4)) : rates
  return chosen.map(([fault, every, atLeast, beyond]) => ({
    name: fault.name,
    fault,
    everyMilliseconds: every * (swarm ? dice.pick([0.3, 1, 3]) : 1),
    lastsMilliseconds: [atLeast, beyond],
  }))
}
