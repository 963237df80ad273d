/** What goes wrong with real processes and the wires between them. */
import type { Dice } from '../world/dice.ts'
import type { FleetMember } from './fleet-member.ts'
import type { ProcessFleet } from './process-fleet.ts'
import { freeWay, type WayConditions } from './proxy-way.ts'

/** Takes a fault back; awaited when its time is over, or when all is healed. */
export type Heal = () => void | Promise<void>

export interface ProcessFault {
  readonly name: string
  /** How often it strikes, in relation to the others. */
  readonly weight: number
  /** How long it lasts: at least, and on average beyond that. */
  readonly lastsMilliseconds: readonly [number, number]
  /** Strikes once; undefined where there was nothing to strike. */
  strike(fleet: ProcessFleet): Promise<Heal | undefined>
}

const healed: Heal = () => undefined

/** Some of the wires, at least one. */
function some({ members, dice }: ProcessFleet): FleetMember[] {
  return dice.shuffled(members).slice(0, 1 + dice.below(members.length))
}

/** A fault of one or both directions of one wire. */
function wireFault(
  name: string,
  weight: number,
  change: (dice: Dice) => Partial<WayConditions>,
): ProcessFault {
  return {
    name,
    weight,
    lastsMilliseconds: [100, 1500],
    async strike({ members, dice }) {
      const free = members.filter(({ proxy }) => !proxy.isStruck)
      if (free.length === 0) return undefined
      const { proxy } = dice.pick(free)
      const ways = dice.pick([[proxy.there], [proxy.back], [proxy.there, proxy.back]])
      proxy.isStruck = true
      for (const way of ways) Object.assign(way, change(dice))
      proxy.changed()
      return () => {
        for (const way of ways) Object.assign(way, freeWay())
        proxy.changed()
        proxy.isStruck = false
      }
    },
  }
}

/** A fault that has hold of one replica's process until it is healed. */
function memberFault(
  fault: Omit<ProcessFault, 'strike'>,
  strike: (member: FleetMember, fleet: ProcessFleet) => Promise<Heal>,
): ProcessFault {
  return {
    ...fault,
    async strike(fleet) {
      const { free, dice } = fleet
      if (free.length === 0) return undefined
      const member = dice.pick(free)
      member.isStruck = true
      const heal = await strike(member, fleet)
      return async () => {
        await heal()
        member.isStruck = false
      }
    },
  }
}

/** A fault that has hold of the relay's process until it is healed. */
function relayFault(
  fault: Omit<ProcessFault, 'strike'>,
  strike: (fleet: ProcessFleet) => Promise<Heal>,
  canStrike: (fleet: ProcessFleet) => boolean = () => true,
): ProcessFault {
  return {
    ...fault,
    async strike(fleet) {
      if (fleet.isRelayStruck || !canStrike(fleet)) return undefined
      fleet.isRelayStruck = true
      const heal = await strike(fleet)
      return async () => {
        await heal()
        fleet.isRelayStruck = false
      }
    },
  }
}

export const processFaults: readonly ProcessFault[] = [
  {
    name: 'link break',
    weight: 4,
    lastsMilliseconds: [0, 0],
    async strike({ members, dice }) {
      return dice.pick(members).proxy.break() > 0 ? healed : undefined
    },
  },
  {
    name: 'partition',
    weight: 4,
    lastsMilliseconds: [200, 1500],
    async strike(fleet) {
      const cut = some(fleet).filter(({ proxy }) => !proxy.isCut)
      if (cut.length === 0) return undefined
      for (const { proxy } of cut) proxy.cut()
      return () => {
        for (const { proxy } of cut) proxy.mend()
      }
    },
  },
  wireFault('hold', 4, () => ({ held: true })),
  wireFault('delay', 3, dice => ({ delayMilliseconds: dice.between(10, 400) })),
  wireFault('throttle', 3, dice => ({ bytesPerMillisecond: dice.between(0.5, 20) })),
  memberFault(
    { name: 'replica SIGKILL', weight: 4, lastsMilliseconds: [0, 800] },
    async (member, fleet) => {
      if (fleet.dice.chance(0.5)) await fleet.nextFlush('local', member)
      await member.kill()
      return () => member.start()
    },
  ),
  memberFault({ name: 'replica restart', weight: 1, lastsMilliseconds: [0, 500] }, async member => {
    await member.stop()
    return () => member.start()
  }),
  memberFault(
    { name: 'replica SIGSTOP', weight: 2, lastsMilliseconds: [100, 2000] },
    async member => {
      member.pause()
      return () => member.resume()
    },
  ),
  relayFault({ name: 'relay SIGKILL', weight: 2, lastsMilliseconds: [0, 800] }, async fleet => {
    if (fleet.dice.chance(0.5)) await fleet.nextFlush('durable')
    await fleet.killRelay()
    if (!fleet.hasBackup || fleet.dice.chance(0.3)) await fleet.backUpRelay()
    return () => fleet.relay.start()
  }),
  relayFault(
    { name: 'relay SIGSTOP', weight: 2, lastsMilliseconds: [100, 1500] },
    async ({ relay }) => {
      relay.signal('SIGSTOP')
      return () => relay.signal('SIGCONT')
    },
  ),
  relayFault(
    { name: 'relay restart', weight: 1, lastsMilliseconds: [0, 500] },
    async ({ relay }) => {
      await relay.end('SIGTERM')
      return () => relay.start()
    },
  ),
  relayFault(
    { name: 'relay old backup', weight: 1, lastsMilliseconds: [0, 500] },
    async fleet => {
      await fleet.killRelay()
      await fleet.restoreRelay()
      return () => fleet.relay.start({ restored: true })
    },
    ({ hasBackup }) => hasBackup,
  ),
]

/** A relay that loses its disk and says nothing: what the checkers must find. */
export const canaryFaults: readonly ProcessFault[] = [
  relayFault(
    { name: 'canary', weight: 1, lastsMilliseconds: [0, 0] },
    async fleet => {
      await fleet.emptyRelay()
      await fleet.checkRelayDisk('emptied, ')
      return () => fleet.relay.start()
    },
    ({ judge }) => judge.durable.documents().length > 0,
  ),
]
