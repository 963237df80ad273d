/**
 * The declaration of a secondary index over the values of a partition: by a field, by buckets of a
 * field, by several fields in turn, or by what a function makes of a value.
 */

/** Whole values of a field that fall into one bucket: `{ on: 'at', bucket: 3_600_000 }` is by hour. */
export interface BucketIndex {
  /** A field with numbers or dates. */
  readonly on: string
  /** The width of a bucket; of dates in milliseconds. Its name is the field divided by it, floored. */
  readonly bucket: number
}

/**
 * What an index is by:
 * - a path, `'status'` or `'owner.name'`. A field that holds an array or a Set is under each of its
 *   elements; `_id` is the key, and `_value` a value that is no object;
 * - several paths, from the most significant to the least;
 * - buckets of a path;
 * - what a function gives for a value and its key: text, number, boolean, Date, an array of those, or
 *   undefined. It must depend on nothing else.
 */
export type IndexChoice<Value> =
  | string
  | readonly string[]
  | BucketIndex
  | ((value: Value, key: string) => unknown)

/** Indexes by their names. A filter may use the name in place of a field. */
export interface IndexChoices<Value> {
  readonly [name: string]: IndexChoice<Value>
}

/** Indexes, whatever the value is. */
export type AnyIndexChoices = IndexChoices<never>

/** Each costs about a microsecond at every change. */
export const indexesMax = 32
/** Fields behind so many others order nothing that anybody asks for. */
const compoundFieldsMax = 8
/** A path is repeated in every filter; one of ten names fits. */
const pathLengthMax = 256

const indexName = /^[A-Za-z][A-Za-z0-9_-]{0,63}$/

/** What is wrong with the indexes of a partition; undefined if nothing. */
export function indexesFault(indexes: AnyIndexChoices): string | undefined {
  const all = Object.entries(indexes)
  if (all.length > indexesMax) return `a partition has at most ${indexesMax} indexes`
  for (const [name, choice] of all) {
    const fault = indexFault(name, choice)
    if (fault !== undefined) return fault
  }
  const hiding = all.filter(([, choice]) => typeof choice !== 'string').map(([name]) => name)
  const fields = all.flatMap(([, choice]) => pathsOf(choice)).map(path => path.split('.', 1)[0])
  const hidden = hiding.find(name => fields.includes(name))
  return hidden && `the index "${hidden}" has the name of a field that an index is by`
}

function pathsOf(choice: IndexChoice<never>): readonly string[] {
  if (typeof choice === 'function') return []
  if (typeof choice === 'string') return [choice]
  return 'on' in choice ? [choice.on] : choice
}

/** What is wrong with an index; undefined if nothing. */
function indexFault(name: unknown, choice: unknown): string | undefined {
  if (typeof name !== 'string' || !indexName.test(name)) {
    return 'the name of an index is a letter followed by at most 63 letters, digits, "_" or "-"'
  }
  const fault = choiceFault(choice)
  return fault === undefined ? undefined : `index "${name}": ${fault}`
}

function choiceFault(choice: unknown): string | undefined {
  if (typeof choice === 'function') return undefined
  if (typeof choice === 'string') return pathFault(choice)
  if (Array.isArray(choice)) {
    if (choice.length === 0 || choice.length > compoundFieldsMax) {
      return `a compound index has 1 to ${compoundFieldsMax} fields`
    }
    if (new Set(choice).size < choice.length) return 'it names a field twice'
    return choice.map(pathFault).find(fault => fault !== undefined)
  }
  if (typeof choice !== 'object' || choice === null) return 'it is by nothing that is known'
  const { on, bucket, ...others } = choice as Partial<BucketIndex>
  if (Object.keys(others).length > 0) return 'a bucket index has "on" and "bucket"'
  if (typeof bucket !== 'number' || !(bucket > 0 && bucket < Number.POSITIVE_INFINITY)) {
    return 'the width of a bucket must be a positive number'
  }
  return pathFault(on)
}

/** What is wrong with the path of a field; undefined if nothing. */
export function pathFault(path: unknown): string | undefined {
  if (typeof path !== 'string' || path === '') return 'the path of a field is a non-empty text'
  if (path.length > pathLengthMax) return `a path has at most ${pathLengthMax} characters`
  const wrong = path.split('.').find(name => forbidden.has(name) || name.startsWith('$'))
  if (wrong === undefined) return undefined
  return wrong === '' ? 'a path has an empty part' : `a path cannot go through "${wrong}"`
}

/** What leads to the prototypes of objects, and nothing. */
const forbidden: ReadonlySet<string> = new Set(['', '__proto__', 'constructor', 'prototype'])
