/** The check of an audit trail against itself and against the state. */
import { StatemeshError } from '../../base/error.ts'
import { timestampMilliseconds } from '../../clock/hybrid-clock.ts'
import type { LogPartition } from '../../partition/log/log-partition.ts'
import type { RegisterPartition } from '../../partition/register/register-partition.ts'
import type { AuditIndex } from './audit-index.ts'
import { type AuditChange, changeDigest, type EntryName, isForged } from './audit-record.ts'

export interface AuditProblem {
  /**
   * `chain`: a log reports it. `invalid`: no record. `forged`: a record in another writer's name,
   * or one that differs from the state. `unrecorded`: an entry of the state without a record.
   * `hidden`: a record replaced an entry that has none.
   */
  readonly kind: 'chain' | 'invalid' | 'forged' | 'unrecorded' | 'hidden'
  readonly error: StatemeshError
  /** The key concerned, where there is one. */
  readonly key: string | undefined
}

export interface AuditReport {
  readonly changes: number
  /** Empty if all is well. */
  readonly problems: readonly AuditProblem[]
}

export interface AuditToVerify {
  readonly index: AuditIndex
  readonly registers: RegisterPartition
  readonly logs: readonly LogPartition<unknown>[]
  readonly invalid: readonly StatemeshError[]
  /** Entries from before it, in milliseconds since the epoch, need no record. */
  readonly horizon: number
}

export function verifyAudit(audit: AuditToVerify): AuditReport {
  const { index, logs, invalid } = audit
  const chains = logs.flatMap(log => log.verify().problems)
  const problems: AuditProblem[] = [
    ...chains.map(({ error }): AuditProblem => ({ kind: 'chain', error, key: undefined })),
    ...invalid.map((error): AuditProblem => ({ kind: 'invalid', error, key: undefined })),
    ...index.all().flatMap(change => checkChange(change, audit)),
    ...checkState(audit),
  ]
  return Object.freeze({ changes: index.size, problems: Object.freeze(problems) })
}

function checkChange(change: AuditChange, audit: AuditToVerify): AuditProblem[] {
  const { key, writer, position, replaced } = change
  const problems: AuditProblem[] = []
  if (isForged(change)) {
    const why = `writer ${position.writer} recorded a change of writer ${writer}`
    problems.push(problem('forged', key, why))
  }
  for (const entry of replaced) {
    if (audit.index.has(key, entry) || isBefore(entry, audit.horizon)) continue
    problems.push(problem('hidden', key, `an entry of ${entry.actor} was replaced`))
  }
  return problems
}

function checkState({ index, registers, horizon }: AuditToVerify): AuditProblem[] {
  const problems: AuditProblem[] = []
  const keys = new Set([...registers.keys(), ...index.keys()])
  for (const key of keys) {
    for (const entry of registers.siblings(key)) {
      if (entry.reaped) continue // nobody wrote that
      const change = index.get(key, entry)
      if (change === undefined) {
        if (isBefore(entry, horizon)) continue
        problems.push(problem('unrecorded', key, `an entry of ${entry.actor} has no record`))
      } else if (!matches(change, entry)) {
        problems.push(
          problem('forged', key, `the entry of ${entry.actor} is not what was recorded`),
        )
      }
    }
  }
  return problems
}

function matches(change: AuditChange, entry: { value: unknown; actor: string; deleted: boolean }) {
  if (change.actor !== entry.actor || change.deleted !== entry.deleted) return false
  const recorded = change.kept ? changeDigest(change) : change.digest
  return recorded === changeDigest({ key: change.key, value: entry.value })
}

/** A record goes by the time at which it is made, its change by a clock that may be ahead of that. */
const slackMilliseconds = 60_000

function isBefore({ timestamp }: EntryName, horizon: number): boolean {
  return horizon > 0 && timestampMilliseconds(timestamp as never) < horizon + slackMilliseconds
}

function problem(kind: 'forged' | 'unrecorded' | 'hidden', key: string, why: string): AuditProblem {
  const code = kind === 'forged' ? 'ENTRY_FORGED' : 'AUDIT_MISSING'
  return Object.freeze({
    kind,
    key,
    error: new StatemeshError(code, `${JSON.stringify(key)}: ${why}`),
  })
}
