/**
 * Checks a state against its schema, only where it differs from one that was checked before. What
 * the schema would make of it (defaults, transforms) is not taken: a reducer says all itself.
 */
import { z } from 'zod'
import { StatemeshError } from '../base/error.ts'
import { parseValue } from '../partition/parse-value.ts'
import { DraftRecord } from './draft-record.ts'
import { absent } from './state-tree.ts'
import { Table } from './table.ts'

type Schema = z.core.$ZodType

/** A part to check, by its name, as it is (or was recorded by an action) and as it was. */
type Part = readonly [name: unknown, schema: Schema, next: unknown, before: unknown]

const tableValues = new WeakMap<Schema, Schema>()

/** A schema for tables, whose values all fit `values`. */
export function tableOf<Value>(values: z.ZodType<Value>): z.ZodType<Table<Value>> {
  const schema = z.custom<Table<Value>>(candidate => {
    if (!(candidate instanceof Table)) return false
    for (const value of candidate.values()) if (!values.safeParse(value).success) return false
    return true
  }, 'not a table of such values')
  tableValues.set(schema, values)
  return schema
}

/**
 * @param next a state, or what an action recorded
 * @throws VALUE_INVALID where `next` does not fit; the message names the place
 */
export function checkState(schema: Schema, next: unknown, before: unknown): void {
  check([undefined, schema, next, before], [])
}

function check([, schema, next, before]: Part, path: readonly unknown[]): void {
  if (next instanceof DraftRecord) {
    const divided = !schema._zod.def.checks?.length
    const recorded = divided ? recordedParts(schema, next) : undefined
    checkParts(recorded ?? [[undefined, schema, next.plain(), next.source.whole()]], path)
    return
  }
  if (Object.is(next, before) && before !== undefined) return
  // A schema with checks of its own (`refine`, `min`) speaks about the whole.
  const divided = before != null && next != null && !schema._zod.def.checks?.length
  const parts = divided ? partsOf(schema, next, before) : undefined
  if (parts === undefined) checkWhole(schema, next, path)
  else checkParts(parts, path)
}

function checkParts(parts: Iterable<Part>, path: readonly unknown[]): void {
  for (const part of parts) check(part, part[0] === undefined ? path : [...path, part[0]])
}

/** What an action changed within; undefined where only the whole can be checked. */
function recordedParts(schema: Schema, record: DraftRecord): Iterable<Part> | undefined {
  const { def } = (schema as z.core.$ZodTypes)._zod
  const { kind } = record.source
  switch (def.type) {
    case 'object': {
      if (def.catchall !== undefined || kind !== 'o') return undefined
      const { shape } = def
      return changedParts(record, name => shape[name as string])
    }
    case 'record':
      return kind === 'o' ? changedParts(record, () => def.valueType, def.keyType) : undefined
    case 'map':
      return kind === 'm' ? changedParts(record, () => def.valueType, def.keyType) : undefined
    case 'set':
      return kind === 's' ? changedParts(record, () => def.valueType) : undefined
    case 'optional':
    case 'nullable':
    case 'readonly':
      return [[undefined, def.innerType, record, undefined]]
    default:
      return undefined
  }
}

function* changedParts(
  record: DraftRecord,
  schemaOf: (name: unknown) => Schema | undefined,
  keys?: Schema,
): IterableIterator<Part> {
  for (const { name, value } of record.changes()) {
    const schema = schemaOf(name)
    if (keys !== undefined && !record.source.has(name)) yield [name, keys, name, undefined]
    if (schema === undefined) continue
    if (value instanceof DraftRecord) yield [name, schema, value, undefined]
    else if (value !== absent) yield [name, schema, value, record.source.valueAt(name)]
    // An entry that is gone breaks no schema; a property may.
    else if (keys === undefined && record.source.kind === 'o') yield [name, schema, undefined, null]
  }
}

function checkWhole(schema: Schema, value: unknown, path: readonly unknown[]): void {
  try {
    parseValue(schema as z.ZodType, value)
  } catch (thrown) {
    if (!(thrown instanceof StatemeshError) || path.length === 0) throw thrown
    const message = `${path.map(String).join('.')}: ${thrown.message}`
    throw new StatemeshError(thrown.code, message, { cause: thrown.cause })
  }
}

/** What may differ within; undefined where only the whole can be checked. */
function partsOf(schema: Schema, next: unknown, before: unknown): Iterable<Part> | undefined {
  const values = tableValues.get(schema)
  if (values !== undefined) {
    if (!(next instanceof Table && before instanceof Table)) return undefined
    return tableParts(values, next, before)
  }
  const { def } = (schema as z.core.$ZodTypes)._zod
  switch (def.type) {
    case 'object': {
      if (def.catchall !== undefined || !isPlain(next) || !isPlain(before)) return undefined
      return Object.entries(def.shape).map(([name, part]) => [name, part, next[name], before[name]])
    }
    case 'record': {
      if (!isPlain(next) || !isPlain(before)) return undefined
      return entryParts(def.keyType, def.valueType, new Map(Object.entries(next)), name =>
        Object.hasOwn(before, name as string) ? before[name as string] : undefined,
      )
    }
    case 'map': {
      if (!(next instanceof Map && before instanceof Map)) return undefined
      return entryParts(def.keyType, def.valueType, next, key => before.get(key))
    }
    case 'set':
      if (!(next instanceof Set && before instanceof Set)) return undefined
      return memberParts(def.valueType, next, before)
    case 'array': {
      if (!Array.isArray(next) || !Array.isArray(before)) return undefined
      return memberParts(def.element, next, new Set(before))
    }
    case 'optional':
    case 'nullable':
    case 'readonly':
      return [[undefined, def.innerType, next, before]]
    default:
      return undefined
  }
}

function tableParts(values: Schema, next: Table<unknown>, before: Table<unknown>): Part[] {
  const parts: Part[] = []
  next.compare(before, (key, was, is) => {
    if (is !== undefined) parts.push([key, values, is, was])
  })
  return parts
}

function* entryParts(
  keys: Schema,
  values: Schema,
  next: ReadonlyMap<unknown, unknown>,
  before: (key: unknown) => unknown,
): IterableIterator<Part> {
  for (const [key, value] of next) {
    const was = before(key)
    if (Object.is(value, was)) continue
    if (was === undefined) yield [key, keys, key, undefined]
    yield [key, values, value, was]
  }
}

/** Members that were there before, wherever they stood, were checked before. */
function* memberParts(
  values: Schema,
  next: Iterable<unknown>,
  before: ReadonlySet<unknown>,
): IterableIterator<Part> {
  let index = 0
  for (const member of next) {
    if (!before.has(member)) yield [index, values, member, undefined]
    index += 1
  }
}

function isPlain(value: unknown): value is Record<string, unknown> {
  if (typeof value !== 'object' || value === null) return false
  const prototype: unknown = Object.getPrototypeOf(value)
  return prototype === Object.prototype || prototype === null
}
