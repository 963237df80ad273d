/**
 * A value as filters see it, in what mingo knows how to read: a Set is the array of its members, a
 * Map the object of its entries, and a value that is no object is the field `_value` of one.
 */

import type { StoredValue } from '../model/value.ts'

/** What a filter is tried on. */
export interface Subject {
  readonly [field: string]: unknown
}

export function subjectOf({ value, mutable }: StoredValue): Subject {
  const plain = mutable ? plainValue(value) : value
  return isObject(plain) ? plain : { _value: plain }
}

/** The value itself where there is nothing to replace in it. */
export function plainValue(value: unknown): unknown {
  if (isPlain(value)) return value
  if (Array.isArray(value)) return value.map(plainValue)
  if (value instanceof Set) return [...value].map(plainValue)
  if (value instanceof Map) return plainMap(value)
  const fields = Object.entries(value as object)
  return Object.fromEntries(fields.map(([name, field]) => [name, plainValue(field)]))
}

function isPlain(value: unknown): boolean {
  if (typeof value !== 'object' || value === null) return true
  if (Array.isArray(value)) return value.every(isPlain)
  if (value instanceof Set || value instanceof Map) return false
  if (!isObject(value)) return true
  for (const name in value) if (!isPlain(value[name])) return false
  return true
}

/** Only what has a name as a field has: keys that are text or numbers. */
function plainMap(map: ReadonlyMap<unknown, unknown>): object {
  const named = [...map].filter(([key]) => typeof key === 'string' || typeof key === 'number')
  return Object.fromEntries(named.map(([key, value]) => [String(key), plainValue(value)]))
}

export function isObject(value: unknown): value is Record<string, unknown> {
  if (typeof value !== 'object' || value === null) return false
  const prototype = Object.getPrototypeOf(value)
  return prototype === Object.prototype || prototype === null
}
