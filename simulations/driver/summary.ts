/** The figures as tables: what the driver prints at the end, and the report holds. */
import { topologies } from '../nodes/topology.ts'
import { profileNames } from '../run/profile.ts'
import { addCount, allProfiles, type Figures, type ProfileFigures, quantile } from './figures.ts'

export type Row = readonly (string | number)[]

const faultPrefix = 'fault: '

/** One row a profile, under a head. */
export function profileRows(figures: Figures): Row[] {
  const head = ['profile', 'seeds', 'operations', 'events', 'acked', 'survived', 'lost']
  return [
    [...head, 'converged p50', 'p99', 'failed'],
    ...inOrder(figures).map(([name, profile]) => profileRow(name, profile)),
  ]
}

function profileRow(name: string, figures: ProfileFigures): Row {
  const { seeds, operations, events, acked, survived, failed, convergence } = figures
  const [p50, p99] = [0.5, 0.99].map(part => seconds(quantile(convergence, part)))
  const lost = acked - survived
  return [name, seeds, operations, events, acked, survived, lost, p50 ?? '', p99 ?? '', failed]
}

/** One row for each way in which fleets were linked, under a head. */
export function topologyRows(figures: Figures): Row[] {
  const rows = topologies.flatMap((name): Row[] => {
    const histogram = figures.topologies[name]
    if (histogram === undefined) return []
    const seeds = Object.values(histogram).reduce((sum, runs) => sum + runs, 0)
    return [[name, seeds, ...[0.5, 0.99].map(part => seconds(quantile(histogram, part)))]]
  })
  return [['topology', 'seeds', 'converged p50', 'p99'], ...rows]
}

/** How often each fault struck, by profile. */
export function faultRows(figures: Figures): Row[] {
  const names = inOrder(figures).map(([name]) => name)
  const faults = Object.keys(allProfiles(figures).marks)
    .filter(mark => mark.startsWith(faultPrefix))
    .sort()
  const counts = (fault: string) => names.map(name => figures.profiles[name]?.marks[fault] ?? 0)
  return [
    ['fault', ...names],
    ...faults.map(fault => [fault.slice(faultPrefix.length), ...counts(fault)]),
  ]
}

/** How often everything else that is counted happened. */
export function markRows(figures: Figures): Row[] {
  return Object.entries(allProfiles(figures).marks)
    .filter(([name]) => !name.startsWith(faultPrefix))
    .sort(([a], [b]) => (a < b ? -1 : 1))
}

/** One row a run of real processes, under a head. */
export function fleetRows({ fleets }: Figures): Row[] {
  const head = ['seed', 'replicas', 'seconds', 'rounds', 'operations', 'acked', 'survived', 'lost']
  return [
    [...head, 'faults', 'converged p50', 'p99', 'failed'],
    ...fleets.map(fleet => {
      const { seed, replicas, rounds, operations, acked, survived, faults, failures } = fleet
      const sorted = [...fleet.convergence].sort((a, b) => a - b)
      const at = (part: number) => seconds(sorted[Math.ceil(part * sorted.length) - 1])
      const struck = Object.values(faults).reduce((sum, times) => sum + times, 0)
      const row = [seed, replicas, Math.round(fleet.seconds), rounds, operations, acked, survived]
      return [...row, acked - survived, struck, at(0.5), at(0.99), failures.length]
    }),
  ]
}

/** How often each fault struck real processes. */
export function fleetFaultRows({ fleets }: Figures): Row[] {
  const counts: Record<string, number> = {}
  for (const [name, times] of fleets.flatMap(({ faults }) => Object.entries(faults))) {
    addCount(counts, name, times)
  }
  return Object.entries(counts).sort(([a], [b]) => (a < b ? -1 : 1))
}

/** As the simulator lists them. */
export function inOrder({ profiles }: Figures): [string, ProfileFigures][] {
  return profileNames.flatMap((name): [string, ProfileFigures][] => {
    const figures = profiles[name]
    return figures === undefined ? [] : [[name, figures]]
  })
}

function seconds(milliseconds: number | undefined): string {
  return milliseconds === undefined ? '-' : `${(milliseconds / 1000).toFixed(1)} s`
}
