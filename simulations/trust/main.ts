/**
 * `npm run trust -- [SEEDS] [--into FILE]`: prints how many seeds each planted bug takes to be
 * found; fails if one is not. The figures are added to a file for the report.
 */
import { misused, readArguments } from '../driver/arguments.ts'
import { columns } from '../driver/columns.ts'
import { readFiguresIfAny, writeFigures } from '../driver/figures-file.ts'
import { hunt } from './hunt.ts'
import { plantedBugs } from './planted-bugs.ts'

const { values, positionals } = readArguments({
  allowPositionals: true,
  options: { into: { type: 'string' } },
})
const [seeds = '10000', ...more] = positionals
if (!/^[1-9]\d{0,8}$/.test(seeds) || more.length > 0) misused('say how many seeds, from 1')
const seedsMax = Number(seeds)
const { into } = values
const figures = readFiguresIfAny(into)
const rows: (readonly (string | number)[])[] = [['planted bug', 'seeds', 'found by']]
for (const planted of plantedBugs) {
  const { bug, seeds: taken, reason } = await hunt(planted, { seedsMax })
  const [first = ''] = reason.split('\n')
  rows.push([bug, taken ?? 'not found', first.slice(0, 90)])
  console.error(columns(rows.slice(-1)))
  if (taken === undefined) process.exitCode = 1
  figures.planted = figures.planted.filter(other => other.bug !== bug)
  figures.planted.push({ bug, reason: first, ...(taken !== undefined && { seeds: taken }) })
}
console.log(columns(rows))
if (into !== undefined) writeFigures(into, figures)
