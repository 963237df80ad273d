/**
 * The stored form of one change in an audit trail, an entry of a log: what was written to which
 * key, in whose name and why, and the entries that the writer saw and replaced, with their values.
 */
import { StatemeshError } from '../../base/error.ts'
import { parseTimestamp, timestampMilliseconds } from '../../clock/hybrid-clock.ts'
import { parseActorId } from '../../model/id.ts'
import { encodeValue } from '../../model/value.ts'
import type { LogPosition } from '../../partition/log/log-entry.ts'
import type { LogEntry } from '../../partition/log/log-partition.ts'
import { compareSiblings } from '../../partition/policy/policy.ts'
import { viewDigest } from '../view-digest.ts'

/** What tells an entry of a key from the others. */
export interface EntryName {
  /** The Yjs client that wrote it. */
  readonly writer: number
  /** The hybrid timestamp. */
  readonly timestamp: number
}

/** An entry as a change found it. */
export interface ReplacedEntry<Value = unknown> extends EntryName {
  readonly actor: string
  readonly deleted: boolean
  /** Undefined for a deletion, and where the values were too large to keep. */
  readonly value: Value | undefined
}

export interface AuditChange<Value = unknown> extends ReplacedEntry<Value> {
  /** The document: `<scope>/<partition>`. */
  readonly document: string
  readonly key: string
  /** The wall-clock part of the timestamp, in milliseconds since the epoch. */
  readonly time: number
  /** What the key was before, by order where there were siblings; undefined for absent. */
  readonly previous: Value | undefined
  /** The entries that it replaced, the one that won by order first. */
  readonly replaced: readonly ReplacedEntry<Value>[]
  readonly cause: string | undefined
  /** Whether values are here; where not, they were too large, and only the digest of the new is. */
  readonly kept: boolean
  readonly digest: string | undefined
  /** Whether it was found without a record, and recorded afterwards by somebody. */
  readonly adopted: boolean
  /** The clock of Yjs at which its writer wrote it. */
  readonly clock: number
  /** Where the record stands in the trail's log; its actor and writer are those who recorded it. */
  readonly position: LogPosition
}

/** What a recorder knows of a change. */
export type NewChange = Omit<
  AuditChange,
  'document' | 'time' | 'previous' | 'position' | 'kept' | 'digest'
>

/** With values; the log refuses it when they are too large. */
export function recordOf(change: NewChange): Record<string, unknown> {
  return { ...header(change), ...contentOf(change), s: change.replaced.map(withValue) }
}

/** The record where it can be stored, else without values, which is always small enough. */
export function smallRecordOf(change: NewChange): Record<string, unknown> {
  const record = recordOf(change)
  try {
    encodeValue(record)
    return record
  } catch (thrown) {
    if (thrown instanceof StatemeshError) return recordWithoutValues(change)
    throw thrown
  }
}

function recordWithoutValues(change: NewChange): Record<string, unknown> {
  // More than these are the leftovers of many writers who never saw each other.
  const names = change.replaced.slice(0, 256).map(entry => ({ ...nameOf(entry), ...mark(entry) }))
  return { ...header(change), ...mark(change), x: changeDigest(change), s: names }
}

/** The digest of a change's new value. */
export function changeDigest({ key, value }: Pick<NewChange, 'key' | 'value'>): string {
  return viewDigest(value === undefined ? [] : [[key, value]])
}

function header(change: NewChange): Record<string, unknown> {
  const { key, clock, cause, adopted } = change
  return {
    k: key,
    ...nameOf(change),
    c: clock,
    ...(cause !== undefined && { y: cause }),
    ...(adopted && { f: true }),
  }
}

function nameOf({ writer, timestamp, actor }: ReplacedEntry): Record<string, unknown> {
  return { w: writer, t: timestamp, a: actor }
}

function mark({ deleted }: ReplacedEntry): Record<string, unknown> {
  return deleted ? { d: true } : {}
}

function contentOf(entry: ReplacedEntry): Record<string, unknown> {
  return entry.deleted ? { d: true } : { v: entry.value }
}

function withValue(entry: ReplacedEntry): Record<string, unknown> {
  return { ...nameOf(entry), ...contentOf(entry) }
}

/** @throws ENTRY_INVALID for what is no record */
export function readRecord(document: string, entry: LogEntry<unknown>): AuditChange {
  const fields = fieldsOf(entry.value)
  const { k: key, c: clock, y: cause, x: digest, s } = fields
  const { timestamp, actor, writer, seq } = entry
  if (typeof key !== 'string' || !isCount(clock) || !Array.isArray(s)) throw invalid()
  if (cause !== undefined && typeof cause !== 'string') throw invalid()
  if (digest !== undefined && typeof digest !== 'string') throw invalid()
  const replaced = s.map(other => readEntry(fieldsOf(other))).sort(compareSiblings)
  const own = readEntry(fields)
  return Object.freeze({
    ...own,
    document,
    key,
    time: timestampMilliseconds(own.timestamp as never),
    previous: replaced[0]?.value,
    replaced: Object.freeze(replaced),
    cause,
    kept: digest === undefined,
    digest,
    adopted: fields.f === true,
    clock,
    position: Object.freeze({ timestamp, actor, writer, seq }),
  })
}

/** Whether somebody recorded it in the name of another writer, and does not say so. */
export function isForged({ adopted, writer, position }: AuditChange): boolean {
  return !adopted && position.writer !== writer
}

/** One text for the entry of a key; one transaction writes several keys under one name. */
export function entryId(key: string, { writer, timestamp }: EntryName): string {
  return `${timestamp}.${writer}.${key}`
}

function readEntry(fields: Record<string, unknown>): ReplacedEntry {
  const timestamp = parseTimestamp(fields.t)
  if (timestamp === undefined || !isCount(fields.w)) throw invalid()
  const deleted = fields.d === true
  const actor = parseActorId(fields.a)
  return Object.freeze({ writer: fields.w, timestamp, actor, deleted, value: fields.v })
}

function fieldsOf(content: unknown): Record<string, unknown> {
  if (typeof content === 'object' && content !== null && !Array.isArray(content)) {
    return content as Record<string, unknown>
  }
  throw invalid()
}

function isCount(value: unknown): value is number {
  return Number.isSafeInteger(value) && (value as number) >= 0
}

function invalid(): StatemeshError {
  return new StatemeshError('ENTRY_INVALID', 'not a record of a change')
}
