/**
 * What is kept of a run that fails: its trace, which can be compared with another by `diff`, and the
 * smallest run that still fails, which is replayed first by every invocation until it is taken away.
 */
import { existsSync, mkdirSync, readdirSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { z } from 'zod'
import { StatemeshError } from '../../src/base/error.ts'
import { topologies } from '../nodes/topology.ts'
import { type Regression, regressions } from '../regressions.ts'
import { profileNames } from '../run/profile.ts'
import { cutRun, shrink } from '../run/shrink.ts'
import { type RunOptions, simulate } from '../run/simulate.ts'

const count = z.number().int().min(0)
const regressionFile = z.object({
  seed: count,
  profile: z.enum(profileNames),
  operations: count,
  replicas: count,
  faults: z.array(z.string()),
  workloads: z.array(z.string()),
  topology: z.enum(topologies).optional(),
  found: z.string(),
})

/** What failed before: here, and in the history of the product. */
export function knownRegressions(directory: string): readonly Regression[] {
  if (!existsSync(directory)) return regressions
  const files = readdirSync(directory).filter(name => name.endsWith('.json'))
  return [...files.sort().map(name => readRegression(join(directory, name))), ...regressions]
}

/** Why a regression fails again; undefined where it does not. */
export async function replay(
  regression: Regression,
  prepare?: RunOptions['prepare'],
): Promise<string | undefined> {
  const { seed, profile, operations } = regression
  const run = { seed, profile, operations, ...(prepare && { prepare }) }
  return (await simulate(cutRun(run, regression))).failure
}

/** Shrinks a run that fails and writes it down; undefined where it does not fail again. */
export async function keepFailingRun(
  run: RunOptions,
  directory: string,
): Promise<{ regression: Regression; files: string; runs: number } | undefined> {
  const failed = await simulate(run)
  if (failed.failure === undefined) return undefined
  const { seed, profile } = run
  const { cut, result, runs } = await shrink(run, failed)
  const found = result.failure?.split('\n')[0] ?? ''
  const regression = { seed, profile, ...cut, found }
  const told = await simulate(cutRun({ ...run, told: true }, cut))
  const files = join(directory, `${profile}-${seed}`)
  mkdirSync(directory, { recursive: true })
  writeFileSync(`${files}.json`, `${JSON.stringify(regression, undefined, 2)}\n`)
  writeFileSync(`${files}.trace`, `${told.story.join('\n')}\n${told.failure}\n`)
  return { regression, files, runs }
}

function readRegression(file: string): Regression {
  try {
    return regressionFile.parse(JSON.parse(readFileSync(file, 'utf8')))
  } catch (cause) {
    throw new StatemeshError('OPTION_INVALID', `${file} is no regression file`, { cause })
  }
}
