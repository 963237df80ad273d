/**
 * Filters: checked to the bottom, and copied for mingo, which is given those of its operators that only
 * compare. Nothing in a filter is run.
 */
import { Context } from 'mingo/core'
import * as operators from 'mingo/operators/query'
import { StatemeshError } from '../base/error.ts'
import { pathFault } from '../model/index-definition.ts'
import { isObject } from './plain-value.ts'
import { safePattern } from './safe-pattern.ts'

/** Nobody writes one by hand that is deeper; a recursion stops here. */
const depthMax = 16
/** Conditions and values in them; each may be tried on every entry. */
const partsMax = 10_000

/** The conditions on one path, copied. */
export interface FieldFilter {
  readonly path: string
  readonly conditions: { readonly [operator: string]: unknown }
}

/** A filter that was read: everything in it has to hold. */
export interface Conjunction {
  readonly fields: readonly FieldFilter[]
  /** Each group holds if one of its filters does. */
  readonly alternatives: readonly (readonly Conjunction[])[]
  /** Whether there is nothing else, so that fields and alternatives say it all. */
  readonly whole: boolean
  /** The same for mingo. */
  readonly criteria: Criteria
}

type Criteria = { readonly [name: string]: unknown }

const { $where, $expr, $jsonSchema, ...comparing } = operators
/** What runs code is not there to be called, whatever a check may overlook. */
export const operatorsAllowed: Context = Context.init({ query: comparing } as never)

/** @param path what a name in the filter means @throws FILTER_INVALID */
export function readFilter(filter: unknown, path: (name: string) => string): Conjunction {
  return new FilterReader(path).filter(filter, 0)
}

/** The paths that a filter reads. */
export function pathsOf({ criteria }: Conjunction): string[] {
  return namesIn(criteria)
}

function namesIn(criteria: Criteria): string[] {
  return Object.entries(criteria).flatMap(([name, value]) =>
    logical.has(name) ? (value as Criteria[]).flatMap(namesIn) : [name],
  )
}

const logical: ReadonlySet<string> = new Set(['$and', '$or', '$nor'])
const types: ReadonlySet<unknown> = new Set(
  'array bool boolean date double int long null number object string'.split(' '),
)

class FilterReader {
  readonly #path: (name: string) => string
  #parts = 0

  constructor(path: (name: string) => string) {
    this.#path = path
  }

  filter(filter: unknown, depth: number): Conjunction {
    if (!isObject(filter)) throw refusal('a filter is an object')
    this.#count(depth)
    const fields: FieldFilter[] = []
    const alternatives: (readonly Conjunction[])[] = []
    const rest: Criteria[] = []
    for (const [name, value] of Object.entries(filter)) {
      if (name === '$nor') {
        rest.push({ $nor: this.#filters(name, value, depth).map(({ criteria }) => criteria) })
      } else if (name === '$or') {
        alternatives.push(this.#filters(name, value, depth))
      } else if (name === '$and') {
        for (const part of this.#filters(name, value, depth)) {
          fields.push(...part.fields)
          alternatives.push(...part.alternatives)
          if (!part.whole) rest.push(part.criteria)
        }
      } else {
        fields.push(this.#field(name, value, depth))
      }
    }
    const parts = [
      ...fields.map(({ path, conditions }): Criteria => ({ [path]: conditions })),
      ...alternatives.map((group): Criteria => ({ $or: group.map(({ criteria }) => criteria) })),
      ...rest,
    ]
    return { fields, alternatives, whole: rest.length === 0, criteria: joined(parts) }
  }

  #filters(operator: string, value: unknown, depth: number): Conjunction[] {
    if (!Array.isArray(value) || value.length === 0) {
      throw refusal(`${operator} takes a list of filters`)
    }
    return value.map(part => this.filter(part, depth + 1))
  }

  #field(name: string, condition: unknown, depth: number): FieldFilter {
    if (name.startsWith('$')) throw refusal(`there is no operator ${name} for filters`)
    const path = this.#path(name)
    const fault = pathFault(path)
    if (fault !== undefined) throw refusal(fault)
    return { path, conditions: this.#conditions(condition, depth + 1) }
  }

  #conditions(condition: unknown, depth: number): Criteria {
    this.#count(depth)
    if (condition instanceof RegExp) return { $regex: safePattern(condition) }
    if (!isObject(condition)) return { $eq: this.#literal(condition, depth) }
    const names = Object.keys(condition)
    if (!names.some(name => name.startsWith('$'))) return { $eq: this.#literal(condition, depth) }
    const conditions = Object.entries(condition).map(([operator, operand]) => {
      return [operator, this.#operand(operator, operand, condition, depth + 1)]
    })
    return Object.fromEntries(conditions.filter(([operator]) => operator !== '$options'))
  }

  #operand(operator: string, operand: unknown, siblings: Criteria, depth: number): unknown {
    this.#count(depth)
    switch (operator) {
      case '$eq':
      case '$ne':
        return this.#literal(operand, depth)
      case '$gt':
      case '$gte':
      case '$lt':
      case '$lte':
        return comparable(operator, operand)
      case '$in':
      case '$nin':
      case '$all':
        return this.#list(operator, operand, depth)
      case '$exists':
        if (typeof operand === 'boolean') return operand
        throw refusal('$exists takes true or false')
      case '$type':
        if ([operand].flat().every(type => types.has(type))) return operand
        throw refusal(`$type takes some of ${[...types].join(', ')}`)
      case '$mod':
        return divisorAndRest(operand)
      case '$regex':
        return safePattern(operand, siblings.$options)
      case '$options':
        if (Object.hasOwn(siblings, '$regex')) return operand
        throw refusal('$options belongs to $regex')
      case '$size':
        if (Number.isSafeInteger(operand) && (operand as number) >= 0) return operand
        throw refusal('$size takes an integer from 0')
      case '$not':
        return this.#negated(operand, depth)
      case '$elemMatch':
        return this.#elements(operand, depth)
      default:
        throw refusal(`there is no operator ${operator.slice(0, 40)} for fields`)
    }
  }

  #negated(operand: unknown, depth: number): Criteria {
    if (operand instanceof RegExp || hasOperators(operand)) return this.#conditions(operand, depth)
    throw refusal('$not takes operators or a pattern')
  }

  #elements(operand: unknown, depth: number): Criteria {
    if (hasOperators(operand) && !Object.keys(operand).some(name => logical.has(name))) {
      return this.#conditions(operand, depth)
    }
    return new FilterReader(name => name).filter(operand, depth + 1).criteria
  }

  #list(operator: string, operand: unknown, depth: number): unknown[] {
    if (!Array.isArray(operand)) throw refusal(`${operator} takes a list`)
    return operand.map(element => {
      if (element instanceof RegExp) return safePattern(element)
      if (operator === '$all' && isObject(element) && Object.hasOwn(element, '$elemMatch')) {
        return this.#conditions(element, depth)
      }
      return this.#literal(element, depth)
    })
  }

  /** A copy of what a field is compared with as a whole. */
  #literal(value: unknown, depth: number): unknown {
    this.#count(depth)
    if (Array.isArray(value)) return value.map(element => this.#literal(element, depth + 1))
    if (value instanceof Date) return new Date(value)
    if (value instanceof Uint8Array) return value.slice()
    if (isObject(value)) {
      const fields = Object.entries(value).map(([name, field]) => {
        if (name.startsWith('$')) throw refusal(`${name.slice(0, 40)} stands where a value has to`)
        return [name, this.#literal(field, depth + 1)]
      })
      return Object.fromEntries(fields)
    }
    if (value === undefined) throw refusal('undefined is no value; ask for null or $exists: false')
    if (value === null || literals.has(typeof value)) return value
    // Bigints too: mingo writes what it is given as JSON.
    throw refusal('fields are compared with JSON, Dates and bytes')
  }

  #count(depth: number): void {
    this.#parts += 1
    if (depth > depthMax) throw refusal(`a filter is at most ${depthMax} deep`)
    if (this.#parts > partsMax) throw refusal(`a filter has at most ${partsMax} parts`)
  }
}

const literals: ReadonlySet<string> = new Set(['string', 'number', 'boolean'])

function joined(parts: readonly Criteria[]): Criteria {
  const [first] = parts
  if (first === undefined) return {}
  return parts.length === 1 ? first : { $and: parts }
}

function hasOperators(operand: unknown): operand is object {
  return isObject(operand) && Object.keys(operand).some(name => name.startsWith('$'))
}

function comparable(operator: string, operand: unknown): unknown {
  if (typeof operand === 'string' || typeof operand === 'boolean') return operand
  if (typeof operand === 'number' && !Number.isNaN(operand)) return operand
  if (operand instanceof Date && !Number.isNaN(operand.getTime())) return new Date(operand)
  throw refusal(`${operator} takes a number, a text, a boolean or a Date`)
}

function divisorAndRest(operand: unknown): unknown {
  const isPair = Array.isArray(operand) && operand.length === 2
  if (isPair && operand.every(Number.isFinite) && operand[0] !== 0) return [...operand]
  throw refusal('$mod takes a divisor and a remainder')
}

function refusal(why: string): StatemeshError {
  return new StatemeshError('FILTER_INVALID', why)
}
