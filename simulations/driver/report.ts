/** The reliability report: one page of Markdown with a plot, on what was run, struck and found. */
import { writeFileSync } from 'node:fs'
import { basename } from 'node:path'
import { addFigures, allProfiles, emptyFigures, type Figures } from './figures.ts'
import { readFigures } from './figures-file.ts'
import type { DriverOptions } from './options.ts'
import { convergencePlot, type Line } from './plot.ts'
import {
  faultRows,
  fleetFaultRows,
  fleetRows,
  inOrder,
  markRows,
  profileRows,
  type Row,
  topologyRows,
} from './summary.ts'

const fleetLine = 'real processes'

/**
 * Writes the page and, beside it, its plot, where a report is asked for: of these figures and of
 * those in the files that the options name.
 *
 * @throws OPTION_INVALID for a file that holds no figures
 */
export function writeReport(figures: Figures, { from, report }: DriverOptions): void {
  if (report === undefined) return
  const all = emptyFigures()
  for (const part of [figures, ...from.map(readFigures)]) addFigures(all, part)
  const plot = `${report.replace(/\.md$/, '')}.svg`
  writeFileSync(report, reliabilityReport(all, basename(plot)))
  writeFileSync(plot, convergencePlot(plotLines(all)))
  console.log(`\nreport: ${report}, ${plot}`)
}

/** The page; `plot` is the name of the picture that it shows. */
export function reliabilityReport(figures: Figures, plot: string): string {
  const { seeds, operations, acked, survived, failed } = allProfiles(figures)
  return [
    '# Reliability report',
    `${seeds} seeds, ${operations} operations, ${(figures.seconds / 60).toFixed(1)} minutes of work.`,
    `Of ${acked} changes that were acknowledged as durable ${survived} survived and ${acked - survived} were lost; ${failed} seeds failed.`,
    '## Runs',
    'Acked are changes (clock ticks of Yjs) that a flush acknowledged as durable at the relay, or as replicated where there is none, survived those of them that were there in the end. Converged is the simulated time from the healing of all faults until every replica, and the relay if there is one, held the same bytes.',
    table(profileRows(figures)),
    '## Time to convergence',
    table(topologyRows(figures)),
    `![The part of all runs that had converged, by time](${plot})`,
    '## Faults that struck',
    table(faultRows(figures)),
    '## What happened sometimes',
    table([['mark', 'times'], ...markRows(figures)]),
    '## Planted bugs',
    plantedText(figures),
    '## Real processes',
    fleetText(figures),
    '## Failures',
    failuresText(figures),
    '',
  ].join('\n\n')
}

function plotLines(figures: Figures): Line[] {
  const { fleets } = figures
  const lines = inOrder(figures).map(
    ([name, { convergence }]): Line => ({ name, histogram: convergence }),
  )
  const real: Record<string, number> = {}
  for (const time of fleets.flatMap(({ convergence }) => convergence)) {
    real[Math.round(time)] = (real[Math.round(time)] ?? 0) + 1
  }
  return fleets.length === 0 ? lines : [...lines, { name: fleetLine, histogram: real }]
}

function plantedText({ planted }: Figures): string {
  if (planted.length === 0) return 'Not hunted: `npm run trust -- --into FILE` does.'
  const found = planted.filter(({ seeds }) => seeds !== undefined).length
  const rows = planted.map(({ bug, seeds = 'not found', reason }) => [bug, seeds, reason])
  return [
    `${found} of ${planted.length} were found.`,
    table([['planted bug', 'seeds to find', 'found by'], ...rows]),
  ].join('\n\n')
}

function fleetText(figures: Figures): string {
  if (figures.fleets.length === 0) return 'None ran: `npm run simulate -- --fleet` does.'
  return [
    'Replicas and a relay on LevelDB and sockets; times are real, and no seed repeats them.',
    table(fleetRows(figures)),
    table([['fault', 'times'], ...fleetFaultRows(figures)]),
  ].join('\n\n')
}

function failuresText({ failures, fleets }: Figures): string {
  const lines = [
    ...failures.map(
      ({ profile, seed, reason }) => `- \`--profile ${profile} --seed ${seed}\`: ${reason}`,
    ),
    ...fleets.flatMap(({ seed, failures: found }) =>
      found.map(reason => `- \`--fleet --seed ${seed}\`: ${reason}`),
    ),
  ]
  return lines.length === 0 ? 'None.' : lines.join('\n')
}

function table([head = [], ...rows]: readonly Row[]): string {
  const line = (cells: Row) =>
    `| ${cells.map(cell => String(cell).replaceAll('|', '\\|')).join(' | ')} |`
  return [line(head), line(head.map(() => '---')), ...rows.map(line)].join('\n')
}
