/** What the conditions of a filter allow a field to be, as far as an index can tell. */
import { bucketOf, keyField } from './entry-fields.ts'
import type { FieldFilter } from './filter.ts'
import { compareKeys, type IndexKey } from './index-key.ts'
import { type Comparison, compared, type Interval, point } from './interval.ts'

/** One condition: a field has a key in one of the intervals, which are in order. */
export interface Clause {
  readonly path: string
  readonly intervals: readonly Interval[]
}

/** The clauses of a field, and whether they say all of its conditions. */
export function clausesOf({ path, conditions }: FieldFilter): {
  clauses: Clause[]
  complete: boolean
} {
  const clauses: Clause[] = []
  let complete = true
  for (const [operator, operand] of Object.entries(conditions)) {
    const intervals = intervalsOf(operator, operand)
    if (intervals !== undefined) clauses.push({ path, intervals })
    else complete = false
    if (operator !== '$all') continue
    for (const element of operand as unknown[]) {
      const own = intervalsOf('$eq', element)
      if (own !== undefined && element !== null) clauses.push({ path, intervals: own })
    }
  }
  return { clauses, complete }
}

function intervalsOf(operator: string, operand: unknown): readonly Interval[] | undefined {
  switch (operator) {
    case '$eq':
      return points([operand])
    case '$in':
      return points(operand as unknown[])
    case '$gt':
    case '$gte':
    case '$lt':
    case '$lte':
      return compared(operator satisfies Comparison, operand as IndexKey)
    default:
      return undefined
  }
}

/** Undefined if one of them is no scalar. Null is what is absent, too. */
function points(values: readonly unknown[]): readonly Interval[] | undefined {
  if (!values.every(isScalar)) return undefined
  const keys = values.filter(value => value !== null).sort(compareKeys)
  const distinct = keys.filter((key, index) => index === 0 || compareKeys(key, keys[index - 1]) > 0)
  const absent = values.includes(null) ? [point(undefined), point(null)] : []
  return [...absent, ...distinct.map(point)]
}

function isScalar(value: unknown): value is IndexKey {
  return typeof value !== 'object' || value === null || value instanceof Date
}

/** The keys that clauses allow; undefined if they do not say. */
export function keysAllowed(clauses: readonly Clause[]): string[] | undefined {
  const clause = clauses.find(({ path, intervals }) => {
    return path === keyField && intervals.every(({ low, high }) => low === high)
  })
  const keys = clause?.intervals.map(({ low }) => low)
  return keys?.filter(key => typeof key === 'string')
}

/**
 * The buckets in which the keys of intervals are, in order and apart: what is apart may share a bucket.
 * Undefined for keys that are in none.
 */
export function bucketIntervals(
  intervals: readonly Interval[],
  width: number,
): readonly Interval[] | undefined {
  const ranges: [number, number][] = []
  for (const { low, high } of intervals) {
    const [first, last] = [bucketOf(low, width), bucketOf(high, width)]
    if (first === undefined || last === undefined) return undefined
    ranges.push([first, last])
  }
  const buckets: Interval[] = []
  for (const [low, high] of ranges.sort(([a], [b]) => compareKeys(a, b))) {
    const before = buckets.at(-1)
    if (before === undefined || compareKeys(low, before.high) > 0) {
      buckets.push({ low, lowOpen: false, high, highOpen: false })
    } else if (compareKeys(high, before.high) > 0) {
      buckets.splice(-1, 1, { ...before, high })
    }
  }
  return buckets
}
