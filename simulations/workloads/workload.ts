/**
 * What the replicas of a simulation do. A workload is one file: it says what a player, who sits at
 * one replica, does at random and what must hold of what it reads. Add it to `all.ts`.
 */
import type * as Y from 'yjs'
import type { RandomSource } from '../../src/base/random.ts'
import type { TimeSource } from '../../src/base/time.ts'
import type { Scope } from '../../src/model/scope.ts'
import type { AnyPartitionDefinition, PartitionHandle } from '../../src/partition/open-partition.ts'
import type { Replica } from '../../src/replica.ts'
import type { StateReplica } from '../../src/state/replica-port.ts'
import type { FlushOptions } from '../../src/sync/flush-options.ts'
import type { GrantedContent } from '../checkers/granted-content.ts'
import type { Authority } from '../nodes/authority.ts'
import type { Topology } from '../nodes/topology.ts'
import type { Dice } from '../world/dice.ts'
import type { Marks } from '../world/marks.ts'

export interface Guard {
  readonly authority: Authority
  readonly content: GrantedContent
}

/** A place at a replica that has just started, and what a player may use there. */
export interface Seat {
  /** The name of the machine. */
  readonly name: string
  readonly replica: Replica
  /** The same replica; the documents that are opened through it are watched by the checkers. */
  readonly watched: StateReplica
  readonly dice: Dice
  readonly marks: Marks
  /** Of the process at this place, for what takes one of its own. */
  readonly time: TimeSource
  readonly random: RandomSource
  /** The machines whose disks lost, by a fault, what was durable there. */
  readonly losses: ReadonlySet<string>
  /** How a flush makes what was written as safe as it can be in this fleet. */
  readonly safest: FlushOptions
  /** Where the relay asks for tokens: who gives them out, and what judges what they let through. */
  readonly guard?: Guard | undefined
  /** Opens the document of a partition, for oracles to look at, and has the checkers watch it. */
  document(scope: Scope, name: string): Promise<Y.Doc>
  /** Opens a partition, with the document under it. */
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
  /** All is healed: a last chance to finish what everybody shall agree on. */
  settle?(): Promise<void>
  /** All replicas agree: a last look at what is read here. @throws Violation */
  conclude?(): Promise<void>
  /** The replica is about to be closed in peace: closes what has timers of its own. */
  leave?(): void
}

/** What a workload may count on in a run. */
export interface Conditions {
  readonly replicas: number
  /** Whether all clocks are within a second of the true time. */
  readonly clocksRight: boolean
  readonly topology: Topology
  /** Whether somebody does what only an enemy or a broken network does. */
  readonly hostile: boolean
}

export interface Workload {
  readonly name: string
  /** Whether the relay asks for tokens; such a workload has no other in its run that takes turns. */
  readonly guarded?: true
  /** How often it is drawn by the side of others, 1 of itself: less where its operations cost much. */
  readonly weight?: number
  /** In this part of all runs it is there besides, whatever others are; it takes no turn among them. */
  readonly besides?: number
  /** Draws the options of a run. */
  plan(dice: Dice, conditions: Conditions): WorkloadRun
}
