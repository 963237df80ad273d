/** Equal query results: what an index finds, and what a live query holds, is what a look at all finds. */
import type { Filter } from '../../src/query/filter-types.ts'
import type { LiveQuery } from '../../src/query/live-query.ts'
import type { FindOptions, Found } from '../../src/query/queries.ts'
import type { QueryableRegisters } from '../../src/query/queryable-registers.ts'
import { Violation } from './violation.ts'

/** A query, and the same said another way. */
export interface Question<Value> {
  readonly filter: Filter<Value>
  readonly options?: FindOptions
  matches(value: Value): boolean
  /** By key where it is not given. */
  order?(a: readonly [string, Value], b: readonly [string, Value]): number
}

/** The keys that are found. @throws Violation where they are not those that match */
export function checkAnswer<Value>(
  where: string,
  partition: QueryableRegisters<Value>,
  question: Question<Value>,
): string[] {
  const { filter, options } = question
  const found = partition.find(filter, options).map(({ key }) => key)
  const expected = scan(partition, question)
  compare(where, question, found, expected)
  if (options === undefined && partition.count(filter) !== expected.length) {
    throw new Violation('equal queries', `${where}: ${text(filter)} counts another number`)
  }
  return found
}

/** @throws Violation where a query that stayed open holds something else than what matches */
export function checkLive<Value>(
  where: string,
  partition: QueryableRegisters<Value>,
  live: LiveQuery<Found<Value>>,
  question: Question<Value>,
): void {
  const held = live.results.map(({ key }) => key)
  compare(`${where}, live`, question, held, scan(partition, question))
}

function scan<Value>(partition: QueryableRegisters<Value>, question: Question<Value>): string[] {
  const { matches, order, options } = question
  const all: [string, Value][] = []
  for (const key of partition.keys()) {
    const value = partition.get(key)
    if (value !== undefined && matches(value)) all.push([key, value])
  }
  all.sort(order ?? (([a], [b]) => (a < b ? -1 : 1)))
  return all.slice(0, options?.limit).map(([key]) => key)
}

function compare<Value>(
  where: string,
  { filter }: Question<Value>,
  found: readonly string[],
  expected: readonly string[],
): void {
  if (found.join(' ') === expected.join(' ')) return
  const message = `${where}: ${text(filter)} finds ${found}, and there are ${expected}`
  throw new Violation('equal queries', message)
}

const text = (filter: object): string => JSON.stringify(filter)
