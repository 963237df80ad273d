/** Queries over one source of entries or several: what users call. */
import { StatemeshError } from '../base/error.ts'
import { cursorText, readCursor } from './cursor.ts'
import type { Filter, Sort } from './filter-types.ts'
import { LiveQuery } from './live-query.ts'
import { comparePositions, type Position } from './order.ts'
import type { Access, Plan } from './plan.ts'
import type { CompiledQuery, QueryEngine, SearchResult } from './query-engine.ts'

/** An entry that was found. */
export interface Found<Value> {
  readonly key: string
  /** Frozen; a value that holds a Map, Set, Date or bytes, which cannot be, is a copy instead. */
  readonly value: Value
}

export interface FindOptions {
  /** By key unless given; those that tie stand by key, in the direction of the last field. */
  readonly sort?: Sort
  /** At most so many, the first in that order; all unless given. */
  readonly limit?: number
}

export interface PageOptions extends FindOptions {
  /** Default 100. */
  readonly limit?: number
  /** The `next` of the page before; the filter and the sort have to be the same. */
  readonly after?: string | undefined
}

export interface Page<Result> {
  readonly results: readonly Result[]
  /** The cursor for the page behind this one; undefined where this was the last. */
  readonly next: string | undefined
}

/** How a query was answered. */
export interface Explanation {
  /**
   * `scan` looked at every entry; `keys` at those that the filter names; `index` at what one index
   * leads to, `intersection` at what several do, `union` at what the parts of an `$or` do; `ordered`
   * read an index in the order asked for until there were enough.
   */
  readonly plan: 'scan' | 'keys' | 'index' | 'intersection' | 'union' | 'ordered'
  /** The indexes that were used. */
  readonly indexes: readonly string[]
  /** Entries that were tried against the filter. */
  readonly examined: number
  readonly found: number
}

/** One of the sources, and what its entries are told as. */
export interface QuerySource<Value, Result> {
  readonly engine: QueryEngine<Value>
  /** Its name among several; empty for one alone. */
  readonly place: string
  result(key: string, value: Value): Result
}

const pageLimitDefault = 100

export class Queries<Value, Result extends Found<Value>> {
  readonly #sources: readonly QuerySource<Value, Result>[]

  /** Not for users. */
  constructor(sources: readonly QuerySource<Value, Result>[]) {
    this.#sources = sources
  }

  find(filter: Filter<Value> = {} as Filter<Value>, options: FindOptions = {}): Result[] {
    return this.#search(filter, options).map(({ source, position }) => resultOf(source, position))
  }

  page(filter: Filter<Value> = {} as Filter<Value>, options: PageOptions = {}): Page<Result> {
    const { limit = pageLimitDefault, after, ...others } = options
    checkLimit(limit, 1)
    // One more tells whether there is a page behind this one.
    const found = this.#search(filter, { ...others, limit: limit + 1, after })
    const shown = found.slice(0, limit)
    const last = shown.at(-1)
    const next = found.length > limit && last ? cursorText(last.query, last.position) : undefined
    const results = shown.map(({ source, position }) => resultOf(source, position))
    return Object.freeze({ results: Object.freeze(results), next })
  }

  count(filter: Filter<Value> = {} as Filter<Value>): number {
    return this.#sources.reduce((sum, { engine }) => {
      return sum + engine.count(engine.compile(filter, undefined))
    }, 0)
  }

  explain(
    filter: Filter<Value> = {} as Filter<Value>,
    { sort, limit }: FindOptions = {},
  ): Explanation[] {
    checkLimit(limit, 0)
    return this.#sources.map(({ engine }) => {
      return explanationOf(engine.search(engine.compile(filter, sort), { limit }))
    })
  }

  live(
    filter: Filter<Value> = {} as Filter<Value>,
    { sort, limit }: FindOptions = {},
  ): LiveQuery<Result> {
    checkLimit(limit, 0)
    const sources = this.#sources.map(({ engine, place, result }) => {
      if (engine.isDraft) {
        throw new StatemeshError('OPTION_INVALID', 'a live query begins outside of transactions')
      }
      return { engine, result, query: engine.compile(filter, sort, place) }
    })
    return new LiveQuery<Result>(sources as never, limit)
  }

  #search(
    filter: Filter<Value>,
    { sort, limit, after }: PageOptions,
  ): { source: QuerySource<Value, Result>; query: CompiledQuery; position: Position }[] {
    checkLimit(limit, 0)
    let first: CompiledQuery | undefined
    const found = this.#sources.flatMap(source => {
      const query = source.engine.compile(filter, sort, source.place)
      first ??= query
      const position = after === undefined ? undefined : readCursor(query, after)
      const { matches } = source.engine.search(query, { limit, after: position })
      return matches.map(match => ({ source, query, position: match }))
    })
    if (this.#sources.length === 1 || first === undefined) return found
    const { order } = first
    found.sort((a, b) => comparePositions(order, a.position, b.position))
    return limit === undefined ? found : found.slice(0, limit)
  }
}

function resultOf<Value, Result>(
  { engine, result }: QuerySource<Value, Result>,
  { key }: Position,
): Result {
  return result(key, engine.reader.get(key) as Value)
}

/** @throws OPTION_INVALID */
function checkLimit(limit: unknown, least: number): void {
  if (limit === undefined || (Number.isSafeInteger(limit) && (limit as number) >= least)) return
  throw new StatemeshError('OPTION_INVALID', `limit must be an integer from ${least}`)
}

function explanationOf({ plan, examined, matches }: SearchResult): Explanation {
  const indexes = Object.freeze([...new Set(indexesOf(plan))])
  return Object.freeze({ plan: wordFor(plan), indexes, examined, found: matches.length })
}

function indexesOf(plan: Plan): string[] {
  if (plan.kind === 'ordered') return [plan.access.index.name]
  return plan.kind === 'scan' ? [] : plan.accesses.flatMap(namesIn)
}

function namesIn(access: Access): string[] {
  if (access.kind === 'spans') return [access.index.name]
  return access.kind === 'keys' ? [] : access.accesses.flatMap(namesIn)
}

function wordFor(plan: Plan): Explanation['plan'] {
  if (plan.kind !== 'access') return plan.kind
  const [access] = plan.accesses
  if (plan.accesses.length > 1) return 'intersection'
  return access.kind === 'spans' ? 'index' : access.kind
}
