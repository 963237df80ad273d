/**
 * Answers queries over one source of entries, and keeps the indexes beside it.
 *
 * Invariants
 * E1. Once an index is there, every key whose entry differs from what the index says is in `#dirty`;
 *     before a query looks at an index, and after every transaction, `#dirty` is emptied.
 * E2. Nothing of a caller runs, and nothing can fail, while the source is within a transaction.
 */
import { StatemeshError } from '../base/error.ts'
import type { IndexChoice } from '../model/index-definition.ts'
import type { StoredValue } from '../model/value.ts'
import type { EntryReader, EntrySource } from '../partition/entry-source.ts'
import { BestMatches } from './best-matches.ts'
import { EntryFields } from './entry-fields.ts'
import { type Conjunction, pathsOf, readFilter } from './filter.ts'
import { rowOf } from './index-row.ts'
import { type IndexDifference, verifyIndex } from './index-verify.ts'
import { comparePositions, type Order, type Position, readSort, sortKeysOf } from './order.ts'
import type { Subject } from './plain-value.ts'
import { type Access, type OrderedAccess, type Plan, planOf } from './plan.ts'
import { predicateOf } from './predicate.ts'
import { SecondaryIndex, type Span } from './secondary-index.ts'

/** A filter and a sort, read against the indexes of one source. */
export interface CompiledQuery {
  readonly filter: Conjunction
  readonly order: Order
  /** The fields that have to be worked out for them. */
  readonly mentioned: readonly string[]
  readonly test: (subject: Subject) => boolean
  /** The name of the source among several; empty for one alone. */
  readonly place: string
}

export interface SearchOptions {
  readonly limit?: number | undefined
  /** Only what stands behind it. */
  readonly after?: Position | undefined
}

export interface SearchResult {
  readonly matches: readonly Position[]
  readonly plan: Plan
  /** How many entries were tried. */
  readonly examined: number
}

/** What wants to know which entries may read otherwise. */
export interface EngineWatcher {
  /** After a transaction. */
  settled(keys: ReadonlySet<string>): void
}

export interface QueryEngineOptions<Value> {
  readonly source: EntrySource<Value>
  readonly indexes: readonly (readonly [string, IndexChoice<never>])[]
  /** Told once of an index whose function throws: INDEX_FAILED. */
  report(problem: StatemeshError): void
}

/** How many rows of an index are read at once. */
const batchRows = 256

export class QueryEngine<Value> {
  readonly #options: QueryEngineOptions<Value>
  readonly #fields: EntryFields
  readonly #indexes = new Map<string, SecondaryIndex>()
  readonly #dirty = new Set<string>()
  readonly #watchers = new Set<EngineWatcher>()
  readonly #failing = new Set<string>()
  readonly #leave: () => void
  /** The fields that have to be worked out for the indexes. */
  #mentioned: readonly string[] = []
  /** What changed since the watchers were told. */
  #untold = new Set<string>()
  #closed = false

  constructor(options: QueryEngineOptions<Value>) {
    this.#options = options
    this.#fields = new EntryFields({
      get: key => options.source.get(key),
      failed: (index, error) => this.#failed(index, error),
    })
    this.#leave = options.source.watch({
      touched: key => {
        this.#dirty.add(key)
        if (this.#watchers.size > 0) this.#untold.add(key)
      },
      settled: () => this.#settled(),
    })
    this.#addIndexes(options.indexes)
  }

  /** Whether a transaction is under way. */
  get isDraft(): boolean {
    return this.#options.source.draft() !== undefined
  }

  /** What can be read now; within a transaction with what was written there. */
  get reader(): EntryReader<Value> {
    const { source } = this.#options
    return source.draft() ?? source
  }

  /** @throws FILTER_INVALID, CLOSED */
  compile(filter: unknown, sort: unknown, place: string = ''): CompiledQuery {
    if (this.#closed) throw new StatemeshError('CLOSED', 'the partition is closed')
    const path = (name: string) => this.#fields.path(name)
    const read = readFilter(filter, path)
    const order = readSort(sort, path)
    const paths = [...pathsOf(read), ...order.fields.map(field => field.path)]
    const mentioned = this.#fields.mentioned(paths)
    return { filter: read, order, mentioned, test: predicateOf(read), place }
  }

  /** The first entries that match, in order. */
  search(query: CompiledQuery, { limit, after }: SearchOptions = {}): SearchResult {
    const draft = this.#options.source.draft()
    if (draft !== undefined) return this.#scan(query, draft, limit, after)
    this.#refresh()
    const plan = this.#plan(query.filter, query.order, limit)
    if (plan.kind === 'ordered') return this.#walk(query, plan, limit, after)
    return this.#collect(query, plan, limit, after)
  }

  /** How many entries match. */
  count({ filter, mentioned, test }: CompiledQuery): number {
    const { source } = this.#options
    const draft = source.draft()
    if (draft === undefined) this.#refresh()
    const plan = draft === undefined ? this.#plan(filter, undefined, undefined) : scan
    const [access] = plan.kind === 'access' ? plan.accesses : []
    if (access?.kind === 'spans' && access.exact) return access.count
    let count = 0
    for (const key of plan.kind === 'access' ? foundBy(plan.accesses) : this.reader.keys()) {
      const stored = draft === undefined ? source.peek(key) : drafted(draft, key)
      if (stored !== undefined && test(this.#fields.subject(key, stored, mentioned))) count += 1
    }
    return count
  }

  /** Where an entry stands in a query; undefined if it does not match. */
  position(query: CompiledQuery, key: string): Position | undefined {
    return this.#match(query, key, this.#options.source.peek(key))
  }

  /** What a key reads as outside of any transaction, for a caller. */
  committed(key: string): Value | undefined {
    return this.#options.source.get(key)
  }

  /** @returns ends it */
  watch(watcher: EngineWatcher): () => void {
    this.#watchers.add(watcher)
    return () => {
      this.#watchers.delete(watcher)
      if (this.#watchers.size === 0) this.#untold.clear()
    }
  }

  /** The indexes that there are. */
  get indexes(): readonly SecondaryIndex[] {
    this.#refresh()
    return [...this.#indexes.values()]
  }

  /** The caller has checked it beside those that there are. */
  addIndex(name: string, choice: IndexChoice<never>): void {
    this.#addIndexes([[name, choice]])
  }

  /** @throws INDEX_UNKNOWN */
  dropIndex(name: string): void {
    this.#index(name)
    this.#indexes.delete(name)
    this.#fields.delete(name)
    this.#failing.delete(name)
    this.#look()
  }

  /** Reads all entries again. @throws INDEX_UNKNOWN */
  rebuild(name?: string): void {
    const names = name === undefined ? [...this.#indexes.keys()] : [this.#index(name).name]
    for (const own of names) {
      const fresh = new SecondaryIndex(own, this.#index(own).choice)
      this.#failing.delete(own)
      this.#indexes.set(own, fresh)
      fresh.fill(this.#subjects())
    }
  }

  /** What differs between the indexes and the entries. @throws INDEX_UNKNOWN */
  verify(name?: string): IndexDifference[] {
    this.#refresh()
    const indexes = name === undefined ? [...this.#indexes.values()] : [this.#index(name)]
    return indexes.flatMap(index => verifyIndex(index, this.#subjects()))
  }

  close(): void {
    this.#closed = true
    this.#leave()
    this.#watchers.clear()
  }

  #settled(): void {
    this.#refresh()
    if (this.#untold.size === 0) return
    const keys = this.#untold
    this.#untold = new Set()
    for (const watcher of this.#watchers) watcher.settled(keys)
  }

  /** See E1. */
  #refresh(): void {
    if (this.#dirty.size === 0) return
    for (const key of this.#indexes.size === 0 ? [] : this.#dirty) {
      const stored = this.#options.source.peek(key)
      const subject = stored && this.#fields.subject(key, stored, this.#mentioned)
      for (const index of this.#indexes.values()) index.set(key, subject)
    }
    this.#dirty.clear()
  }

  #addIndexes(choices: readonly (readonly [string, IndexChoice<never>])[]): void {
    this.#refresh()
    const added = choices.map(([name, choice]) => new SecondaryIndex(name, choice))
    for (const [name, choice] of choices) this.#fields.add(name, choice)
    for (const index of added) this.#indexes.set(index.name, index)
    this.#look()
    if (added.length === 0) return
    const subjects = [...this.#subjects()]
    for (const index of added) index.fill(subjects)
  }

  #look(): void {
    const paths = [...this.#indexes.values()].flatMap(({ parts }) => parts.map(({ path }) => path))
    this.#mentioned = this.#fields.mentioned(paths)
  }

  *#subjects(): IterableIterator<[string, Subject]> {
    const { source } = this.#options
    for (const key of source.keys()) {
      const stored = source.peek(key)
      if (stored !== undefined) yield [key, this.#fields.subject(key, stored, this.#mentioned)]
    }
  }

  #index(name: string): SecondaryIndex {
    const index = this.#indexes.get(name)
    if (index !== undefined) return index
    throw new StatemeshError('INDEX_UNKNOWN', `there is no index ${JSON.stringify(name)}`)
  }

  #failed(index: string, error: StatemeshError): void {
    if (this.#failing.has(index)) return
    this.#failing.add(index)
    const message = `the function of the index "${index}" threw: ${error.message}`
    this.#options.report(new StatemeshError('INDEX_FAILED', message, { cause: error }))
  }

  #plan(filter: Conjunction, order: Order | undefined, limit: number | undefined): Plan {
    const total = this.#options.source.size()
    return planOf({ filter, order, limit, total, indexes: this.#indexes.values() })
  }

  #match(query: CompiledQuery, key: string, stored: StoredValue | undefined): Position | undefined {
    if (stored === undefined) return undefined
    const subject = this.#fields.subject(key, stored, query.mentioned)
    if (!query.test(subject)) return undefined
    return { sortKeys: sortKeysOf(query.order, subject), key, place: query.place }
  }

  #scan(
    query: CompiledQuery,
    reader: EntryReader<Value>,
    limit: number | undefined,
    after: Position | undefined,
  ): SearchResult {
    const best = new BestMatches<Position>(query.order, limit)
    let examined = 0
    for (const key of reader.keys()) {
      examined += 1
      const match = this.#match(query, key, drafted(reader, key))
      if (match !== undefined && isBehind(query.order, match, after)) best.add(match)
    }
    return { matches: best.take(), plan: scan, examined }
  }

  #collect(
    query: CompiledQuery,
    plan: Exclude<Plan, { kind: 'ordered' }>,
    limit: number | undefined,
    after: Position | undefined,
  ): SearchResult {
    const { source } = this.#options
    const best = new BestMatches<Position>(query.order, limit)
    const keys = plan.kind === 'scan' ? source.keys() : foundBy(plan.accesses)
    let examined = 0
    for (const key of keys) {
      examined += 1
      const match = this.#match(query, key, source.peek(key))
      if (match !== undefined && isBehind(query.order, match, after)) best.add(match)
    }
    return { matches: best.take(), plan, examined }
  }

  /** Reads an index in its order until there are enough. */
  #walk(
    query: CompiledQuery,
    plan: Extract<Plan, { kind: 'ordered' }>,
    limit: number = Number.POSITIVE_INFINITY,
    after: Position | undefined,
  ): SearchResult {
    const { direction } = query.order
    const spans = spansBehind(plan.access, query, after)
    const matches: Position[] = []
    let examined = 0
    for (const key of keysIn(plan.access.index, spans, direction)) {
      if (matches.length >= limit) break
      examined += 1
      const match = this.#match(query, key, this.#options.source.peek(key))
      if (match !== undefined) matches.push(match)
    }
    return { matches, plan, examined }
  }
}

function spansBehind(
  { index, spans, prefix }: OrderedAccess,
  { order: { direction }, place }: CompiledQuery,
  after: Position | undefined,
): readonly Span[] {
  const ordered = direction === 1 ? spans : [...spans].reverse()
  if (after === undefined) return ordered
  const row = rowOf([...prefix, ...after.sortKeys], after.key)
  // The same key of another partition may stand behind it.
  const isPassed = direction === 1 ? place <= after.place : place >= after.place
  const rank = index.rank(row, direction === 1 ? isPassed : !isPassed)
  return ordered.map(({ start, end }) =>
    direction === 1
      ? { start: Math.max(start, rank), end: Math.max(end, rank) }
      : { start: Math.min(start, rank), end: Math.min(end, rank) },
  )
}

const scan: Plan = { kind: 'scan' }

/** What a transaction reads; whether it is plain is not known. */
function drafted(reader: EntryReader<unknown>, key: string): StoredValue | undefined {
  const value = reader.get(key)
  return value === undefined ? undefined : { value, mutable: true }
}

function isBehind(order: Order, match: Position, after: Position | undefined): boolean {
  return after === undefined || comparePositions(order, match, after) > 0
}

function* keysIn(
  index: SecondaryIndex,
  spans: readonly Span[],
  direction: 1 | -1,
): IterableIterator<string> {
  for (const { start, end } of spans) {
    for (let done = 0; done < end - start; done += batchRows) {
      const size = Math.min(batchRows, end - start - done)
      const from = direction === 1 ? start + done : end - done - size
      const rows = index.rows({ start: from, end: from + size })
      if (direction === -1) rows.reverse()
      for (const { key } of rows) yield key
    }
  }
}

/** The entries that all of several ways lead to, each once. */
function foundBy(accesses: readonly Access[]): Iterable<string> {
  const [first, ...others] = accesses
  if (first === undefined) return []
  const all = keysOfAccess(first)
  if (others.length === 0 && first.kind === 'spans' && first.index.regular) return all
  let keys = new Set(all)
  for (const access of others) keys = new Set(keysOfAccess(access).filter(key => keys.has(key)))
  return keys
}

function keysOfAccess(access: Access): string[] {
  switch (access.kind) {
    case 'keys':
      return [...access.keys]
    case 'union':
      return access.accesses.flatMap(keysOfAccess)
    case 'spans': {
      const { index, spans } = access
      const keys = spans.flatMap(span => index.rows(span).map(({ key }) => key))
      for (const key of index.loose) keys.push(key)
      return keys
    }
  }
}
