/** The driver: seeds of all profiles on all cores, progress, a table, and what failed made small. */
import { systemTime } from '../../src/base/time.ts'
import { profileNames } from '../run/profile.ts'
import { plantCanary } from '../trust/canary.ts'
import { columns } from './columns.ts'
import { expectedMarks, expectingSeedsMin } from './expected-marks.ts'
import { keepFailingRun, knownRegressions, replay } from './failing-runs.ts'
import {
  addFigures,
  addResult,
  allProfiles,
  emptyFigures,
  type Figures,
  kindOf,
} from './figures.ts'
import { readFiguresIfAny, writeFigures } from './figures-file.ts'
import { type Job, runOptions } from './job.ts'
import type { DriverOptions } from './options.ts'
import { runJobs } from './pool.ts'
import { writeReport } from './report.ts'
import { withoutRanges } from './seed-ranges.ts'
import { faultRows, markRows, profileRows, topologyRows } from './summary.ts'

const seedsPerJob = 10

/** Shrinking takes some tens of runs for each failure. */
const shrunkMax = 3

const progressSeconds = 2
/** Between two times that the figures are kept: what is lost when the driver is killed. */
const keptSeconds = 10

/**
 * Runs what the options ask for; answers the exit code.
 *
 * @throws OPTION_INVALID for a file that is not what it should be
 */
export async function runSeeds(options: DriverOptions): Promise<number> {
  const before = readFiguresIfAny(options.into)
  const again = options.seeds === 0 ? 0 : await replayRegressions(options)
  const figures = await runAll(options, before)
  if (options.seeds > 0) print(figures, options)
  for (const { profile, seed } of figures.failures) {
    console.log(`npm run simulate -- --trace ${flagsOf(options, profile, seed)}`)
  }
  await shrinkFailures(figures, options)
  addFigures(figures, before)
  if (options.into !== undefined) writeFigures(options.into, figures)
  await writeReport(figures, options)
  return figures.failures.length + again === 0 ? 0 : 1
}

/** What once failed goes first. */
async function replayRegressions({ failures, canary }: DriverOptions): Promise<number> {
  const known = knownRegressions(failures)
  let failed = 0
  for (const regression of known) {
    const failure = await replay(regression, canary ? plantCanary : undefined)
    if (failure === undefined) continue
    failed += 1
    console.error(`FAILED AGAIN  ${regression.found}: ${failure}`)
  }
  console.error(`${known.length} regressions replayed, ${failed} failed`)
  return failed
}

/** Runs all seeds that `before` does not hold, and answers their figures alone. */
async function runAll(options: DriverOptions, before: Figures): Promise<Figures> {
  const figures = emptyFigures()
  const start = systemTime.monotonic()
  const jobs = makeJobs(options, before)
  const all = jobs.reduce((sum, { seeds }) => sum + seeds, 0)
  let [shownAt, keptAt, seeds] = [0, 0, 0]
  await runJobs(new URL('./worker.js', import.meta.url), jobs, {
    workers: options.workers,
    onResult(result, job) {
      addResult(figures, job, result)
      figures.seconds = (systemTime.monotonic() - start) / 1000
      seeds += result.seeds
      for (const { profile, seed, reason } of result.failures) {
        console.error(`FAILED  ${flagsOf(options, profile, seed)}: ${reason}`)
      }
      if (figures.seconds - shownAt > progressSeconds) {
        shownAt = figures.seconds
        console.error(`${seeds} of ${all} seeds, ${(seeds / shownAt).toFixed(1)} seeds/s`)
      }
      if (options.into !== undefined && figures.seconds - keptAt > keptSeconds) {
        keptAt = figures.seconds
        writeFigures(options.into, sumOf([before, figures]))
      }
    },
  })
  return figures
}

function sumOf(parts: readonly Figures[]): Figures {
  const sum = emptyFigures()
  for (const part of parts) addFigures(sum, part)
  return sum
}

function flagsOf(options: DriverOptions, profile: string, seed: number): string {
  const { ops, replicas, topology, canary } = options
  const flags = [`--profile ${profile} --seed ${seed} --ops ${ops}`]
  if (replicas !== undefined) flags.push(`--replicas ${replicas}`)
  if (topology !== undefined) flags.push(`--topology ${topology}`)
  return [...flags, ...(canary ? ['--canary'] : [])].join(' ')
}

/** Leaves the smallest runs that still fail where the next invocation replays them. */
async function shrinkFailures(figures: Figures, options: DriverOptions): Promise<void> {
  for (const { profile, seed } of figures.failures.slice(0, shrunkMax)) {
    const [job] = makeJobs({ ...options, profiles: [profile], seed, seeds: 1 }, emptyFigures())
    if (job === undefined) continue
    const kept = await keepFailingRun(runOptions(job, seed), options.failures)
    if (kept === undefined) {
      console.log(`\n${flagsOf(options, profile, seed)} does not fail again`)
      continue
    }
    const { regression, files, runs } = kept
    console.log(`\nshrunk in ${runs} runs: ${regression.found}`)
    console.log(JSON.stringify(regression, undefined, 2))
    console.log(`kept as ${files}.json and ${files}.trace`)
  }
}

function makeJobs(options: DriverOptions, before: Figures): Job[] {
  const { seed, seeds, ops, profiles, replicas, topology, checkDeterminism, canary } = options
  const same = { operations: ops, replicas, topology, checkDeterminism, canary, fromSeed: seed }
  const jobs = profiles.map(profile => {
    const job = { profile, ...same }
    const left = withoutRanges([seed, seed + seeds], before.done[kindOf(job)] ?? [])
    return left.flatMap(([from, end]) => cut(from, end).map(part => ({ ...job, ...part })))
  })
  // In turn, so that all profiles have had their share wherever a run ends.
  const turns = Math.max(0, ...jobs.map(({ length }) => length))
  return Array.from({ length: turns }, (_, turn) => jobs.flatMap(list => list[turn] ?? [])).flat()
}

function cut(from: number, end: number): { fromSeed: number; seeds: number }[] {
  const parts: { fromSeed: number; seeds: number }[] = []
  for (let fromSeed = from; fromSeed < end; fromSeed += seedsPerJob) {
    parts.push({ fromSeed, seeds: Math.min(seedsPerJob, end - fromSeed) })
  }
  return parts
}

function print(figures: Figures, { workers }: DriverOptions): void {
  console.log(columns(profileRows(figures)))
  console.log(`\n${columns(topologyRows(figures))}`)
  console.log(`\nfaults fired\n${columns(faultRows(figures))}`)
  console.log(`\nsometimes\n${columns(markRows(figures))}`)
  for (const name of profileNames) {
    const profile = figures.profiles[name]
    const expected = expectedMarks[name]
    if (!profile || !expected || profile.seeds < expectingSeedsMin) continue
    const never = expected.filter(mark => profile.marks[mark] === undefined)
    console.log(`\nnever reached in ${name}: ${never.join(', ') || 'nothing that should be'}`)
  }
  const { seconds } = figures
  const { seeds, operations, failed } = allProfiles(figures)
  const perCore = Math.round(operations / seconds / workers) || 0
  const rate = (seeds / seconds || 0).toFixed(1)
  console.log(`\n${seeds} seeds in ${seconds.toFixed(1)} s: ${rate} seeds/s`)
  console.log(`${perCore} operations/s a worker; ${failed} failures`)
}
