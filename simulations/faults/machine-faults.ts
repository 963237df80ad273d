/** Faults of machines: crashes, stops in peace, and clocks that jump. */
import { type Fault, relayFault } from './fault.ts'

export const replicaCrash: Fault = {
  name: 'replica crash',
  strike({ replicas, world }) {
    const running = replicas.filter(({ process }) => process !== undefined)
    if (running.length === 0) return undefined
    const node = world.dice.pick(running)
    if (node.disk.busy) world.marks.hit('replica crash while writing')
    node.crash()
    return () => node.start()
  },
}

export const relayCrash: Fault = relayFault('relay crash', ({ world }, relay) => {
  if (relay.process === undefined) return undefined
  if (relay.disk.busy) world.marks.hit('relay crash while writing')
  relay.crash()
  return () => relay.start()
})

/** A replica or the relay loses power while the log of a document is replaced by what it adds up to. */
export const compactionCrash: Fault = {
  name: 'crash in a compaction',
  strike({ nodes, world }) {
    const node = world.dice.pick(nodes)
    node.disk.onReplace(() => node.crash())
    return () => {
      node.disk.onReplace(undefined)
      node.start()
    }
  },
}

export const replicaRestart: Fault = {
  name: 'replica restart',
  strike(fleet) {
    if (fleet.up.length === 0) return undefined
    const node = fleet.world.dice.pick(fleet.up)
    const stopped = node.stop()
    return () => {
      stopped.then(
        () => node.start(),
        thrown => fleet.world.fail(thrown),
      )
    }
  },
}

export const relayRestart: Fault = relayFault('relay restart', ({ world }, relay) => {
  if (!relay.isUp) return undefined
  const stopped = relay.stop()
  return () => {
    stopped.then(
      () => relay.start(),
      thrown => world.fail(thrown),
    )
  }
})

export const clockJump: Fault = {
  name: 'clock jump',
  strike({ nodes, world }) {
    world.dice.pick(nodes).clock.jump(world.dice.between(-30_000, 30_000))
    return () => undefined
  },
}
