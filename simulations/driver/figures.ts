/**
 * The figures of runs as data: what jobs, hunts for planted bugs and fleets of processes add, and
 * what the tables and the report are made of.
 */
import type { Failure, Job, JobResult } from './job.ts'
import { addRange, type SeedRange } from './seed-ranges.ts'

/** The most failures that are kept: beyond them a count is as good. */
const failuresMax = 100

export interface ProfileFigures {
  seeds: number
  operations: number
  events: number
  /** Changes that a flush acknowledged as durable, and those of them that were there in the end. */
  acked: number
  survived: number
  failed: number
  marks: Record<string, number>
  /** How many runs took so many milliseconds from the healing to convergence. */
  convergence: Record<string, number>
}

export interface PlantedFigures {
  bug: string
  /** How many seeds it took to find; absent where none did. */
  seeds?: number | undefined
  reason: string
}

/** One run of real processes. */
export interface FleetFigures {
  seed: number
  replicas: number
  seconds: number
  rounds: number
  operations: number
  acked: number
  survived: number
  faults: Record<string, number>
  /** Of each round, in real milliseconds. */
  convergence: number[]
  failures: string[]
}

export interface Figures {
  /** Of work, over all invocations. */
  seconds: number
  profiles: Record<string, ProfileFigures>
  /** Of each topology, how many runs took so many milliseconds from the healing to convergence. */
  topologies: Record<string, Record<string, number>>
  /** The seeds that are in it, by the kind of their runs. */
  done: Record<string, SeedRange[]>
  failures: Failure[]
  planted: PlantedFigures[]
  fleets: FleetFigures[]
}

export function emptyFigures(): Figures {
  return {
    seconds: 0,
    profiles: {},
    topologies: {},
    done: {},
    failures: [],
    planted: [],
    fleets: [],
  }
}

/** Runs of one kind differ by their seeds alone. */
export function kindOf({ profile, operations, replicas, topology }: Omit<Job, 'seeds'>): string {
  const linked = topology === undefined ? '' : `, ${topology}`
  return `${profile}, ${operations} operations, ${replicas ?? 'any number of'} replicas${linked}`
}

/** Adds what a job found. */
export function addResult(figures: Figures, job: Job, result: JobResult): void {
  const { fromSeed, seeds } = job
  const kind = kindOf(job)
  figures.done[kind] = addRange(figures.done[kind] ?? [], [fromSeed, fromSeed + seeds])
  const { failures, convergence, topologies, ...sums } = result
  addProfile(figures, result.profile, {
    ...sums,
    marks: { ...result.marks },
    failed: failures.length,
    convergence: histogramOf(convergence),
  })
  for (const [name, times] of Object.entries(topologies)) {
    addTopology(figures, name, histogramOf(times))
  }
  addFailures(figures, failures)
}

/** Adds the figures of other runs, such as those of another file. */
export function addFigures(figures: Figures, others: Figures): void {
  figures.seconds += others.seconds
  for (const [name, profile] of Object.entries(others.profiles)) addProfile(figures, name, profile)
  for (const [name, histogram] of Object.entries(others.topologies)) {
    addTopology(figures, name, histogram)
  }
  for (const [kind, ranges] of Object.entries(others.done)) {
    for (const range of ranges) figures.done[kind] = addRange(figures.done[kind] ?? [], range)
  }
  addFailures(figures, others.failures)
  figures.planted.push(...others.planted)
  figures.fleets.push(...others.fleets)
}

/** All profiles together. */
export function allProfiles({ profiles }: Figures): ProfileFigures {
  const all = emptyProfile()
  for (const profile of Object.values(profiles)) addUp(all, profile)
  return all
}

/** The least of a histogram's values that so great a part of all does not exceed. */
export function quantile(
  histogram: { readonly [value: string]: number },
  part: number,
): number | undefined {
  const values = Object.entries(histogram).map(([value, times]) => [Number(value), times] as const)
  const total = values.reduce((sum, [, times]) => sum + times, 0)
  let seen = 0
  for (const [value, times] of values.sort(([a], [b]) => a - b)) {
    seen += times
    if (seen >= part * total) return value
  }
  return undefined
}

export function addCount(counts: Record<string, number>, name: string, by: number): void {
  counts[name] = (counts[name] ?? 0) + by
}

function histogramOf(times: readonly number[]): Record<string, number> {
  const histogram: Record<string, number> = {}
  for (const milliseconds of times) addCount(histogram, `${Math.round(milliseconds)}`, 1)
  return histogram
}

function addTopology(figures: Figures, name: string, added: Record<string, number>): void {
  const histogram = figures.topologies[name] ?? {}
  figures.topologies[name] = histogram
  for (const [milliseconds, runs] of Object.entries(added)) addCount(histogram, milliseconds, runs)
}

function emptyProfile(): ProfileFigures {
  return {
    seeds: 0,
    operations: 0,
    events: 0,
    acked: 0,
    survived: 0,
    failed: 0,
    marks: {},
    convergence: {},
  }
}

const sums = ['seeds', 'operations', 'events', 'acked', 'survived', 'failed'] as const

function addProfile(figures: Figures, name: string, added: ProfileFigures): void {
  const profile = figures.profiles[name] ?? emptyProfile()
  figures.profiles[name] = profile
  addUp(profile, added)
}

function addUp(profile: ProfileFigures, added: ProfileFigures): void {
  for (const field of sums) profile[field] += added[field]
  for (const field of ['marks', 'convergence'] as const) {
    for (const [key, times] of Object.entries(added[field])) addCount(profile[field], key, times)
  }
}

function addFailures(figures: Figures, failures: readonly Failure[]): void {
  figures.failures.push(...failures.slice(0, failuresMax - figures.failures.length))
}
