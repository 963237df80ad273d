/**
 * `npm run trust -- [SEEDS] [--into FILE]`: prints how many seeds each planted bug takes to be
 * found; fails if one is not. The figures are added to a file for the report.
 */
import { parseArgs } from 'node:util'
import { columns } from '../driver/columns.ts'
import { readFiguresIfAny, writeFigures } from '../driver/figures-file.ts'
import { hunt } from './hunt.ts'
import { plantedBugs } from './planted-bugs.ts'

const { values, positionals } = parseArgs({
  allowPositionals: true,
  options: { into: { type: 'string' } },
})
const seedsMax = Number(positionals[0] ?? 10_000)
const { into } = values
const figures = readFiguresIfAny(into)
const rows: (readonly (string | number)[])[] = [['planted bug', 'seeds', 'found by']]
for (const planted of plantedBugs) {
  const { bug, seeds, reason } = await hunt(planted, { seedsMax })
  const [first = ''] = reason.split('\n')
  rows.push([bug, seeds ?? 'not found', first.slice(0, 90)])
  console.error(columns(rows.slice(-1)))
  if (seeds === undefined) process.exitCode = 1
  figures.planted = figures.planted.filter(other => other.bug !== bug)
  figures.planted.push({ bug, reason: first, ...(seeds !== undefined && { seeds }) })
}
console.log(columns(rows))
if (into !== undefined) writeFigures(into, figures)
