/**
 * The order of results: by the fields of a sort, then by key, then by place, so that no two entries
 * stand alike and every replica that holds the same gives the same. Ties go in the direction of the last
 * field, so that an index can be read backwards.
 */
import { StatemeshError } from '../base/error.ts'
import { pathFault } from '../model/index-definition.ts'
import { readPath } from './entry-fields.ts'
import { compareKeys, type IndexKey, sortKeyOf } from './index-key.ts'
import { isObject, type Subject } from './plain-value.ts'

export interface OrderField {
  readonly path: string
  readonly direction: 1 | -1
}

export interface Order {
  readonly fields: readonly OrderField[]
  /** Of ties. */
  readonly direction: 1 | -1
}

/** Where an entry stands. */
export interface Position {
  readonly sortKeys: readonly IndexKey[]
  readonly key: string
  /** Of which partition it is, among several. */
  readonly place: string
}

/** More would order nothing that the first ones leave open. */
const fieldsMax = 8

/** @param path what a name in the sort means @throws FILTER_INVALID */
export function readSort(sort: unknown, path: (name: string) => string): Order {
  if (sort === undefined) return { fields: [], direction: 1 }
  if (!isObject(sort)) throw refusal('a sort is an object of fields with 1 or -1')
  const fields = Object.entries(sort).map(([name, direction]): OrderField => {
    const own = path(name)
    const fault = pathFault(own)
    if (fault !== undefined) throw refusal(fault)
    if (direction !== 1 && direction !== -1) throw refusal('a field is sorted by 1 or -1')
    return { path: own, direction }
  })
  if (fields.length > fieldsMax) throw refusal(`a sort has at most ${fieldsMax} fields`)
  return { fields, direction: fields.at(-1)?.direction ?? 1 }
}

export function sortKeysOf({ fields }: Order, subject: Subject): readonly IndexKey[] {
  return fields.map(({ path, direction }) => sortKeyOf(readPath(subject, path), direction))
}

export function comparePositions({ fields, direction }: Order, a: Position, b: Position): number {
  for (let index = 0; index < fields.length; index++) {
    const order = compareKeys(a.sortKeys[index], b.sortKeys[index])
    if (order !== 0) return order * (fields[index] as OrderField).direction
  }
  return direction * (compareTexts(a.key, b.key) || compareTexts(a.place, b.place))
}

function compareTexts(a: string, b: string): number {
  return a === b ? 0 : a < b ? -1 : 1
}

function refusal(why: string): StatemeshError {
  return new StatemeshError('FILTER_INVALID', why)
}
