/**
 * The stored form of resolutions: one root map beside that of the registers, in which a writer has
 * the rows `<writer>\0<slot>`, each with what it resolved once. Open conflicts are not stored:
 * they follow from the registers.
 */
import * as encoding from 'lib0/encoding'
import type * as Y from 'yjs'
import { StatemeshError } from '../../base/error.ts'
import { type HybridTimestamp, parseTimestamp } from '../../clock/hybrid-clock.ts'
import { type ActorId, parseActorId } from '../../model/id.ts'
import type { Sibling } from '../../model/partition-definition.ts'
import { decodeValue, encodeValue, handOut, type StoredValue } from '../../model/value.ts'

/** The name of the root map. */
export const resolutionsRoot = 'resolutions'

/** The rows of one writer; the oldest makes room for the next. */
export const resolutionsPerWriterMax = 64

/** The rows of all writers, most of whom may have gone for ever. */
export const resolutionsMax = 1000

/** From this size on a resolution is kept without values: they are for people to look at. */
export const resolutionBytesMax: number = 16 * 1024

const separator = '\0'

/** What was in conflict, as the history has it. */
export interface SettledSibling<Value = unknown> extends Omit<Sibling<Value>, 'value'> {
  /** What was written; undefined for a deletion, and where the values were too large to keep. */
  readonly value: Value | undefined
}

/** A resolution as it was read. */
export interface StoredResolution {
  readonly key: string
  readonly actor: ActorId
  readonly writer: number
  readonly timestamp: HybridTimestamp
  readonly deleted: boolean
  readonly value: StoredValue
  /** The place among the siblings of the one that was picked. */
  readonly picked: number | undefined
  readonly siblings: readonly (StoredValue & Omit<Sibling, 'value'>)[]
}

/** What there is to keep of a resolution; `encoded` is what was written, undefined for a deletion. */
export interface ResolutionParts {
  readonly key: string
  readonly actor: string
  readonly timestamp: number
  readonly encoded: unknown
  readonly picked: number | undefined
  readonly siblings: readonly Sibling[]
}

export function resolutionRow(writer: number, slot: number): string {
  return `${writer}${separator}${slot}`
}

/** Whose row it is; undefined for a name that `resolutionRow` would not give. */
function rowWriter(row: string): number | undefined {
  const [writer, slot, ...rest] = row.split(separator).map(Number)
  if (writer === undefined || slot === undefined || rest.length > 0) return undefined
  if (!Number.isSafeInteger(writer) || !Number.isSafeInteger(slot)) return undefined
  return resolutionRow(writer, slot) === row && slot < resolutionsPerWriterMax ? writer : undefined
}

/** What is stored for a resolution; without values if they are too large. */
export function resolutionEntry(parts: ResolutionParts): Record<string, unknown> {
  return entryWithValues(parts) ?? entryOf(parts, false)
}

function entryWithValues(parts: ResolutionParts): Record<string, unknown> | undefined {
  try {
    const entry = entryOf(parts, true)
    const bytes = encoding.encode(encoder => encoding.writeAny(encoder, entry as never)).length
    return bytes <= resolutionBytesMax ? entry : undefined
  } catch (thrown) {
    // A sibling from elsewhere may be larger than what one may write.
    if (thrown instanceof StatemeshError) return undefined
    throw thrown
  }
}

function entryOf(parts: ResolutionParts, values: boolean): Record<string, unknown> {
  const { key, actor, timestamp, encoded, picked, siblings } = parts
  return {
    k: key,
    t: timestamp,
    a: actor,
    ...(encoded === undefined ? { d: true } : values && { v: encoded }),
    ...(picked !== undefined && { p: picked }),
    s: siblings.map(({ writer, timestamp, actor, deleted, value }) => ({
      w: writer,
      t: timestamp,
      a: actor,
      ...(deleted ? { d: true } : values && { v: encodeValue(value) }),
    })),
  }
}

/**
 * Reads the resolution in a row.
 *
 * @throws ENTRY_INVALID for what is none, ENTRY_FORGED for the row of another writer
 */
export function readResolution(row: string, item: Y.Item): StoredResolution {
  const writer = rowWriter(row)
  if (writer === undefined) throw new StatemeshError('ENTRY_INVALID', 'not the name of a row')
  if (item.id.client !== writer) {
    const why = `client ${item.id.client} wrote a row of writer ${writer}`
    throw new StatemeshError('ENTRY_FORGED', why)
  }
  const content = item.content.getContent()
  const entry = fieldsOf(content[0])
  const { k: key, s: siblings, p: picked } = entry
  if (content.length !== 1 || typeof key !== 'string' || !Array.isArray(siblings)) {
    throw new StatemeshError('ENTRY_INVALID', 'not a resolution')
  }
  if (picked !== undefined && !(Number.isSafeInteger(picked) && siblings[picked as number])) {
    throw new StatemeshError('ENTRY_INVALID', 'it picks what was not there')
  }
  const { timestamp, actor, deleted, value } = readWrite(entry)
  return {
    key,
    actor,
    writer,
    timestamp,
    deleted,
    value,
    picked: picked as number | undefined,
    siblings: siblings.map(readSibling),
  }
}

function readSibling(sibling: unknown): StoredResolution['siblings'][number] {
  const fields = fieldsOf(sibling)
  if (!Number.isSafeInteger(fields.w)) throw new StatemeshError('ENTRY_INVALID', 'no writer')
  const { timestamp, actor, deleted, value } = readWrite(fields)
  const writer = fields.w as number
  return { actor, writer, timestamp, deleted, value: value.value, mutable: value.mutable }
}

function readWrite(fields: Record<string, unknown>) {
  const timestamp = parseTimestamp(fields.t)
  if (timestamp === undefined) throw new StatemeshError('ENTRY_INVALID', 'its stamp is malformed')
  const deleted = fields.d === true
  try {
    const value = deleted || fields.v === undefined ? nothing : decodeValue(fields.v)
    return { timestamp, actor: parseActorId(fields.a), deleted, value }
  } catch (cause) {
    if (!(cause instanceof StatemeshError)) throw cause
    throw new StatemeshError('ENTRY_INVALID', cause.message, { cause })
  }
}

const nothing: StoredValue = { value: undefined, mutable: false }

/** The siblings of a resolution, for one reader. */
export function settledSiblings(resolution: StoredResolution): readonly SettledSibling[] {
  const siblings = resolution.siblings.map(sibling => {
    const { deleted, actor, writer, timestamp } = sibling
    return Object.freeze({ value: handOut(sibling), deleted, actor, writer, timestamp })
  })
  return Object.freeze(siblings)
}

/** The fields of a plain object; none of anything else. */
function fieldsOf(value: unknown): Record<string, unknown> {
  if (typeof value !== 'object' || value === null) return {}
  return Object.getPrototypeOf(value) === Object.prototype ? (value as Record<string, unknown>) : {}
}
