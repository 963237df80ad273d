/** The reliability report: one page of Markdown on what was run, what struck, and what was found. */
import { type Totals, tableHead } from './totals.ts'

export function reliabilityReport(totals: Totals, seconds: number): string {
  const failures = totals.failures.map(
    ({ profile, seed, reason }) => `- \`--profile ${profile} --seed ${seed}\`: ${reason}`,
  )
  return [
    '# Reliability report',
    `${totals.seeds} seeds, ${totals.operations} operations, ${seconds.toFixed(0)} s of work.`,
    '## Runs',
    'Converged: simulated time from the healing of all faults until every replica and the relay held the same bytes.',
    table([tableHead, ...totals.rows()]),
    '## Faults that struck',
    table([['fault', 'times'], ...totals.marksOf('fault: ')]),
    '## What happened sometimes',
    table([
      ['mark', 'times'],
      ...[...totals.marks].filter(([name]) => !name.startsWith('fault: ')).sort(),
    ]),
    '## Failures',
    failures.length === 0 ? 'None.' : failures.join('\n'),
    '',
  ].join('\n\n')
}

function table([head = [], ...rows]: readonly (readonly (string | number)[])[]): string {
  const line = (cells: readonly (string | number)[]) => `| ${cells.join(' | ')} |`
  return [line(head), line(head.map(() => '---')), ...rows.map(line)].join('\n')
}
