/**
 * What goes wrong in a world. A fault is one file: it strikes now and then, and heals itself or is
 * healed at the end. Add it to `all.ts`.
 */
import type { Fleet } from '../nodes/fleet.ts'

export interface Fault {
  readonly name: string
  /** Strikes once; undefined where there was nothing to strike. */
  strike(fleet: Fleet): Heal | undefined
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
