/**
 * Values as they stand in a partition with migrations. One of version 1 stands as it is, so that
 * what was written before there were migrations is one. A later one says its version, and carries
 * older forms as far as its steps lead back.
 *
 * Nothing stored is ever rewritten by a migration: values are brought to the version of their reader
 * as they are read, and get its form when somebody writes them. So there is nothing that two
 * replicas could do at once and differently, and nothing to be in conflict with.
 */
import { StatemeshError, toStatemeshError } from '../../base/error.ts'
import { timestampMilliseconds } from '../../clock/hybrid-clock.ts'
import { freezeValue, handOut } from '../../model/value.ts'
import type { MigratedEntry, MigrationStep } from './migration-definition.ts'

const versionKey = 'statemesh:version'

/** A value with the forms that it has. */
export interface StoredForm {
  readonly version: number
  readonly value: unknown
  /** By version, below that of the value. */
  readonly older: { readonly [version: string]: unknown }
}

/** What of an entry is needed to read it. */
export interface StoredEntry {
  readonly value: unknown
  readonly actor: string
  readonly timestamp: number
}

export function readForm(stored: unknown): StoredForm {
  if (typeof stored !== 'object' || stored === null || !Object.hasOwn(stored, versionKey)) {
    return { version: 1, value: stored, older: {} }
  }
  const { [versionKey]: version, value, older = {} } = stored as { [field: string]: unknown }
  const plain = typeof older === 'object' && older !== null
  if (!plain || !Number.isSafeInteger(version) || Number(version) < 2 || value === undefined) {
    throw new StatemeshError('ENTRY_INVALID', 'its version is malformed')
  }
  return { version: version as number, value, older: older as StoredForm['older'] }
}

/**
 * The value of an entry in the form of the last step.
 *
 * @throws SCHEMA_NEWER when it has only newer forms, MIGRATION_FAILED when a step throws or gives
 * what cannot be stored, ENTRY_INVALID
 */
export function upgrade(steps: readonly MigrationStep[], key: string, entry: StoredEntry): unknown {
  const { actor, timestamp } = entry
  const time = timestampMilliseconds(timestamp as never)
  const of: MigratedEntry = Object.freeze({ key, actor, time })
  let { version, value } = readableForm(steps.length + 1, key, readForm(entry.value))
  for (const step of steps.slice(version - 1)) {
    value = run(key, step.to, () => step.up(value, of))
    version = step.to
  }
  return value
}

/** @throws SCHEMA_NEWER */
function readableForm(
  readerVersion: number,
  key: string,
  form: StoredForm,
): { version: number; value: unknown } {
  if (form.version <= readerVersion) return form
  const versions = Object.keys(form.older).map(Number)
  const version = Math.max(...versions.filter(version => version <= readerVersion), 0)
  const value = form.older[version]
  if (version > 0 && value !== undefined) return { version, value }
  const why = `${JSON.stringify(key)} was written in version ${form.version}, which is newer`
  throw new StatemeshError('SCHEMA_NEWER', why)
}

/**
 * What is stored for a value of the last step's version.
 *
 * @param active the version that all readers are held to have: older forms reach down to it
 * @throws MIGRATION_PENDING when they cannot, MIGRATION_FAILED, VALUE_INVALID for a value that looks
 * like one of a later version
 */
export function storedForm(
  steps: readonly MigrationStep[],
  key: string,
  value: unknown,
  active: number,
): unknown {
  const version = steps.length + 1
  if (version === 1) {
    if (readForm(value).version === 1) return value
    throw new StatemeshError('VALUE_INVALID', `the field ${versionKey} is not for users`)
  }
  const older: { [version: string]: unknown } = {}
  let form = value
  let reached = version
  for (const { to, down } of [...steps].reverse()) {
    if (down === undefined) break
    form = run(key, to, () => down(form, key))
    reached = to - 1
    older[reached] = form
  }
  if (reached > active) {
    const why = `replicas may be on version ${active}, which cannot read version ${version}: migrate first`
    throw new StatemeshError('MIGRATION_PENDING', why)
  }
  return { [versionKey]: version, value, ...(reached < version && { older }) }
}

function run(key: string, version: number, step: () => unknown): unknown {
  try {
    const value = step()
    if (value === undefined) throw new Error('it gave no value')
    return handOut(freezeValue(value))
  } catch (cause) {
    const { message } = toStatemeshError(cause, 'MIGRATION_FAILED')
    const why = `${JSON.stringify(key)}, step to version ${version}: ${message}`
    throw new StatemeshError('MIGRATION_FAILED', why, { cause })
  }
}
