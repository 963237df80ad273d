/**
 * A query that stays open: its results, and what becomes of them, told change by change. Applied in
 * their order to the results as they were, the changes give the results as they are.
 */
import { Emitter } from '../base/emitter.ts'
import { SortedList } from '../base/sorted-list.ts'
import { comparePositions, type Position } from './order.ts'
import type { CompiledQuery, QueryEngine } from './query-engine.ts'

/**
 * What became of one result. `index` is its place among the results at that moment; a result that moved
 * is taken out at `from`, and put in at `index`.
 */
export type LiveChange<Result> =
  | { readonly kind: 'added'; readonly result: Result; readonly index: number }
  | { readonly kind: 'removed'; readonly previous: Result; readonly index: number }
  | {
      readonly kind: 'changed'
      readonly result: Result
      readonly previous: Result
      readonly index: number
    }
  | {
      readonly kind: 'moved'
      readonly result: Result
      readonly previous: Result
      readonly from: number
      readonly index: number
    }

/** A match as it was last read. */
interface Match<Result> extends Position {
  readonly result: Result
}

/** A source of results, and how one is made of its entries. */
export interface LiveSource<Value, Result> {
  readonly engine: QueryEngine<Value>
  readonly query: CompiledQuery
  result(key: string, value: Value): Result
}

export class LiveQuery<Result extends { readonly value: unknown }> {
  readonly #limit: number
  /** All that match; the results are the first of them. */
  readonly #matches: SortedList<Match<Result>>
  readonly #byEntry = new Map<string, Match<Result>>()
  readonly #listeners = new Emitter<{ change: readonly LiveChange<Result>[] }>()
  #leave: (() => void)[]

  /** Not for users: `live` makes it. */
  constructor(
    sources: readonly LiveSource<never, Result>[],
    limit: number = Number.POSITIVE_INFINITY,
  ) {
    const order = sources[0]?.query.order ?? { fields: [], direction: 1 }
    this.#limit = limit
    const matches = sources
      .flatMap(source => this.#all(source as LiveSource<unknown, Result>))
      .sort((a, b) => comparePositions(order, a, b))
    this.#matches = new SortedList((a, b) => comparePositions(order, a, b), matches)
    for (const match of matches) this.#byEntry.set(nameOf(match), match)
    this.#leave = sources.map(source =>
      source.engine.watch({
        settled: keys => this.#settled(source as LiveSource<unknown, Result>, keys),
      }),
    )
  }

  /** The results as the listeners were last told. */
  get results(): Result[] {
    return this.#matches.slice(0, this.#limit).map(({ result }) => result)
  }

  /**
   * Calls `listener` after each transaction, local or remote, that changed results.
   *
   * @returns ends it
   */
  subscribe(listener: (changes: readonly LiveChange<Result>[]) => void): () => void {
    return this.#listeners.on('change', listener)
  }

  /** Ends the query; the results stay as they were. */
  end(): void {
    for (const leave of this.#leave) leave()
    this.#leave = []
  }

  #all(source: LiveSource<unknown, Result>): Match<Result>[] {
    const { matches } = source.engine.search(source.query)
    return matches.map(position => this.#read(source, position))
  }

  #read({ engine, result }: LiveSource<unknown, Result>, position: Position): Match<Result> {
    return { ...position, result: result(position.key, engine.committed(position.key)) }
  }

  #settled(source: LiveSource<unknown, Result>, keys: ReadonlySet<string>): void {
    const changes: LiveChange<Result>[] = []
    for (const key of keys) {
      const position = source.engine.position(source.query, key)
      const match = position && this.#read(source, position)
      this.#replace(nameOf({ key, place: source.query.place }), match, changes)
    }
    if (changes.length > 0) this.#listeners.emit('change', Object.freeze(changes))
  }

  #replace(name: string, match: Match<Result> | undefined, changes: LiveChange<Result>[]): void {
    const before = this.#byEntry.get(name)
    if (match === undefined) this.#byEntry.delete(name)
    else this.#byEntry.set(name, match)
    if (before === undefined) {
      if (match !== undefined) this.#insert(match, changes)
    } else if (match === undefined) {
      this.#remove(before, changes)
    } else {
      this.#move(before, match, changes)
    }
  }

  #insert(match: Match<Result>, changes: LiveChange<Result>[]): void {
    const index = this.#matches.rankOf(match)
    this.#matches.insert(match)
    if (index >= this.#limit) return
    this.#pushOut(changes)
    changes.push({ kind: 'added', result: match.result, index })
  }

  #remove(before: Match<Result>, changes: LiveChange<Result>[]): void {
    const index = this.#matches.rankOf(before)
    this.#matches.remove(before)
    if (index >= this.#limit) return
    changes.push({ kind: 'removed', previous: before.result, index })
    this.#pullIn(changes)
  }

  #move(before: Match<Result>, match: Match<Result>, changes: LiveChange<Result>[]): void {
    const from = this.#matches.rankOf(before)
    this.#matches.remove(before)
    const index = this.#matches.rankOf(match)
    this.#matches.insert(match)
    const { result } = match
    const previous = before.result
    if (from < this.#limit && index < this.#limit) {
      // Where it was touched and reads as before, there is nothing to tell.
      if (from === index && Object.is(result.value, previous.value)) return
      if (from === index) changes.push({ kind: 'changed', result, previous, index })
      else changes.push({ kind: 'moved', result, previous, from, index })
    } else if (from < this.#limit) {
      changes.push({ kind: 'removed', previous, index: from })
      this.#pullIn(changes)
    } else if (index < this.#limit) {
      this.#pushOut(changes)
      changes.push({ kind: 'added', result, index })
    }
  }

  /** Room for one more among the results has been taken by the last but one. */
  #pushOut(changes: LiveChange<Result>[]): void {
    const out = this.#limit < this.#matches.length ? this.#matches.at(this.#limit) : undefined
    if (out === undefined) return
    changes.push({ kind: 'removed', previous: out.result, index: this.#limit - 1 })
  }

  #pullIn(changes: LiveChange<Result>[]): void {
    const within =
      this.#limit <= this.#matches.length ? this.#matches.at(this.#limit - 1) : undefined
    if (within === undefined) return
    changes.push({ kind: 'added', result: within.result, index: this.#limit - 1 })
  }
}

function nameOf({ place, key }: Pick<Position, 'place' | 'key'>): string {
  return `${place}\0${key}`
}
