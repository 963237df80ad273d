/** Memory and queues stay bounded: timers, bytes under way, and nothing left once all is closed. */
import type { Network } from '../world/network.ts'
import type { SimulatedProcess } from '../world/process.ts'
import { Violation } from './violation.ts'

/** Far above what a replica or a relay with a few documents and links ever needs. */
const timersMax = 500
const bytesUnderWayMax = 64 * 2 ** 20

export function checkBounds(processes: readonly SimulatedProcess[], network: Network): void {
  for (const { name, timers } of processes) {
    if (timers > timersMax) throw new Violation('bounds', `${name} has ${timers} timers set`)
  }
  if (network.bytesUnderWay > bytesUnderWayMax) {
    throw new Violation('bounds', `${network.bytesUnderWay} bytes are under way`)
  }
}

/** @throws Violation when a process that closed everything still has timers */
export function checkNothingLeft({ name, timers }: SimulatedProcess): void {
  if (timers > 0) throw new Violation('bounds', `${name} has ${timers} timers left after its close`)
}
