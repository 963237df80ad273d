/** The sums over all jobs, and the table that is made of them. */
import type { Failure, JobResult } from './job.ts'

/** The most failures that are kept: beyond them a count is as good. */
const failuresMax = 100

interface ProfileTotals {
  seeds: number
  operations: number
  events: number
  failed: number
  convergence: number[]
}

export class Totals {
  readonly profiles: Map<string, ProfileTotals> = new Map()
  readonly marks: Map<string, number> = new Map()
  readonly failures: Failure[] = []
  seeds: number = 0
  operations: number = 0

  add(result: JobResult): void {
    const { profile, seeds, operations, events, marks, convergence, failures } = result
    const totals = this.profiles.get(profile) ?? emptyTotals()
    this.profiles.set(profile, totals)
    totals.seeds += seeds
    totals.operations += operations
    totals.events += events
    totals.failed += failures.length
    totals.convergence.push(...convergence)
    this.seeds += seeds
    this.operations += operations
    for (const [name, count] of Object.entries(marks)) {
      this.marks.set(name, (this.marks.get(name) ?? 0) + count)
    }
    this.failures.push(...failures.slice(0, failuresMax - this.failures.length))
  }

  /** One row a profile. */
  rows(): (readonly (string | number)[])[] {
    return [...this.profiles].map(([name, { seeds, operations, events, failed, convergence }]) => {
      const sorted = [...convergence].sort((a, b) => a - b)
      const at = (part: number) => seconds(sorted[Math.floor(part * (sorted.length - 1))])
      return [name, seeds, operations, events, at(0.5), at(0.99), failed]
    })
  }

  /** Marks whose names begin with a prefix, by name. */
  marksOf(prefix: string): [string, number][] {
    const found = [...this.marks].filter(([name]) => name.startsWith(prefix))
    return found
      .map(([name, count]): [string, number] => [name.slice(prefix.length), count])
      .sort(([a], [b]) => (a < b ? -1 : 1))
  }
}

export const tableHead: readonly string[] = [
  'profile',
  'seeds',
  'operations',
  'events',
  'converged p50',
  'p99',
  'failed',
]

function emptyTotals(): ProfileTotals {
  return { seeds: 0, operations: 0, events: 0, failed: 0, convergence: [] }
}

function seconds(milliseconds: number | undefined): string {
  return milliseconds === undefined ? '-' : `${(milliseconds / 1000).toFixed(1)} s`
}

/** Rows of a table as lines of text, in columns. */
export function columns(rows: readonly (readonly (string | number)[])[]): string {
  const widths: number[] = []
  for (const row of rows) {
    for (const [index, cell] of row.entries()) {
      widths[index] = Math.max(widths[index] ?? 0, String(cell).length)
    }
  }
  return rows
    .map(row => row.map((cell, index) => pad(cell, widths[index] ?? 0, index)).join('  '))
    .join('\n')
}

function pad(cell: string | number, width: number, index: number): string {
  return index === 0 ? String(cell).padEnd(width) : String(cell).padStart(width)
}
