/** Faults of the network: links that break or hang, and partitions of every shape. */
import type { ReplicaStatus } from '../../src/mesh/replica-status.ts'
import type { Replica } from '../../src/replica.ts'
import type { Fleet } from '../nodes/fleet.ts'
import { relayName } from '../nodes/relay-node.ts'
import { type Fault, type Heal, relayFault } from './fault.ts'

const healed: Heal = () => undefined

export const disconnect: Fault = {
  name: 'disconnect',
  strike({ network, clients, world }) {
    return network.breakLinks(world.dice.pick(clients).name) > 0 ? healed : undefined
  },
}

export const stall: Fault = {
  name: 'stall',
  strike({ network, clients, world }) {
    const { name } = world.dice.pick(clients)
    return network.stall(name, world.dice.between(50, 3000)) > 0 ? healed : undefined
  },
}

/**
 * A proxy that takes messages for datagrams: some are lost, doubled or out of turn, and both ends know
 * of a link on which that cannot be. When it goes, so do the links through it; and whoever took what it
 * heard for a program that is out of order, and dials no more, is told to try again.
 */
export const datagrams: Fault = {
  name: 'datagrams',
  strike(fleet) {
    const { network, clients, evidence, world } = fleet
    const heal = network.garble(world.dice.pick(clients).name, world.dice.pick([0.02, 0.1, 0.5]))
    evidence.disorder = true
    return () => {
      heal()
      for (const { replica } of fleet.up) if (isRefused(replica.status)) retry(replica)
    }
  },
}

function isRefused({ link, peers }: ReplicaStatus): boolean {
  return link === 'refused' || peers.some(({ state }) => state === 'refused')
}

function retry(replica: Replica): void {
  replica.disconnect()
  replica.connect()
}

/** Cuts ways between machines, both ways or one. */
function cutAll(fleet: Fleet, ways: readonly (readonly [string, string])[]): Heal {
  for (const [from, to] of ways) fleet.network.cut(from, to)
  return () => {
    for (const [from, to] of ways) fleet.network.mend(from, to)
  }
}

/** Some of the replicas, at least one. */
function some({ clients, world }: Fleet): string[] {
  const names = world.dice.shuffled(clients.map(({ name }) => name))
  return names.slice(0, 1 + world.dice.below(names.length))
}

/** Some replicas and the relay cannot reach one another. */
export const symmetricPartition: Fault = relayFault('partition symmetric', fleet =>
  cutAll(
    fleet,
    some(fleet).flatMap(name => [
      [name, relayName],
      [relayName, name],
    ]),
  ),
)

/** What some replicas send arrives, what is sent to them does not, or the other way round. */
export const asymmetricPartition: Fault = relayFault('partition asymmetric', fleet =>
  cutAll(
    fleet,
    some(fleet).map(name => (fleet.world.dice.chance(0.5) ? [name, relayName] : [relayName, name])),
  ),
)

/** All but one are cut off, which alone still reaches the relay. */
export const bridgePartition: Fault = relayFault('partition bridge', fleet => {
  const bridge = fleet.world.dice.pick(fleet.replicas)
  const others = fleet.replicas.filter(replica => replica !== bridge)
  return cutAll(
    fleet,
    others.flatMap(({ name }) => [
      [name, relayName],
      [relayName, name],
    ]),
  )
})

/** Each is cut one way, in turn: the odd ones hear nothing, the even ones are not heard. */
export const ringPartition: Fault = relayFault('partition ring', fleet =>
  cutAll(
    fleet,
    fleet.replicas.map(({ name }, index) =>
      index % 2 === 0 ? [name, relayName] : [relayName, name],
    ),
  ),
)

/** Two groups of machines, the relay in one of them, that cannot reach one another. */
export const meshPartition: Fault = {
  name: 'partition mesh',
  strike(fleet) {
    const one = new Set(some(fleet))
    const machines = [...(fleet.relay ? [relayName] : []), ...fleet.clients.map(({ name }) => name)]
    const others = machines.filter(name => !one.has(name))
    if (others.length === 0) return undefined
    return cutAll(
      fleet,
      [...one].flatMap(a => others.flatMap(b => [[a, b] as const, [b, a] as const])),
    )
  },
}

/** What one replica sends another does not arrive; what comes back may. */
export const pairPartition: Fault = {
  name: 'partition pair',
  strike(fleet) {
    const [from, to] = fleet.world.dice.shuffled(fleet.replicas)
    if (from === undefined || to === undefined) return undefined
    const there = [from.name, to.name] as const
    const back = [to.name, from.name] as const
    return cutAll(fleet, fleet.world.dice.chance(0.5) ? [there] : [there, back])
  },
}

/** A replica chooses to be offline. */
export const offline: Fault = {
  name: 'offline',
  strike(fleet) {
    if (fleet.up.length === 0) return undefined
    const node = fleet.world.dice.pick(fleet.up)
    node.replica.disconnect()
    return () => {
      if (node.isUp) node.replica.connect()
    }
  },
}
