/** `npm run simulate`: runs seeds on all cores and says what was found. */
import { writeFileSync } from 'node:fs'
import { availableParallelism } from 'node:os'
import { systemTime } from '../src/base/time.ts'
import { expectedMarks, swarmSeedsMin } from './driver/expected-marks.ts'
import type { Job } from './driver/job.ts'
import { type DriverOptions, parseOptions } from './driver/options.ts'
import { runJobs } from './driver/pool.ts'
import { reliabilityReport } from './driver/report.ts'
import { columns, Totals, tableHead } from './driver/totals.ts'
import { regressions } from './regressions.ts'
import type { Plan } from './run/plan.ts'
import { applyCut, shrink } from './run/shrink.ts'
import { simulate } from './run/simulate.ts'

const seedsPerJob = 10

/** Shrinking takes some tens of runs for each failure. */
const shrunkMax = 3

async function main(): Promise<void> {
  const options = parseOptions(process.argv.slice(2), availableParallelism())
  process.exitCode = options.trace ? await tellStory(options) : await runAll(options)
}

async function tellStory({ seed, ops, replicas, profiles }: DriverOptions): Promise<number> {
  const [profile = 'swarm'] = profiles
  const result = await simulate({ seed, profile, operations: ops, replicas, told: true })
  console.log(result.story.join('\n'))
  const { failure = 'all is well', traceHash, events } = result
  console.log(`${failure}\n${events} events, trace ${traceHash}`)
  return result.failure === undefined ? 0 : 1
}

/** What once failed goes first. */
async function replayRegressions(): Promise<number> {
  let failed = 0
  for (const { found, ...regression } of regressions) {
    const { seed, profile, operations } = regression
    const adjust = (plan: Plan) => applyCut(plan, regression)
    const { failure } = await simulate({ seed, profile, operations, adjust })
    if (failure === undefined) continue
    failed += 1
    console.error(`FAILED AGAIN  ${found}: ${failure}`)
  }
  console.error(`${regressions.length} regressions replayed, ${failed} failed`)
  return failed
}

async function runAll(options: DriverOptions): Promise<number> {
  const again = await replayRegressions()
  const totals = new Totals()
  const start = systemTime.monotonic()
  const elapsed = () => (systemTime.monotonic() - start) / 1000
  const jobs = makeJobs(options)
  const all = jobs.reduce((sum, { seeds }) => sum + seeds, 0)
  let shownAt = 0
  await runJobs(new URL('./driver/worker.js', import.meta.url), jobs, {
    workers: options.workers,
    onResult(result) {
      totals.add(result)
      for (const { profile, seed, reason } of result.failures) {
        console.error(`FAILED  --profile ${profile} --seed ${seed}: ${reason}`)
      }
      if (elapsed() - shownAt < 2) return
      shownAt = elapsed()
      const rate = (totals.seeds / shownAt).toFixed(1)
      console.error(`${totals.seeds} of ${all} seeds, ${rate} seeds/s`)
    },
  })
  print(totals, elapsed(), options)
  if (options.report !== undefined) {
    writeFileSync(options.report, reliabilityReport(totals, elapsed()))
  }
  await shrinkFailures(totals, options)
  return totals.failures.length + again === 0 ? 0 : 1
}

/** Prints the smallest runs that still fail, as entries for `regressions.ts`. */
async function shrinkFailures(totals: Totals, { ops, replicas }: DriverOptions): Promise<void> {
  for (const { profile, seed } of totals.failures.slice(0, shrunkMax)) {
    const run = { profile, seed, operations: ops, replicas }
    const failed = await simulate(run)
    if (failed.failure === undefined) {
      console.log(`--profile ${profile} --seed ${seed} does not fail again`)
      continue
    }
    const { cut, result, runs } = await shrink(run, failed)
    console.log(`\nshrunk in ${runs} runs: ${result.failure}`)
    console.log(JSON.stringify({ seed, profile, ...cut }, undefined, 2))
  }
}

function makeJobs(options: DriverOptions): Job[] {
  const { seed, seeds, ops, replicas, profiles, checkDeterminism } = options
  const jobs: Job[] = []
  for (let done = 0; done < seeds; done += seedsPerJob) {
    for (const profile of profiles) {
      jobs.push({
        profile,
        fromSeed: seed + done,
        seeds: Math.min(seedsPerJob, seeds - done),
        operations: ops,
        replicas,
        checkDeterminism,
      })
    }
  }
  return jobs
}

function print(totals: Totals, seconds: number, { workers }: DriverOptions): void {
  console.log(columns([tableHead, ...totals.rows()]))
  console.log('\nfaults fired')
  console.log(columns(totals.marksOf('fault: ')))
  console.log('\nsometimes')
  console.log(columns([...totals.marks].filter(([name]) => !name.startsWith('fault: ')).sort()))
  if ((totals.profiles.get('swarm')?.seeds ?? 0) >= swarmSeedsMin) {
    const never = expectedMarks.filter(name => !totals.marks.has(name))
    console.log(`\nnever reached: ${never.join(', ') || 'nothing that should be'}`)
  }
  const perCore = Math.round(totals.operations / seconds / workers)
  const rate = (totals.seeds / seconds).toFixed(1)
  console.log(`\n${totals.seeds} seeds in ${seconds.toFixed(1)} s: ${rate} seeds/s`)
  console.log(`${perCore} operations/s a worker; ${totals.failures.length} failures`)
  for (const { profile, seed } of totals.failures) {
    console.log(`npm run simulate -- --trace --profile ${profile} --seed ${seed}`)
  }
}

await main()
