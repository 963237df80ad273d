/**
 * What goes wrong while the agents work. Each fault waits for a mark of progress, never for a
 * time, and an agent gets no further than the mark before the fault has struck; so every run has
 * every fault in the middle of work.
 */
import type { Fleet } from './fleet.ts'
import type { Member } from './member.ts'

/** Plays all faults, which overlap; resolves when all is mended again. */
export async function playFaults(fleet: Fleet): Promise<void> {
  await Promise.all([
    cutOffAgent(fleet, fleet.member('bela')),
    killAgent(fleet, fleet.member('cleo')),
    fleet.isPeerToPeer ? joinLate(fleet) : killRelay(fleet),
  ])
}

/** Cuts an agent's wire for more than half of its work; it goes on writing. */
async function cutOffAgent(fleet: Fleet, member: Member): Promise<void> {
  await fleet.memberReaches(member, 0.2)
  member.cut()
  const before = member.writes
  await fleet.memberReaches(member, 0.75)
  const whom = fleet.isPeerToPeer ? 'everybody' : 'the relay'
  member.faults.push(`cut off from ${whom} for ${member.writes - before} writes`)
  member.mend()
}

/**
 * Kills an agent with SIGKILL in the middle of a section, and starts it on the same directory; among
 * peers on an empty one, so that all it had is gone but for what others hold.
 */
async function killAgent(fleet: Fleet, member: Member): Promise<void> {
  await fleet.memberReaches(member, 0.45)
  await (fleet.isPeerToPeer ? member.destroy() : member.kill())
  member.start()
  await fleet.watch.until(
    () => `${member.name} to open its replica again`,
    () => member.resumption !== undefined,
  )
  const { kept, redone } = member.resumption ?? { kept: 0, redone: 0 }
  const how = fleet.isPeerToPeer ? 'killed, and its disk lost' : 'killed'
  member.faults.push(`${how}; came back with ${kept} sections done, ${redone} to redo`)
}

/** Kills the relay with SIGKILL, and starts it on the same port and data when more was written. */
async function killRelay(fleet: Fleet): Promise<void> {
  const writes = () => fleet.members.reduce((sum, member) => sum + member.writes, 0)
  await fleet.fleetReaches(0.35)
  await fleet.relay.end('SIGKILL')
  const [before, acked] = [writes(), fleet.acked]
  // Now, before any agent could send again what the relay has lost.
  const onDisk = new Set((await fleet.readRelay()).items)
  const lost = acked.filter(item => !onDisk.has(item))
  fleet.lostByRelay.push(...lost)
  await fleet.fleetReaches(0.55)
  const kept = `kept ${acked.length - lost.length} of ${acked.length} acked writes`
  fleet.relayFaults.push(`killed; ${kept}, missed ${writes() - before}`)
  await fleet.watch.settles('the relay to listen again', fleet.relay.start())
}

/** Starts the relay when half of the work is done: it is one more copy from then on. */
async function joinLate(fleet: Fleet): Promise<void> {
  await fleet.fleetReaches(0.5)
  const { length } = fleet.acked
  await fleet.watch.settles('the relay to listen', fleet.relay.start())
  fleet.relayFaults.push(`joined after ${length} acked writes`)
}
