/** Tries the steps of a migration on every entry, and changes nothing. */
import { StatemeshError, toStatemeshError } from '../../base/error.ts'
import type { Sibling } from '../../model/partition-definition.ts'
import { canonicalText } from '../../model/value.ts'
import { parseValue } from '../../partition/parse-value.ts'
import type { RegisterPartition } from '../../partition/register/register-partition.ts'
import type { MigrationsDefinition } from './migration-definition.ts'
import { readForm, upgrade } from './stored-form.ts'

/** A key that a step fails for, or that cannot be read. */
export interface MigrationFailure {
  readonly key: string
  readonly error: StatemeshError
}

/** What becomes of an entry. */
export interface MigratedValue<Value = unknown> {
  readonly key: string
  /** The version that it is stored in. */
  readonly version: number
  readonly before: unknown
  readonly after: Value
}

export interface MigrationPlan<Value = unknown> {
  /** The entries that are stored in earlier versions. */
  readonly changes: readonly MigratedValue<Value>[]
  /** Empty if all is well. */
  readonly failures: readonly MigrationFailure[]
}

/**
 * The keys with a value, also those that read as deleted because a deletion stands beside the value:
 * whoever settles that may bring it back.
 */
export function keysWithValues(registers: RegisterPartition<unknown>): Set<string> {
  return new Set([...registers.keys(), ...registers.conflicts().map(({ key }) => key)])
}

export function dryRun<Value>(
  definition: MigrationsDefinition<Value>,
  registers: RegisterPartition<unknown>,
): MigrationPlan<Value> {
  const changes: MigratedValue<Value>[] = []
  const failures: MigrationFailure[] = []
  for (const key of keysWithValues(registers)) {
    for (const sibling of registers.siblings(key)) {
      if (sibling.deleted) continue
      try {
        const change = tryEntry(definition, key, sibling)
        if (change.version < definition.of.version) changes.push(change)
      } catch (thrown) {
        const error = toStatemeshError(thrown, 'MIGRATION_FAILED')
        failures.push(Object.freeze({ key, error }))
      }
    }
  }
  return { changes, failures }
}

/** @throws MIGRATION_FAILED, SCHEMA_NEWER, ENTRY_INVALID */
function tryEntry<Value>(
  { of, steps }: MigrationsDefinition<Value>,
  key: string,
  sibling: Sibling,
): MigratedValue<Value> {
  const { version, value: before } = readForm(sibling.value)
  const after = upgrade(steps, key, sibling)
  if (canonicalText(after) !== canonicalText(upgrade(steps, key, sibling))) {
    const why = `${JSON.stringify(key)}: a step gives another value each time`
    throw new StatemeshError('MIGRATION_FAILED', why)
  }
  try {
    parseValue(of.schema, after)
  } catch (cause) {
    const { message } = toStatemeshError(cause, 'VALUE_INVALID')
    const why = `${JSON.stringify(key)} breaks the schema of version ${of.version}: ${message}`
    throw new StatemeshError('MIGRATION_FAILED', why, { cause })
  }
  return Object.freeze({ key, version, before, after: after as Value })
}
