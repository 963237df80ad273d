/** What differs between two states of a partition. */
import { canonicalText } from '../../model/value.ts'

export interface KeyDifference<Value = unknown> {
  readonly key: string
  readonly kind: 'added' | 'changed' | 'removed'
  readonly before: Value | undefined
  readonly after: Value | undefined
}

/** Anything that has keys with values. */
export interface KeyedView<Value> {
  keys(): Iterable<string>
  get(key: string): Value | undefined
}

/** The keys that differ, in their order. */
export function diffViews<Value>(
  before: KeyedView<Value>,
  after: KeyedView<Value>,
): KeyDifference<Value>[] {
  const keys = new Set([...before.keys(), ...after.keys()])
  return [...keys].sort().flatMap(key => difference(key, before.get(key), after.get(key)))
}

function difference<Value>(
  key: string,
  before: Value | undefined,
  after: Value | undefined,
): KeyDifference<Value>[] {
  if (before === undefined && after === undefined) return []
  if (before === undefined) return [Object.freeze({ key, kind: 'added', before, after })]
  if (after === undefined) return [Object.freeze({ key, kind: 'removed', before, after })]
  if (canonicalText(before) === canonicalText(after)) return []
  return [Object.freeze({ key, kind: 'changed', before, after })]
}
