/**
 * Logs are exact: they hold every entry of the appends that are known where they are read, once,
 * nothing else, and in the one order that all share.
 */
import { comparePositions } from '../../src/partition/log/log-entry.ts'
import type { LogEntry, LogPartition } from '../../src/partition/log/log-partition.ts'
import { type KnownClocks, knows } from '../oracle/causal-oracle.ts'
import { Violation } from './violation.ts'

/** Entries that were appended at once. */
export interface Append {
  readonly writer: number
  /** The clock of its writer behind it. */
  readonly end: number
  readonly values: readonly number[]
}

type CheckedLog = Pick<LogPartition, 'entries' | 'verify'>

export function checkLog(
  where: string,
  log: CheckedLog,
  { appends, known }: { appends: readonly Append[]; known: KnownClocks },
): void {
  const broken = (why: string) => new Violation('exact logs', `${where}: ${why}`)
  const expected = new Set<unknown>()
  for (const append of appends) {
    if (knows(known, append)) for (const value of append.values) expected.add(value)
  }
  const next = new Map<number, number>()
  let before: LogEntry<unknown> | undefined
  for (const entry of log.entries()) {
    const { writer, seq, value } = entry
    if (!expected.delete(value)) throw broken(`entry ${String(value)} is there twice, or not known`)
    if (seq !== (next.get(writer) ?? 0)) throw broken(`writer ${writer} jumps to its ${seq}th`)
    next.set(writer, seq + 1)
    if (before && comparePositions(before, entry) >= 0) throw broken('entries are out of order')
    before = entry
  }
  const [missing] = expected
  if (missing !== undefined) throw broken(`entry ${String(missing)} is known and not there`)
  const problem = log.verify().problems.find(({ error }) => error.code !== 'CLOCK_DRIFT')
  if (problem !== undefined) throw broken(problem.error.message)
}
