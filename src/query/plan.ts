/**
 * Chooses how a query is answered: through indexes that find few entries, through one that has the
 * order that is asked for, or by looking at everything. Whatever is chosen, every entry that is found is
 * tried against the whole filter, so a plan can be slow but not wrong.
 */
import { bucketIntervals, type Clause, clausesOf, keysAllowed } from './clause.ts'
import type { Conjunction } from './filter.ts'
import type { IndexKey } from './index-key.ts'
import { type Interval, intersect, isPoint } from './interval.ts'
import type { Order } from './order.ts'
import type { IndexPart, SecondaryIndex, Span } from './secondary-index.ts'

/** A way to entries, among which are all that match. */
export type Access = SpanAccess | KeyAccess | UnionAccess

interface SpanAccess {
  readonly kind: 'spans'
  readonly index: SecondaryIndex
  /** In order, and apart. */
  readonly spans: readonly Span[]
  readonly count: number
  /** What it takes account of. */
  readonly clauses: ReadonlySet<Clause>
  /** Whether that is all that the filter asks for, and exactly so. */
  readonly exact: boolean
}

interface KeyAccess {
  readonly kind: 'keys'
  readonly keys: readonly string[]
  readonly count: number
}

interface UnionAccess {
  readonly kind: 'union'
  readonly accesses: readonly Access[]
  readonly count: number
}

/** An index that is read in its own order, or backwards, and gives the order asked for. */
export interface OrderedAccess {
  readonly index: SecondaryIndex
  readonly spans: readonly Span[]
  readonly count: number
  /** The keys in front of those that are sorted by, the same for all. */
  readonly prefix: readonly IndexKey[]
}

export type Plan =
  | { readonly kind: 'scan' }
  | { readonly kind: 'access'; readonly accesses: readonly [Access, ...Access[]] }
  | { readonly kind: 'ordered'; readonly access: OrderedAccess }

/** Combinations of what is equal in the first fields of an index. */
const prefixesMax = 1000
/** To read a row of an index, where to try an entry is 1. */
const rowCost = 0.1
/** An intersection reads both sides, and saves trying what is in one only, which costs little more. */
const intersectedMin = 64
const intersectedRatio = 1.5
const intersectedMax = 3

export interface PlanRequest {
  readonly filter: Conjunction
  /** Undefined where it does not matter. */
  readonly order: Order | undefined
  readonly limit: number | undefined
  readonly indexes: Iterable<SecondaryIndex>
  /** How many entries there are. */
  readonly total: number
}

export function planOf(request: PlanRequest): Plan {
  const { filter, order, limit, total } = request
  const indexes = [...request.indexes]
  const accesses = accessesOf(filter, indexes).sort((a, b) => a.count - b.count)
  const [best] = accesses
  const chosen = best && ([best, ...intersected(best, accesses)] as const)
  let ordered: { access: OrderedAccess; cost: number } | undefined
  for (const index of order === undefined ? [] : indexes) {
    const found = orderedAccess(filter, order as Order, index)
    if (found === undefined) continue
    const own = orderedCost(found, limit, best?.count)
    if (ordered === undefined || own < ordered.cost) ordered = { access: found.access, cost: own }
  }
  if (ordered !== undefined && ordered.cost <= accessCost(chosen, total)) {
    return { kind: 'ordered', access: ordered.access }
  }
  return chosen === undefined ? { kind: 'scan' } : { kind: 'access', accesses: chosen }
}

/** Entries to try, where several ways have nothing to do with one another, and rows to read. */
function accessCost(accesses: readonly Access[] | undefined, total: number): number {
  if (accesses === undefined) return total
  const tried = accesses.reduce((share, { count }) => (share * count) / Math.max(1, total), total)
  return tried + accesses.reduce((rows, { count }) => rows + count, 0) * rowCost
}

/** What else to read, so that fewer entries have to be tried. */
function intersected(best: Access, accesses: readonly Access[]): Access[] {
  if (best.kind !== 'spans' || best.count < intersectedMin) return []
  const taken = new Set(best.clauses)
  const others: Access[] = []
  for (const access of accesses) {
    if (others.length + 1 >= intersectedMax) break
    if (access.kind !== 'spans' || access.count > best.count * intersectedRatio) continue
    if ([...access.clauses].every(clause => taken.has(clause))) continue
    others.push(access)
    for (const clause of access.clauses) taken.add(clause)
  }
  return others
}

function accessesOf(filter: Conjunction, indexes: readonly SecondaryIndex[]): Access[] {
  const { clauses, complete } = readClauses(filter)
  const keys = keysAllowed(clauses)
  const accesses: Access[] = keys === undefined ? [] : [{ kind: 'keys', keys, count: keys.length }]
  for (const index of indexes) {
    const access = spanAccess(index, clauses, complete)
    if (access !== undefined) accesses.push(access)
  }
  for (const group of filter.alternatives) {
    const access = unionAccess(group, indexes)
    if (access !== undefined) accesses.push(access)
  }
  return accesses
}

function readClauses({ fields, alternatives, whole }: Conjunction): ReturnType<typeof clausesOf> {
  const read = fields.map(clausesOf)
  return {
    clauses: read.flatMap(({ clauses }) => clauses),
    complete: whole && alternatives.length === 0 && read.every(({ complete }) => complete),
  }
}

/** Each alternative has to have a way of its own. */
function unionAccess(
  group: readonly Conjunction[],
  indexes: readonly SecondaryIndex[],
): Access | undefined {
  const accesses: Access[] = []
  for (const alternative of group) {
    const [best] = accessesOf(alternative, indexes).sort((a, b) => a.count - b.count)
    if (best === undefined) return undefined
    accesses.push(best)
  }
  return { kind: 'union', accesses, count: accesses.reduce((sum, { count }) => sum + count, 0) }
}

function spanAccess(
  index: SecondaryIndex,
  clauses: readonly Clause[],
  complete: boolean,
): Access | undefined {
  const { prefixes, intervals, used } = boundsOf(index, clauses)
  if (used.size === 0) return undefined
  const spans = prefixes.flatMap(prefix =>
    intervals === undefined
      ? [index.span(prefix, undefined)]
      : intervals.map(interval => index.span(prefix, interval)),
  )
  const buckets = index.parts.some(({ bucket }) => bucket !== undefined)
  return {
    kind: 'spans',
    index,
    spans,
    count: countOf(spans) + index.loose.size,
    clauses: used,
    exact: complete && !buckets && index.regular && used.size === clauses.length,
  }
}

interface Bounds {
  /** What the first fields may be. */
  readonly prefixes: readonly (readonly IndexKey[])[]
  /** What the field behind them may be; undefined for anything. */
  readonly intervals: readonly Interval[] | undefined
  readonly used: ReadonlySet<Clause>
}

function boundsOf(index: SecondaryIndex, clauses: readonly Clause[]): Bounds {
  let prefixes: readonly (readonly IndexKey[])[] = [[]]
  const used = new Set<Clause>()
  for (const [place, part] of index.parts.entries()) {
    const intervals = allowed(index, part, clauses, used)
    if (intervals === undefined) return { prefixes, intervals, used }
    const combined = prefixes.length * intervals.length
    const isLast = place === index.parts.length - 1
    if (isLast || combined > prefixesMax || !intervals.every(isPoint)) {
      return { prefixes, intervals, used }
    }
    prefixes = prefixes.flatMap(prefix => intervals.map(({ low }) => [...prefix, low]))
  }
  return { prefixes, intervals: undefined, used }
}

/** What clauses allow the key of a field to be; undefined for anything. */
function allowed(
  index: SecondaryIndex,
  { path, bucket }: IndexPart,
  clauses: readonly Clause[],
  used: Set<Clause>,
): readonly Interval[] | undefined {
  const usable = clauses.flatMap(clause => {
    const { intervals } = clause
    if (bucket !== undefined && clause.path === index.name) return [{ clause, intervals }]
    if (clause.path !== path) return []
    const own = bucket === undefined ? intervals : bucketIntervals(intervals, bucket)
    return own === undefined ? [] : [{ clause, intervals: own }]
  })
  // One element of an array may answer one clause, and another element the next.
  const points = usable.find(({ intervals }) => intervals.every(isPoint))
  const chosen = index.regular ? usable : [points ?? usable[0]].filter(one => one !== undefined)
  for (const { clause } of chosen) used.add(clause)
  const [first, ...others] = chosen.map(({ intervals }) => intervals)
  return first && others.reduce(intersect, first)
}

function orderedAccess(
  filter: Conjunction,
  { fields, direction }: Order,
  index: SecondaryIndex,
): { access: OrderedAccess; complete: boolean } | undefined {
  const { parts } = index
  const fixed = parts.length - fields.length
  if (!index.regular || fixed < 0) return undefined
  for (const [place, field] of fields.entries()) {
    const part = parts[fixed + place]
    const path = part?.bucket === undefined ? part?.path : index.name
    if (path !== field.path) return undefined
    if (field.direction !== direction) return undefined
  }
  const { clauses, complete } = readClauses(filter)
  const { prefixes, intervals, used } = boundsOf(index, clauses)
  const [prefix] = prefixes
  if (prefixes.length !== 1 || prefix === undefined) return undefined
  const access = orderedSpans(index, prefix, intervals, fixed)
  const buckets = parts.some(({ bucket }) => bucket !== undefined)
  return access && { access, complete: complete && !buckets && used.size === clauses.length }
}

/** The stretch of an index with `fixed` fields fixed, and what stands behind them in order. */
function orderedSpans(
  index: SecondaryIndex,
  prefix: readonly IndexKey[],
  intervals: readonly Interval[] | undefined,
  fixed: number,
): OrderedAccess | undefined {
  // The last field that can be fixed may be so by a single point of its intervals.
  const [first] = intervals ?? []
  const single = intervals?.length === 1 && first !== undefined && isPoint(first)
  const own = prefix.length < fixed && single ? [...prefix, first.low] : prefix
  if (own.length < fixed) return undefined
  const spans =
    intervals === undefined || own !== prefix
      ? [index.span(own, undefined)]
      : intervals.map(interval => index.span(prefix, interval))
  return { index, spans, count: countOf(spans), prefix: own.slice(0, fixed) }
}

/** How many entries are looked at until there are enough; a guess where others have to match too. */
function orderedCost(
  { access, complete }: { access: OrderedAccess; complete: boolean },
  limit: number | undefined,
  matches: number | undefined,
): number {
  const { count } = access
  if (limit === undefined) return count
  if (complete) return Math.min(count, limit)
  if (matches === undefined) return count
  return Math.min(count, Math.ceil((limit * count) / Math.max(1, matches)))
}

function countOf(spans: readonly Span[]): number {
  return spans.reduce((count, { start, end }) => count + end - start, 0)
}
