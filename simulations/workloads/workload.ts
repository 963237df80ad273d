/**
 * What the replicas of a simulation do. A workload is one file: it says what a player, who sits at
 * one replica, does at random and what must hold of what it reads. Add it to `all.ts`.
 */
import type * as Y from 'yjs'
import type { Scope } from '../../src/model/scope.ts'
import type { AnyPartitionDefinition, PartitionHandle } from '../../src/partition/open-partition.ts'
import type { Replica } from '../../src/replica.ts'
import type { Dice } from '../world/dice.ts'
import type { Marks } from '../world/marks.ts'

/** A place at a replica that has just started, and what a player may use there. */
export interface Seat {
  /** The name of the machine. */
  readonly name: string
  readonly replica: Replica
  readonly dice: Dice
  readonly marks: Marks
  /** Opens a partition, with the document under it for oracles to look at. */
  open<const Definition extends AnyPartitionDefinition>(
    scope: Scope,
    definition: Definition,
  ): Promise<{ partition: PartitionHandle<Definition>; doc: Y.Doc }>
}

/** One run of a workload, which is what its players have in common: an oracle, for instance. */
export interface WorkloadRun {
  /** A replica has started, for the first time or again. */
  join(seat: Seat): Promise<Player>
}

export interface Player {
  /** One random operation. What it throws or rejects with is a failure of the run. */
  act(): void | Promise<void>
  /** Looks at what is read here now. @throws Violation */
  look(): void
  /** What is read here, as all players read it once they have converged. */
  view(): string
}

export interface Workload {
  readonly name: string
  /** Draws the options of a run. */
  plan(dice: Dice, replicas: number): WorkloadRun
}
