/**
 * A state as text and back: JSON, in which what JSON lacks is an object with the key `$` that
 * names the type. Objects, Maps, Sets and tables are in order of their keys, so equal states give
 * equal texts on every replica.
 */
import { StatemeshError, toStatemeshError } from '../base/error.ts'
import { valueDepthMax } from '../model/value.ts'
import { Table, table } from './table.ts'

export type Json = null | boolean | number | string | Json[] | { [name: string]: Json }

const tag = '$'

/** @throws VALUE_INVALID for what cannot be stored */
export function stateText(value: unknown): string {
  return JSON.stringify(stateJson(value))
}

/** What `stateText` writes, before it is a text. @throws VALUE_INVALID for what cannot be stored */
export function stateJson(value: unknown): Json {
  return toJson(value, 0)
}

/** @throws VALUE_INVALID for what `stateJson` does not give */
export function readStateJson(json: Json): unknown {
  return fromJson(json, 0)
}

/** @throws VALUE_INVALID for a text that `stateText` does not give */
export function readStateText(text: string): unknown {
  let json: Json
  try {
    json = JSON.parse(text) as Json
  } catch (thrown) {
    throw toStatemeshError(thrown, 'VALUE_INVALID')
  }
  return readStateJson(json)
}

function toJson(value: unknown, depth: number): Json {
  if (depth > valueDepthMax) throw invalid('nested too deep, or in a cycle')
  switch (typeof value) {
    case 'string':
    case 'boolean':
      return value
    case 'number':
      if (Number.isFinite(value) && !Object.is(value, -0)) return value
      return { [tag]: 'number', of: Object.is(value, -0) ? '-0' : String(value) }
    case 'bigint':
      return { [tag]: 'bigint', of: String(value) }
    case 'object':
      return value === null ? null : objectToJson(value, depth + 1)
    case 'undefined':
      if (depth > 0) return { [tag]: 'undefined' } // an element; fields are left out
      throw invalid('undefined is no value')
    default:
      throw invalid(`a ${typeof value} cannot be stored`)
  }
}

function objectToJson(value: object, depth: number): Json {
  if (Array.isArray(value)) return value.map(element => toJson(element, depth))
  if (value instanceof Date) return { [tag]: 'date', of: toJson(value.getTime(), depth) }
  if (value instanceof Uint8Array) return { [tag]: 'bytes', of: hexOf(value) }
  if (value instanceof Set) {
    return { [tag]: 'set', of: inOrder([...value].map(member => toJson(member, depth))) }
  }
  if (value instanceof Map || value instanceof Table) {
    const pairs = [...value].map(([key, of]): Json => [toJson(key, depth), toJson(of, depth)])
    return { [tag]: value instanceof Map ? 'map' : 'table', of: inOrder(pairs) }
  }
  const fields = Object.entries(value)
    .filter(([, field]) => field !== undefined)
    .sort(([a], [b]) => (a < b ? -1 : 1))
    .map(([name, field]): [string, Json] => [name, toJson(field, depth)])
  const json = Object.fromEntries(fields)
  return Object.hasOwn(json, tag) ? { [tag]: 'object', of: fields } : json
}

function inOrder(elements: Json[]): Json[] {
  const texts = elements.map((element): [string, Json] => [JSON.stringify(element), element])
  return texts.sort(([a], [b]) => (a < b ? -1 : 1)).map(([, element]) => element)
}

function fromJson(json: Json, depth: number): unknown {
  if (depth > valueDepthMax * 2) throw invalid('nested too deep')
  if (typeof json !== 'object' || json === null) return json
  if (Array.isArray(json)) return json.map(element => fromJson(element, depth + 1))
  if (Object.hasOwn(json, tag)) return fromTagged(json[tag], json.of as Json, depth + 1)
  return fieldsFrom(Object.entries(json), depth)
}

function fieldsFrom(fields: readonly (readonly [string, Json])[], depth: number): object {
  return Object.fromEntries(fields.map(([name, field]) => [name, fromJson(field, depth + 1)]))
}

function fromTagged(type: unknown, of: Json, depth: number): unknown {
  if (Array.isArray(of)) {
    switch (type) {
      case 'set':
        return new Set(of.map(member => fromJson(member, depth)))
      case 'map':
        return new Map(of.map(pair => pairFrom(pair, depth)))
      case 'table':
        return table(of.map(pair => pairFrom(pair, depth) as [string, unknown]))
      case 'object':
        return fieldsFrom(of as [string, Json][], depth)
    }
  }
  if (type === 'undefined') return undefined
  if (type === 'date') return new Date(fromJson(of, depth) as number)
  if (typeof of === 'string') {
    if (type === 'number') return Number(of)
    if (type === 'bigint' && /^-?\d+$/.test(of)) return BigInt(of)
    if (type === 'bytes' && /^(?:[0-9a-f]{2})*$/.test(of)) return bytesOf(of)
  }
  throw invalid('not the text of a state')
}

function pairFrom(pair: Json, depth: number): [unknown, unknown] {
  if (!Array.isArray(pair) || pair.length !== 2) throw invalid('not the text of a state')
  return [fromJson(pair[0] as Json, depth), fromJson(pair[1] as Json, depth)]
}

function hexOf(bytes: Uint8Array): string {
  return Array.from(bytes, byte => byte.toString(16).padStart(2, '0')).join('')
}

function bytesOf(hex: string): Uint8Array {
  return Uint8Array.from(hex.match(/../g) ?? [], byte => Number.parseInt(byte, 16))
}

function invalid(why: string): StatemeshError {
  return new StatemeshError('VALUE_INVALID', why)
}
