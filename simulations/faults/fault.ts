/**
 * What goes wrong in a world. A fault is one file: it strikes now and then, and heals itself or is
 * healed at the end. Add it to `all.ts`.
 */
import type { Fleet } from '../nodes/fleet.ts'
import type { RelayNode } from '../nodes/relay-node.ts'

export interface Fault {
  readonly name: string
  /** Whether it strikes the relay, or the way there, and nothing where there is none. */
  readonly needsRelay?: true
  /** Strikes once; undefined where there was nothing to strike. */
  strike(fleet: Fleet): Heal | undefined
}

/** A fault of the relay, or of the way there. */
export function relayFault(
  name: string,
  strike: (fleet: Fleet, relay: RelayNode) => Heal | undefined,
): Fault {
  return {
    name,
    needsRelay: true,
    strike: fleet => fleet.relay && strike(fleet, fleet.relay),
  }
}

/** Takes the fault back; called once, when its time is over or the safety phase ends. */
export type Heal = () => void

export interface FaultPlan {
  readonly name: string
  readonly fault: Fault
  /** How long it takes from one strike to the next, on average. */
  readonly everyMilliseconds: number
  /** How long a strike lasts: at least, and on average beyond that. */
  readonly lastsMilliseconds: readonly [number, number]
}
