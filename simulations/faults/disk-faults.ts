/**
 * Faults of disks. Those that lose what was durable strike either the relay, whose replicas bring it
 * back, or the replicas, who get it back from the relay; never both in one run, since what both have
 * lost is gone. Where there is no relay they strike so few replicas that another has what was acknowledged.
 */
import type { Fleet } from '../nodes/fleet.ts'
import type { ReplicaNode } from '../nodes/replica-node.ts'
import { type Fault, type Heal, relayFault } from './fault.ts'

export const slowDisk: Fault = {
  name: 'slow fsync',
  strike({ nodes, world }) {
    const { disk } = world.dice.pick(nodes)
    disk.setSlowness(world.dice.between(5, 100))
    return () => disk.setSlowness(1)
  },
}

export const fullDisk: Fault = {
  name: 'full disk',
  strike({ nodes, world }) {
    const { disk } = world.dice.pick(nodes)
    disk.setFull(true)
    return () => disk.setFull(false)
  },
}

/** A bit of a stored update flips while the relay is down. */
export const bitFlip: Fault = relayFault('bit flip', (_, relay) => {
  relay.crash()
  relay.loseData()
  const flipped = relay.disk.flipBit()
  const heal = () => relay.start()
  if (flipped) return heal
  heal()
  return undefined
})

/** The relay comes back from a backup that was made while it ran. */
export const oldBackup: Fault = relayFault('old backup', ({ world }, relay) => {
  if (!relay.isUp) return undefined
  if (world.dice.chance(0.5) || !relay.disk.hasBackup) {
    relay.disk.backUp()
    return undefined
  }
  relay.crash()
  relay.loseData()
  relay.disk.restore()
  return () => relay.start()
})

/** The replicas whose disks may lose data: all, where the relay brings it back. */
function losers({ relay, replicas, expendable }: Fleet): readonly ReplicaNode[] {
  return relay === undefined ? expendable : replicas
}

function losersUp(fleet: Fleet): readonly ReplicaNode[] {
  return losers(fleet).filter(({ isUp }) => isUp)
}

/** Takes something from the disk of a replica while it is down. */
function strikeReplica(node: ReplicaNode, lose: () => boolean): Heal | undefined {
  node.crash()
  const heal = () => node.start()
  if (lose()) {
    node.loseData()
    return heal
  }
  heal()
  return undefined
}

/** A bit of an update that a replica has stored flips. */
export const replicaBitFlip: Fault = {
  name: 'replica bit flip',
  strike(fleet) {
    const node = fleet.world.dice.pick(losers(fleet))
    return strikeReplica(node, () => node.disk.flipBit())
  },
}

/** A replica loses the last of what it had made durable since it started, as LevelDB may. */
export const replicaLostTail: Fault = {
  name: 'replica lost tail',
  strike(fleet) {
    const up = losersUp(fleet)
    if (up.length === 0) return undefined
    const node = fleet.world.dice.pick(up)
    return strikeReplica(node, () => node.disk.loseTail())
  },
}

/**
 * A replica comes back with a new disk: what a flush took to several machines is still on one. So they are the
 * same replicas each time, fewer than those, and none where others lost data.
 */
export const replicaNewDisk: Fault = {
  name: 'replica new disk',
  strike({ expendable, world }) {
    if (expendable.length === 0) return undefined
    const node = world.dice.pick(expendable)
    return strikeReplica(node, () => {
      node.disk.wipe()
      return true
    })
  },
}

/** A replica comes back from a backup that was made while it ran. */
export const replicaOldBackup: Fault = {
  name: 'replica old backup',
  strike(fleet) {
    const { dice } = fleet.world
    const up = losersUp(fleet)
    if (up.length === 0) return undefined
    const node = dice.pick(up)
    if (!node.disk.hasBackup || dice.chance(0.5)) {
      node.disk.backUp()
      return undefined
    }
    return strikeReplica(node, () => node.disk.restore())
  },
}
