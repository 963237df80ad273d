/**
 * What filters, sorts and indexes can name in the entries of one partition: the fields of a value, its
 * key, and what its indexes make of it.
 */
import { resolve } from 'mingo/util'
import { StatemeshError, toStatemeshError } from '../base/error.ts'
import type { AnyIndexChoices, IndexChoice } from '../model/index-definition.ts'
import type { StoredValue } from '../model/value.ts'
import { plainValue, type Subject, subjectOf } from './plain-value.ts'

/** The name of the key. */
export const keyField = '_id'

/** Works a field out from an entry. */
type Computed = (key: string, subject: Subject, value: () => unknown) => unknown

export interface EntryFieldsOptions {
  /** A value for a function of an index, which may do with it what it likes. */
  get(key: string): unknown
  /** Called when the function of an index throws; what it was to give counts as absent. */
  failed(index: string, error: StatemeshError): void
}

export class EntryFields {
  readonly #options: EntryFieldsOptions
  readonly #computed = new Map<string, Computed>([[keyField, key => key]])
  /** Indexes by one path have its name too. */
  readonly #aliases = new Map<string, string>()
  readonly #compound = new Set<string>()

  constructor(options: EntryFieldsOptions) {
    this.#options = options
  }

  add(name: string, choice: IndexChoice<never>): void {
    if (typeof choice === 'string') {
      this.#aliases.set(name, choice)
    } else if (typeof choice === 'function') {
      const compute = choice as (value: unknown, key: string) => unknown
      this.#computed.set(name, (key, _, value) => this.#try(name, () => compute(value(), key)))
    } else if ('on' in choice) {
      const { on, bucket } = choice
      this.#computed.set(name, (_, subject) => bucketsOf(readPath(subject, on), bucket))
    } else {
      this.#compound.add(name)
    }
  }

  delete(name: string): void {
    this.#aliases.delete(name)
    this.#computed.delete(name)
    this.#compound.delete(name)
  }

  /**
   * The path that a name in a filter or sort means.
   *
   * @throws FILTER_INVALID for a compound index
   */
  path(name: string): string {
    if (this.#compound.has(name)) {
      throw new StatemeshError('FILTER_INVALID', `name the fields of the index "${name}" instead`)
    }
    return this.#aliases.get(name) ?? name
  }

  /** The fields that have to be worked out before the paths can be read. */
  mentioned(paths: Iterable<string>): readonly string[] {
    const roots = [...paths].map(path => path.split('.', 1)[0] as string)
    return [...new Set(roots)].filter(root => this.#computed.has(root))
  }

  /** An entry with the fields that are `mentioned`. */
  subject(key: string, stored: StoredValue, mentioned: readonly string[]): Subject {
    const subject = subjectOf(stored)
    if (mentioned.length === 0) return subject
    const whole: Record<string, unknown> = { ...subject }
    for (const name of mentioned) {
      whole[name] = this.#computed.get(name)?.(key, subject, () => this.#options.get(key))
    }
    return whole
  }

  #try(name: string, compute: () => unknown): unknown {
    try {
      return plainValue(compute())
    } catch (thrown) {
      this.#options.failed(name, toStatemeshError(thrown, 'INDEX_FAILED'))
      return undefined
    }
  }
}

/** What a path reads as; of an array of objects the fields of its elements. */
export function readPath(subject: Subject, path: string): unknown {
  // By far the most are a single name, which needs no more.
  if (!path.includes('.')) return Object.hasOwn(subject, path) ? subject[path] : undefined
  return resolve(subject as object as never, path)
}

/** The buckets of what was read; of an array those of its elements. */
export function bucketsOf(read: unknown, width: number): unknown {
  return Array.isArray(read) ? read.map(value => bucketsOf(value, width)) : bucketOf(read, width)
}

/** The bucket of a number or a date; undefined for anything else. */
export function bucketOf(value: unknown, width: number): number | undefined {
  if (typeof value === 'number') return Math.floor(value / width)
  return value instanceof Date ? Math.floor(value.getTime() / width) : undefined
}

/** The indexes as they were declared. */
export function choicesOf(indexes: AnyIndexChoices | undefined): [string, IndexChoice<never>][] {
  return Object.entries(indexes ?? {})
}
