/**
 * The public surface of the simulator: users put their own agents into the same world as a
 * workload, and get seeds, faults, checks of every promise, stories and shrinking.
 */
export { Violation } from './checkers/violation.ts'
export type { Plan } from './run/plan.ts'
export { type ProfileName, profileNames } from './run/profile.ts'
export { type Cut, type Shrunk, shrink } from './run/shrink.ts'
export { type RunOptions, type RunResult, simulate } from './run/simulate.ts'
export type { Player, Seat, Workload, WorkloadRun } from './workloads/workload.ts'
export type { Dice } from './world/dice.ts'
export type { Marks } from './world/marks.ts'
