/**
 * What indexes are ordered by: the scalars in a field, in one order over all types. Absent first,
 * then null, numbers (NaN first), text by its UTF-16 units, objects and bytes, booleans, dates.
 */
import { StatemeshError } from '../base/error.ts'
import { canonicalText } from '../model/value.ts'

/** An object or bytes: sorted by their text, and never looked up in an index. */
export class OpaqueKey {
  readonly text: string

  constructor(text: string) {
    this.text = text
  }
}

export type IndexKey = undefined | null | number | bigint | string | boolean | Date | OpaqueKey

/** Stands for all of them in an index, where their order is of no use. */
export const opaque: OpaqueKey = Object.freeze(new OpaqueKey(''))

export function compareKeys(a: IndexKey, b: IndexKey): number {
  if (a === b) return 0
  if (typeof a === 'string' && typeof b === 'string') return a < b ? -1 : 1
  if (typeof a === 'number' && typeof b === 'number') return compareNumbers(a, b)
  const rank = rankOf(a)
  const difference = rank - rankOf(b)
  return difference !== 0 ? difference : compareWithin(a, b)
}

function compareWithin(a: IndexKey, b: IndexKey): number {
  if (a instanceof Date && b instanceof Date) return compareNumbers(a.getTime(), b.getTime())
  if (a instanceof OpaqueKey && b instanceof OpaqueKey) return compareNumbers(a.text, b.text)
  return compareNumbers(a as number, b as number)
}

/** Numbers, bigints, booleans or text, of one type or of two that compare; NaN is the least. */
function compareNumbers<Ordered extends number | bigint | boolean | string>(
  a: Ordered,
  b: Ordered,
): number {
  if (a < b) return -1
  if (a > b) return 1
  return Number(isNotANumber(b)) - Number(isNotANumber(a))
}

function isNotANumber(value: unknown): boolean {
  return Number.isNaN(value)
}

function rankOf(key: IndexKey): number {
  switch (typeof key) {
    case 'undefined':
      return 0
    case 'number':
    case 'bigint':
      return 2
    case 'string':
      return 3
    case 'boolean':
      return 5
    default:
      return key === null ? 1 : key instanceof OpaqueKey ? 4 : 6
  }
}

/** Whether a key is equal to another only where what the two stand for is. */
export function isExact(key: IndexKey): boolean {
  switch (typeof key) {
    case 'number':
      return !Number.isNaN(key)
    case 'object':
      return key === null || (key instanceof Date && !Number.isNaN(key.getTime()))
    default:
      return typeof key === 'string' || typeof key === 'boolean' || key === undefined
  }
}

/** What a field that was read counts as in an index: itself, or each element of an array. */
export function keysOf(read: unknown): readonly IndexKey[] {
  if (!Array.isArray(read)) return [scalarOf(read)]
  if (read.length === 0) return [undefined]
  const keys = read.flat(Number.POSITIVE_INFINITY).map(scalarOf).sort(compareKeys)
  return keys.filter((key, index) => index === 0 || compareKeys(key, keys[index - 1]) !== 0)
}

/** What counts for what is no array. */
export function scalarOf(value: unknown): IndexKey {
  if (typeof value !== 'object' || value === null) return value as IndexKey
  return value instanceof Date ? value : opaque
}

/** What a field that was read is sorted by: of an array the least element, or the greatest. */
export function sortKeyOf(read: unknown, direction: 1 | -1): IndexKey {
  if (!Array.isArray(read)) return sortable(read)
  let best: IndexKey
  for (const [index, element] of read.entries()) {
    const key = sortable(element)
    if (index === 0 || compareKeys(key, best) * direction < 0) best = key
  }
  return best
}

function sortable(value: unknown): IndexKey {
  const key = scalarOf(value)
  return key === opaque ? new OpaqueKey(textOf(value)) : key
}

function textOf(value: unknown): string {
  try {
    return canonicalText(value)
  } catch (thrown) {
    // What several siblings were merged into may be larger than what can be written, or a function.
    if (thrown instanceof StatemeshError) return ''
    throw thrown
  }
}
