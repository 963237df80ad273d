/**
 * The public surface of the simulator: a user's agents in the world in which we try our promises, with
 * seeds, faults, stories, shrinking and replay; and the workloads underneath, for finer work.
 */
export type { Agent, Invariant, Place } from './agents/agent.ts'
export {
  type Replay,
  SimulationFailure,
  type SimulationOptions,
  type SimulationReport,
  simulate,
} from './agents/simulate-agents.ts'
export { Violation } from './checkers/violation.ts'
export { type Topology, topologies } from './nodes/topology.ts'
export type { Plan } from './run/plan.ts'
export { type ProfileName, profileNames } from './run/profile.ts'
export { type Cut, type Shrunk, shrink } from './run/shrink.ts'
export { type RunOptions, type RunResult, simulate as simulateWorkloads } from './run/simulate.ts'
export type { Player, Seat, Workload, WorkloadRun } from './workloads/workload.ts'
export type { Dice } from './world/dice.ts'
export type { Marks } from './world/marks.ts'
