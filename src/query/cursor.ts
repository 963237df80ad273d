/**
 * Where a page ended, as a text that may leave the process. It names the last entry by what it was
 * sorted by, and not by its number, so that what comes and goes before it moves nothing.
 */
import { StatemeshError } from '../base/error.ts'
import { crc32c } from '../storage/crc.ts'
import { type IndexKey, OpaqueKey } from './index-key.ts'
import type { Position } from './order.ts'
import type { CompiledQuery } from './query-engine.ts'

type Json = null | boolean | number | string | readonly Json[]

/** A cursor holds a key and what is sorted by, which may be as long as values are. */
const cursorLengthMax = 4 * 1024 * 1024

export function cursorText(query: CompiledQuery, position: Position): string {
  const { sortKeys, key, place } = position
  return JSON.stringify([signatureOf(query), sortKeys.map(keyToJson), key, place])
}

/** @throws CURSOR_INVALID when it is malformed, or of another query */
export function readCursor(query: CompiledQuery, text: unknown): Position {
  const [signature, sortKeys, key, place, ...more] = parse(text)
  const isWhole = typeof key === 'string' && typeof place === 'string' && more.length === 0
  if (!isWhole || !Array.isArray(sortKeys)) throw invalid('the cursor is malformed')
  if (signature !== signatureOf(query) || sortKeys.length !== query.order.fields.length) {
    throw invalid('the cursor belongs to another query')
  }
  return { sortKeys: sortKeys.map(keyFromJson), key, place }
}

function parse(text: unknown): readonly unknown[] {
  if (typeof text !== 'string' || text.length > cursorLengthMax) throw invalid('not a cursor')
  try {
    const json: unknown = JSON.parse(text)
    if (Array.isArray(json)) return json
  } catch (cause) {
    throw new StatemeshError('CURSOR_INVALID', 'not a cursor', { cause })
  }
  throw invalid('not a cursor')
}

/** Tells queries apart that give other entries, or another order. */
function signatureOf({ filter, order }: CompiledQuery): number {
  return crc32c(new TextEncoder().encode(textOf([filter.criteria, order.fields])))
}

function textOf(value: unknown): string {
  if (typeof value === 'bigint') return `${value}n`
  if (typeof value !== 'object' || value === null) return JSON.stringify(value) ?? 'undefined'
  if (value instanceof Date) return `date(${value.getTime()})`
  if (value instanceof RegExp) return String(value)
  if (value instanceof Uint8Array) return `bytes(${value.join()})`
  if (Array.isArray(value)) return `[${value.map(textOf).join()}]`
  const fields = Object.entries(value).map(
    ([name, own]) => `${JSON.stringify(name)}:${textOf(own)}`,
  )
  return `{${fields.sort().join()}}`
}

function keyToJson(key: IndexKey): Json {
  if (key === undefined) return ['absent']
  if (key instanceof Date) return ['date', key.getTime()]
  if (key instanceof OpaqueKey) return ['opaque', key.text]
  if (typeof key === 'bigint') return ['bigint', String(key)]
  if (typeof key === 'number' && !Number.isFinite(key)) return ['number', String(key)]
  return key
}

function keyFromJson(json: unknown): IndexKey {
  if (!Array.isArray(json)) {
    if (json === null || typeof json !== 'object') return json as IndexKey
    throw invalid('the cursor is malformed')
  }
  const [type, of] = json as unknown[]
  if (type === 'absent') return undefined
  if (type === 'date') return new Date(typeof of === 'number' ? of : Number.NaN)
  if (type === 'opaque' && typeof of === 'string') return new OpaqueKey(of)
  if (type === 'number') return Number(of)
  if (type === 'bigint' && typeof of === 'string' && /^-?\d+$/.test(of)) return BigInt(of)
  throw invalid('the cursor is malformed')
}

function invalid(why: string): StatemeshError {
  return new StatemeshError('CURSOR_INVALID', why)
}
