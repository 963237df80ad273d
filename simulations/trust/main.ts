/** Prints how many seeds each planted bug takes to be found; fails if one is not. */
import { columns } from '../driver/totals.ts'
import { hunt } from './hunt.ts'
import { plantedBugs } from './planted-bugs.ts'

const seedsMax = Number(process.argv[2] ?? 10_000)
const rows: (readonly (string | number)[])[] = [['planted bug', 'seeds', 'found by']]
for (const bug of plantedBugs) {
  const { seeds = 'not found', reason } = await hunt(bug, seedsMax)
  const [first = ''] = reason.split('\n')
  rows.push([bug.name, seeds, first.slice(0, 90)])
  console.error(columns(rows.slice(-1)))
  if (seeds === 'not found') process.exitCode = 1
}
console.log(columns(rows))
