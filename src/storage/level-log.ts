/** Reads the log of one document from LevelDB, around what LevelDB itself cannot read. */
import { StatemeshError } from '../base/error.ts'
import type { ByteDatabase } from './byte-database.ts'
import { crc32c } from './crc.ts'
import { clockOfUpdateKey, type KeyRange, updateKey, updateRange } from './level-keys.ts'
import { unsealUpdate } from './sealed-update.ts'

export interface LogEntry {
  readonly clock: number
  readonly key: Uint8Array
  readonly value: Uint8Array
  /** What the value holds; an error where it is not what was written. */
  readonly update: Uint8Array | StatemeshError
}

export interface Log {
  /** In the order of their clocks. */
  readonly entries: readonly LogEntry[]
  /** Where LevelDB itself failed; there may or may not have been an update at these clocks. */
  readonly unreadable: readonly { readonly clock: number; readonly error: StatemeshError }[]
}

/**
 * The updates of a document, of one moment.
 *
 * @throws STORAGE_CORRUPT where LevelDB cannot even tell how far the log goes, STORAGE_UNAVAILABLE
 */
export async function readLog(
  database: ByteDatabase,
  prefix: Uint8Array,
  through?: number,
): Promise<Log> {
  const range = updateRange(prefix, through)
  try {
    const entries = await database.mapEntries(range, ([key, value]) => logEntry(key, value))
    return { entries, unreadable: [] }
  } catch (error) {
    if (!isCorruption(error)) throw error
    return readSingly(database, prefix, range)
  }
}

/** One entry of a log. */
export async function readLogEntry(
  database: ByteDatabase,
  key: Uint8Array,
): Promise<LogEntry | undefined> {
  const value = await database.get(key)
  return value && logEntry(key, value)
}

/** Slow, but a block that cannot be read costs only the updates in it. */
async function readSingly(
  database: ByteDatabase,
  prefix: Uint8Array,
  range: KeyRange,
): Promise<Log> {
  const entries: LogEntry[] = []
  const unreadable: { clock: number; error: StatemeshError }[] = []
  const last = await database.lastKey(range)
  const first = await database.firstKey(range).catch(unlessCorruption)
  const end = last === undefined ? -1 : clockOfUpdateKey(last)
  for (let clock = first === undefined ? 0 : clockOfUpdateKey(first); clock <= end; clock++) {
    try {
      const entry = await readLogEntry(database, updateKey(prefix, clock))
      if (entry) entries.push(entry)
    } catch (error) {
      if (!isCorruption(error)) throw error
      unreadable.push({ clock, error })
    }
  }
  return { entries, unreadable }
}

function logEntry(key: Uint8Array, value: Uint8Array): LogEntry {
  const update = unsealUpdate(value, crc32c(key))
  return { clock: clockOfUpdateKey(key), key, value, update }
}

function isCorruption(error: unknown): error is StatemeshError {
  return error instanceof StatemeshError && error.code === 'STORAGE_CORRUPT'
}

function unlessCorruption(error: unknown): undefined {
  if (!isCorruption(error)) throw error
}
