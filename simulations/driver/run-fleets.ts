/** `--fleet`: a run of real processes, its progress, and its table. */
import { runFleet } from '../fleet/fleet-run.ts'
import { columns } from './columns.ts'
import { addFigures, emptyFigures, type FleetFigures } from './figures.ts'
import { readFiguresIfAny, writeFigures } from './figures-file.ts'
import type { DriverOptions } from './options.ts'
import { writeReport } from './report.ts'
import { fleetFaultRows, fleetRows } from './summary.ts'

const replicasDefault = 4

/** Runs it, and answers the exit code; `signal` ends it early. */
export async function runFleets(options: DriverOptions, signal: AbortSignal): Promise<number> {
  const { seed, seconds, replicas = replicasDefault, canary } = options
  const before = readFiguresIfAny(options.into)
  const { figures: run, kept } = await runFleet({
    ...{ seed, seconds, replicas, canary, signal },
    onRound: showRound,
  })
  const figures = { ...emptyFigures(), fleets: [run] }
  console.log(columns(fleetRows(figures)))
  console.log(`\nfaults fired\n${columns(fleetFaultRows(figures))}`)
  for (const failure of run.failures) console.error(`FAILED  --fleet --seed ${seed}: ${failure}`)
  if (kept !== undefined) console.log(`\nthe history and the databases are kept in ${kept}`)
  addFigures(figures, before)
  if (options.into !== undefined) writeFigures(options.into, figures)
  writeReport(figures, options)
  return run.failures.length === 0 ? 0 : 1
}

function showRound({ rounds, seconds, operations, convergence, faults }: FleetFigures): void {
  const struck = Object.values(faults).reduce((sum, times) => sum + times, 0)
  const last = convergence.at(-1)
  const converged = last === undefined ? 'not converged' : `converged in ${last} ms`
  console.error(
    `${seconds} s, round ${rounds}: ${operations} operations, ${struck} faults, ${converged}`,
  )
}
