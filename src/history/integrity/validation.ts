/** What is stored against the schemas: writes from elsewhere are not checked as they come in. */
import type { z } from 'zod'
import { toStatemeshError } from '../../base/error.ts'
import type { Sibling } from '../../model/partition-definition.ts'
import type { LogPartition } from '../../partition/log/log-partition.ts'
import {
  type EventSchemas,
  type EventsDefinition,
  readEvent,
  type StoredEvent,
} from '../events/event-definition.ts'

/** One way in which a stored value breaks its schema. */
export interface Violation {
  /** The key, or `<writer>:<seq>` for an entry of a log. */
  readonly place: string
  /** Where in the value; empty for the value itself. */
  readonly path: readonly (string | number)[]
  readonly message: string
  readonly actor: string
}

export interface ValidationReport {
  readonly valid: boolean
  /** How many values were looked at. */
  readonly checked: number
  readonly violations: readonly Violation[]
}

/** What has keys, and entries under them. */
export interface StoredRegisters {
  keys(): Iterable<string>
  siblings(key: string): readonly Sibling[]
}

/**
 * Checks every stored entry of a partition of registers, those that do not win included. A partition
 * with migrations is checked in the form of its version.
 *
 * @throws CLOSED
 */
export function validateRegisters(
  { schema }: { readonly schema: z.ZodType | undefined },
  registers: StoredRegisters,
): ValidationReport {
  const violations: Violation[] = []
  let checked = 0
  for (const key of registers.keys()) {
    for (const { deleted, value, actor } of registers.siblings(key)) {
      if (deleted) continue
      checked += 1
      if (schema !== undefined) violations.push(...violationsOf(schema, value, key, actor))
    }
  }
  return report(checked, violations)
}

/**
 * Checks every entry of an event log: that it is an event of a declared type, and its data.
 *
 * @throws CLOSED
 */
export function validateEvents<Schemas extends EventSchemas>(
  definition: EventsDefinition<Schemas>,
  log: Pick<LogPartition<StoredEvent>, 'entries'>,
): ValidationReport {
  const violations: Violation[] = []
  let checked = 0
  for (const entry of log.entries()) {
    checked += 1
    const { writer, seq, actor } = entry
    const place = `${writer}:${seq}`
    const event = readEvent(definition, entry)
    if (event === undefined) {
      const message = 'it is no event of a declared type'
      violations.push(Object.freeze({ place, path: ['type'], message, actor }))
    } else {
      const schema = definition.schemas[event.type] as z.ZodType
      violations.push(...violationsOf(schema, event.data, place, actor))
    }
  }
  return report(checked, violations)
}

function violationsOf(
  schema: z.ZodType,
  value: unknown,
  place: string,
  actor: string,
): Violation[] {
  try {
    const parsed = schema.safeParse(value)
    if (parsed.success) return []
    return parsed.error.issues.map(({ path, message }) => {
      const parts = path.map(part => (typeof part === 'number' ? part : String(part)))
      return Object.freeze({ place, path: Object.freeze(parts), message, actor })
    })
  } catch (thrown) {
    // A schema of the user's may do more than look.
    const { message } = toStatemeshError(thrown, 'VALUE_INVALID')
    return [Object.freeze({ place, path: [], message, actor })]
  }
}

function report(checked: number, violations: Violation[]): ValidationReport {
  return Object.freeze({
    valid: violations.length === 0,
    checked,
    violations: Object.freeze(violations),
  })
}
