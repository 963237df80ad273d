/** Faults of disks. Those that lose data strike the relay alone: its replicas bring it back. */
import type { Fault } from './fault.ts'

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
export const bitFlip: Fault = {
  name: 'bit flip',
  strike({ relay }) {
    relay.crash()
    relay.loseData()
    const flipped = relay.disk.flipBit()
    const heal = () => relay.start()
    if (flipped) return heal
    heal()
    return undefined
  },
}

/** The relay comes back from a backup that was made while it ran. */
export const oldBackup: Fault = {
  name: 'old backup',
  strike({ relay, world }) {
    if (!relay.isUp) return undefined
    if (world.dice.chance(0.5) || !relay.disk.hasBackup) {
      relay.disk.backUp()
      return undefined
    }
    relay.crash()
    relay.loseData()
    relay.disk.restore()
    return () => relay.start()
  },
}
