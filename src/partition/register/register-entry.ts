/**
 * The stored form of registers: one root map, in which the row `<key>\0<writer>` holds the one
 * entry of that writer for that key. The entry is `{v: value, t: timestamp, a: actor}`; one
 * without `v` is a tombstone.
 */
import type * as Y from 'yjs'
import { StatemeshError } from '../../base/error.ts'
import { type HybridTimestamp, parseTimestamp } from '../../clock/hybrid-clock.ts'
import type { ActorId } from '../../model/id.ts'
import { decodeValue, type StoredValue, utf8Length } from '../../model/value.ts'
import type { TombstoneFloor } from './tombstone-floor.ts'

/**
 * The name of the root map; a stock Yjs client finds the entries there. Short, since Yjs repeats it
 * for every row.
 */
export const registersRoot = 'reg'

/** A key is repeated with every write of it, so it is kept short; a path or a URL still fits. */
export const keyBytesMax = 1024

const separator = '\0'

export interface RowName {
  readonly key: string
  readonly writer: number
}

/** An entry as it was read. */
export interface Entry extends StoredValue {
  readonly deleted: boolean
  readonly actor: ActorId
  readonly writer: number
  readonly timestamp: HybridTimestamp
  /** What it may have been written against; see `tombstone-floor.ts`. */
  readonly floor?: TombstoneFloor
  /** Whether it is not stored, but stands for tombstones that were reaped. */
  readonly reaped?: true
}

/** What an entry under a floor stands beside. */
export function reapedEntry({ actor, writer, timestamp }: TombstoneFloor): Entry {
  return { ...tombstone, deleted: true, actor, writer, timestamp, reaped: true }
}

/** @throws KEY_INVALID unless 1 to `keyBytesMax` bytes of UTF-8 without NUL */
export function checkKey(key: unknown): asserts key is string {
  const wrong = whatIsWrongWith(key)
  if (wrong !== undefined) throw new StatemeshError('KEY_INVALID', wrong)
}

function whatIsWrongWith(key: unknown): string | undefined {
  if (typeof key !== 'string' || key === '') return 'a key must be a non-empty string'
  if (key.includes(separator)) return 'a key must not hold the character NUL'
  const bytes = utf8Length(key)
  if (bytes < 0) return 'a key must not hold lone surrogates'
  if (bytes > keyBytesMax) return `a key has at most ${keyBytesMax} bytes`
  return undefined
}

/** The writer stands in base 36, which takes two thirds of the digits. */
export function rowName(key: string, writer: number): string {
  return `${key}${separator}${writer.toString(36)}`
}

/** The parts of a row's name; undefined for a name that `rowName` would not give. */
export function splitRowName(row: string): RowName | undefined {
  const end = row.indexOf(separator)
  const writer = end < 1 ? undefined : writerAt(row, end + 1)
  return writer === undefined ? undefined : { key: row.slice(0, end), writer }
}

/** The number that `toString(36)` would write so, from an offset to the end; it is read at every change. */
function writerAt(row: string, start: number): number | undefined {
  let writer = 0
  for (let index = start; index < row.length; index++) {
    const code = row.charCodeAt(index)
    if (code >= 0x30 && code <= 0x39) writer = writer * 36 + code - 0x30
    else if (code >= 0x61 && code <= 0x7a) writer = writer * 36 + code - 0x57
    else return undefined
    if (writer === 0 && row.length > start + 1) return undefined
    if (writer > Number.MAX_SAFE_INTEGER) return undefined
  }
  return row.length > start ? writer : undefined
}

export function entryOf(
  encoded: unknown,
  timestamp: HybridTimestamp,
  actor: ActorId,
): Record<string, unknown> {
  return encoded === undefined ? { t: timestamp, a: actor } : { v: encoded, t: timestamp, a: actor }
}

/**
 * Reads the entry in a row. Nothing about it is trusted but the client of its item, which Yjs
 * itself keeps.
 *
 * @param parseActor `parseActorId`, or one that remembers
 * @throws ENTRY_INVALID for what is not an entry, ENTRY_FORGED for the row of another writer
 */
export function readEntry(
  { key, writer }: RowName,
  item: Y.Item,
  parseActor: (id: unknown) => ActorId,
): Entry {
  if (item.id.client !== writer) {
    const why = `client ${item.id.client} wrote a row of writer ${writer}`
    throw new StatemeshError('ENTRY_FORGED', why)
  }
  const wrong = whatIsWrongWith(key)
  if (wrong !== undefined) throw new StatemeshError('ENTRY_INVALID', wrong)
  const content = item.content.getContent()
  const entry: unknown = content[0]
  if (content.length !== 1 || !isPlainObject(entry)) {
    throw new StatemeshError('ENTRY_INVALID', 'not an entry')
  }
  const timestamp = parseTimestamp(entry.t)
  if (timestamp === undefined) throw new StatemeshError('ENTRY_INVALID', 'its stamp is malformed')
  try {
    const actor = parseActor(entry.a)
    const deleted = !Object.hasOwn(entry, 'v')
    const { value, mutable } = deleted ? tombstone : decodeValue(entry.v)
    return { value, mutable, deleted, actor, writer, timestamp }
  } catch (cause) {
    if (!(cause instanceof StatemeshError)) throw cause
    throw new StatemeshError('ENTRY_INVALID', cause.message, { cause })
  }
}

const tombstone: StoredValue = { value: undefined, mutable: false }

function isPlainObject(value: unknown): value is Record<string, unknown> {
  if (typeof value !== 'object' || value === null) return false
  return Object.getPrototypeOf(value) === Object.prototype
}
