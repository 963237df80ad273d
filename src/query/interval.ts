/**
 * Intervals of index keys: where in an index that must be which a condition of a filter allows. They
 * may allow too much, since what is found is tried again, but never too little.
 */
import { compareKeys, type IndexKey, opaque } from './index-key.ts'

/** From `low` to `high`, both within it unless open. */
export interface Interval {
  readonly low: IndexKey
  readonly lowOpen: boolean
  readonly high: IndexKey
  readonly highOpen: boolean
}

export function point(key: IndexKey): Interval {
  return { low: key, lowOpen: false, high: key, highOpen: false }
}

export function isPoint({ low, high }: Interval): boolean {
  return compareKeys(low, high) === 0
}

export function holds({ low, lowOpen, high, highOpen }: Interval, key: IndexKey): boolean {
  const aboveLow = compareKeys(key, low)
  if (aboveLow < 0 || (aboveLow === 0 && lowOpen)) return false
  const aboveHigh = low === high ? aboveLow : compareKeys(key, high)
  return aboveHigh < 0 || (aboveHigh === 0 && !highOpen)
}

export type Comparison = '$gt' | '$gte' | '$lt' | '$lte'

/** All keys of a type that compare so with a key, and NaN too, which mingo holds to equal all. */
export function compared(operator: Comparison, key: IndexKey): readonly Interval[] {
  const { low, high, highOpen } = bracketOf(key)
  if (operator === '$lt' || operator === '$lte') {
    return [{ low, lowOpen: false, high: key, highOpen: operator === '$lt' }]
  }
  const above = { low: key, lowOpen: operator === '$gt', high, highOpen }
  return typeof key === 'string' || typeof key === 'boolean' ? [above] : [point(low), above]
}

/** The least and the greatest key of the type of one. */
function bracketOf(key: IndexKey): Pick<Interval, 'low' | 'high' | 'highOpen'> {
  switch (typeof key) {
    case 'string':
      return { low: '', high: opaque, highOpen: true }
    case 'boolean':
      return { low: false, high: true, highOpen: false }
    case 'number':
      return { low: Number.NaN, high: Number.POSITIVE_INFINITY, highOpen: false }
    default:
      return { low: new Date(Number.NaN), high: new Date(datesMax), highOpen: false }
  }
}

/** The greatest time of a Date. */
const datesMax = 8.64e15

/** What is in both; each is in order, without overlap, and so is the result. */
export function intersect(a: readonly Interval[], b: readonly Interval[]): Interval[] {
  return a.flatMap(one => b.map(other => overlap(one, other))).filter(isNotEmpty)
}

function overlap(a: Interval, b: Interval): Interval {
  const byLow = compareKeys(a.low, b.low) || Number(a.lowOpen) - Number(b.lowOpen)
  const byHigh = compareKeys(a.high, b.high) || Number(b.highOpen) - Number(a.highOpen)
  const { low, lowOpen } = byLow >= 0 ? a : b
  const { high, highOpen } = byHigh <= 0 ? a : b
  return { low, lowOpen, high, highOpen }
}

function isNotEmpty({ low, lowOpen, high, highOpen }: Interval): boolean {
  const order = compareKeys(low, high)
  return order < 0 || (order === 0 && !lowOpen && !highOpen)
}
