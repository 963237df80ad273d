/** What a user puts into the world: agents, and what must hold whatever happens to them. */
import type { Replica } from '../../src/replica.ts'
import type { Dice } from '../world/dice.ts'

/** What an agent finds at its place. */
export interface Place {
  /** The name of its machine, which is the actor of its replica: `r1` for the first agent. */
  readonly name: string
  readonly replica: Replica
  /** Draws that the seed repeats. An agent must take its randomness from here alone. */
  readonly dice: Dice
  /** Resolves in so many simulated milliseconds. An agent must not wait for anything else outside. */
  sleep(milliseconds: number): Promise<void>
  /** The wall clock of its machine, in milliseconds since the epoch; it may be wrong. */
  now(): number
  /** Counts that something happened, to see in the end that it did sometimes. */
  mark(name: string): void
}

/**
 * A process of the user's: it is started when its machine starts, dies with it, and is started again
 * with what its replica then holds. It is done when it resolves, and must be so in bounded time once
 * all faults are over. What it rejects with is a failure, but for errors that are `retryable`: then
 * it is started again, as by a supervisor.
 */
export type Agent = (place: Place) => Promise<unknown>

/**
 * Something that must hold at every replica: false, or what is thrown, breaks it. It is asked now and
 * then while faults strike (`settled` is false), and at every replica in the end, when all have
 * returned and all replicas hold the same.
 */
export type Invariant = (
  replica: Replica,
  moment: { readonly settled: boolean; readonly name: string },
) => unknown
