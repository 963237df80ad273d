/**
 * The policy `merge`: the live siblings become one value, field by field. A deletion loses to an
 * update that did not see it. Values that are not plain objects, and fields without a choice that
 * are not plain objects in all siblings, are taken from the latest sibling that has them.
 *
 * A sibling is a whole value and does not say which of its fields its author changed. So `latest`
 * takes a field from the latest sibling that has it, even if an earlier one had changed it; give
 * fields that are written apart keys of their own.
 */

import type { MergeChoice, MergeTree } from '../../model/partition-definition.ts'
import { canonicalText } from '../../model/value.ts'
import type { Policy } from './policy.ts'

type PlainObject = Record<string, unknown>

export function merge(fields: MergeTree | undefined): Policy {
  return siblings => {
    const live = siblings.filter(({ deleted }) => !deleted).map(({ value }) => value)
    return mergeValues(live, fields)
  }
}

/** One of several values, the latest first; undefined where there is none. */
function mergeValues(values: readonly unknown[], choice: MergeChoice | MergeTree | undefined) {
  if (values.length < 2) return values[0]
  switch (choice) {
    case 'latest':
      return values[0]
    case 'max':
      return values.reduce((best, value) => (compareValues(value, best) > 0 ? value : best))
    case 'min':
      return values.reduce((best, value) => (compareValues(value, best) < 0 ? value : best))
    case 'union':
      return union(values)
    default:
      return values.every(isPlainObject) ? mergeObjects(values, choice ?? {}) : values[0]
  }
}

function mergeObjects(objects: readonly PlainObject[], fields: MergeTree): PlainObject {
  const names = new Set(objects.flatMap(object => Object.keys(object)).sort())
  const pairs = [...names].map((name): [string, unknown] => {
    const having = objects.filter(object => Object.hasOwn(object, name))
    const choice = Object.hasOwn(fields, name) ? fields[name] : undefined
    return [
      name,
      mergeValues(
        having.map(object => object[name]),
        choice,
      ),
    ]
  })
  return Object.fromEntries(pairs)
}

function isPlainObject(value: unknown): value is PlainObject {
  if (typeof value !== 'object' || value === null) return false
  return Object.getPrototypeOf(value) === Object.prototype
}

/**
 * All elements of arrays or sets, and all entries of maps (for one key the latest entry), those
 * of the earliest sibling first. Anything else is taken from the latest.
 */
function union(values: readonly unknown[]): unknown {
  const earliestFirst = [...values].reverse()
  if (values.every(Array.isArray)) return distinct(earliestFirst.flat())
  if (values.every(value => value instanceof Set)) {
    return new Set(distinct(earliestFirst.flatMap(set => [...(set as Set<unknown>)])))
  }
  if (values.every(value => value instanceof Map)) {
    const merged = new Map<string, [unknown, unknown]>()
    for (const map of earliestFirst as Map<unknown, unknown>[]) {
      for (const [key, value] of map) merged.set(canonicalText(key), [key, value])
    }
    return new Map(merged.values())
  }
  return values[0]
}

function distinct(elements: readonly unknown[]): unknown[] {
  const seen = new Map<string, unknown>()
  for (const element of elements) {
    const text = canonicalText(element)
    if (!seen.has(text)) seen.set(text, element)
  }
  return [...seen.values()]
}

/**
 * Numbers of both kinds and dates compare by size, texts by code unit. Across kinds, and for what
 * has no order, the canonical texts decide, so that there is one answer everywhere.
 */
function compareValues(a: unknown, b: unknown): number {
  const left = a instanceof Date ? a.getTime() : a
  const right = b instanceof Date ? b.getTime() : b
  const numeric = isNumeric(left) && isNumeric(right)
  if (numeric || (typeof left === 'string' && typeof right === 'string')) {
    return left < right ? -1 : left > right ? 1 : 0
  }
  if (isNumeric(left) !== isNumeric(right)) return isNumeric(left) ? 1 : -1
  const [leftText, rightText] = [canonicalText(a), canonicalText(b)]
  return leftText < rightText ? -1 : leftText > rightText ? 1 : 0
}

/** NaN has no place among numbers; as any other thing without an order, it is less than them. */
function isNumeric(value: unknown): value is number | bigint {
  return typeof value === 'bigint' || (typeof value === 'number' && !Number.isNaN(value))
}
