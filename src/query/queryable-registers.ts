/**
 * Partitions of registers as a replica opens them: with queries over what they read as. Indexes are in
 * memory, of this handle, and made at its first query.
 */
import { StatemeshError } from '../base/error.ts'
import { type IndexChoice, indexesFault } from '../model/index-definition.ts'
import type { PartitionDefinition } from '../model/partition-definition.ts'
import type { EntrySource } from '../partition/entry-source.ts'
import type { AnyPartitionDefinition, PartitionHandle } from '../partition/open-partition.ts'
import type { PartitionHost } from '../partition/partition-host.ts'
import { RegisterPartition } from '../partition/register/register-partition.ts'
import { choicesOf } from './entry-fields.ts'
import type { Filter } from './filter-types.ts'
import type { IndexDifference } from './index-verify.ts'
import type { LiveQuery } from './live-query.ts'
import {
  type Explanation,
  type FindOptions,
  type Found,
  type Page,
  type PageOptions,
  Queries,
} from './queries.ts'
import { QueryEngine } from './query-engine.ts'

/** What a replica opens for a definition: partitions of registers can be queried. */
export type QueryHandle<Definition extends AnyPartitionDefinition> = PartitionHandle<Definition> &
  (PartitionHandle<Definition> extends RegisterPartition<infer Value>
    ? QueryableRegisters<Value>
    : unknown)

/** An index that there is. */
export interface IndexStatus {
  readonly name: string
  /** How many entries it has. */
  readonly entries: number
  /** Entries that hold more than it can tell apart, and are tried at every use. */
  readonly loose: number
}

export class QueryableRegisters<Value = unknown> extends RegisterPartition<Value> {
  readonly #definition: PartitionDefinition<Value>
  readonly #host: PartitionHost
  #engine: QueryEngine<Value> | undefined
  #queries: Queries<Value, Found<Value>> | undefined

  /** Not for users: the replica makes it. */
  constructor(definition: PartitionDefinition<Value>, host: PartitionHost) {
    super(definition, host)
    this.#definition = definition
    this.#host = host
  }

  /**
   * The entries that a filter matches, by the values that this handle reads. Within `transact` it sees
   * what was written there.
   *
   * @throws FILTER_INVALID, OPTION_INVALID, CLOSED
   */
  find(filter?: Filter<Value>, options?: FindOptions): Found<Value>[] {
    return this.#open().find(filter, options)
  }

  /**
   * As `find`, page by page. What is written between two pages moves nothing: an entry is missed or seen
   * twice only if it moved itself.
   *
   * @throws FILTER_INVALID, OPTION_INVALID, CURSOR_INVALID, CLOSED
   */
  page(filter?: Filter<Value>, options?: PageOptions): Page<Found<Value>> {
    return this.#open().page(filter, options)
  }

  /** How many entries a filter matches. @throws FILTER_INVALID, CLOSED */
  count(filter?: Filter<Value>): number {
    return this.#open().count(filter)
  }

  /** Finds, and says how. @throws as `find` does */
  explain(filter?: Filter<Value>, options?: FindOptions): Explanation {
    return this.#open().explain(filter, options)[0] as Explanation
  }

  /**
   * A query that stays open and tells what becomes of its results.
   *
   * @throws as `find` does, OPTION_INVALID within `transact`
   */
  live(filter?: Filter<Value>, options?: FindOptions): LiveQuery<Found<Value>> {
    return this.#open().live(filter, options)
  }

  /** Adds an index to those that were declared. @throws OPTION_INVALID, CLOSED */
  createIndex(name: string, choice: IndexChoice<Value>): void {
    const { engine } = this
    const others = engine.indexes.map(index => [index.name, index.choice] as const)
    if (others.some(([other]) => other === name)) {
      throw new StatemeshError('OPTION_INVALID', `there is an index "${name}" already`)
    }
    const all = Object.fromEntries([...others, [name, choice as IndexChoice<never>]])
    const fault = indexesFault(all)
    if (fault !== undefined) throw new StatemeshError('OPTION_INVALID', fault)
    engine.addIndex(name, choice as IndexChoice<never>)
  }

  /** @throws INDEX_UNKNOWN, CLOSED */
  dropIndex(name: string): void {
    this.engine.dropIndex(name)
  }

  /** The indexes that there are. @throws CLOSED */
  indexes(): IndexStatus[] {
    return this.engine.indexes.map(({ name, size, loose }) =>
      Object.freeze({ name, entries: size, loose: loose.size }),
    )
  }

  /**
   * Reads all entries, and compares an index with them, or all; empty if they say the same. They
   * differ only if the function of an index gives another answer for the same entry.
   *
   * @throws INDEX_UNKNOWN, CLOSED
   */
  verifyIndexes(name?: string): IndexDifference[] {
    return this.engine.verify(name)
  }

  /** Makes an index anew, or all. @throws INDEX_UNKNOWN, CLOSED */
  rebuildIndexes(name?: string): void {
    this.engine.rebuild(name)
  }

  override close(): void {
    this.#engine?.close()
    this.#queries = undefined
    super.close()
  }

  /** For queries over several partitions. @throws CLOSED */
  get engine(): QueryEngine<Value> {
    this.#open()
    return this.#engine as QueryEngine<Value>
  }

  #open(): Queries<Value, Found<Value>> {
    if (this.#queries !== undefined) return this.#queries
    const engine = engineOver(this.#definition, this.entrySource(), this.#host)
    this.#engine = engine
    this.#queries = new Queries([{ engine, place: '', result: foundOf<Value> }])
    return this.#queries
  }
}

function engineOver<Value>(
  { indexes }: PartitionDefinition<Value>,
  source: EntrySource<Value>,
  host: PartitionHost,
): QueryEngine<Value> {
  return new QueryEngine({
    source,
    indexes: choicesOf(indexes),
    report: problem => host.report(problem),
  })
}

export function foundOf<Value>(key: string, value: Value): Found<Value> {
  return Object.freeze({ key, value })
}
