/**
 * The storage on LevelDB, in a browser on IndexedDB: one database for all documents, in y-leveldb's key
 * layout, so that stock y-leveldb opens our data and we open its.
 *
 * All writes go through one group commit. The clock of an append is chosen when its group is
 * written, at a moment when nothing is under way: so the database itself always knows the last
 * clock, and what is remembered of it here is only a cache, dropped after a failed write.
 */
import * as encoding from 'lib0/encoding'
import { StatemeshError, toStatemeshError } from '../base/error.ts'
import { encodeBytes } from '../base/scratch-encoder.ts'
import { systemTime } from '../base/time.ts'
import { readUpdateIndex } from '../model/update-index.ts'
import { readUpdateStructure } from '../model/update-structure.ts'
import type { ByteDatabase, Operation } from './byte-database.ts'
import { ByteSlab } from './byte-slab.ts'
import { crc32c } from './crc.ts'
import { GroupCommit, type WriteOutcome } from './group-commit.ts'
import {
  clockEnd,
  clockOfUpdateKey,
  documentOfStateVectorKey,
  documentRange,
  keyOfRecordKey,
  recordKey,
  recordRange,
  stateVectorKey,
  stateVectorRange,
  updateKey,
  updateKeyPrefix,
  updateRange,
} from './level-keys.ts'
import { type LogEntry, readLog, readLogEntry } from './level-log.ts'
import { type DatabaseOptions, openDatabase } from './open-database.ts'
import { sealUpdate } from './sealed-update.ts'
import type { DamagedRecord, Storage, StoredDocument, StoredUpdate } from './storage.ts'

export type LevelStorageOptions = DatabaseOptions

/**
 * Opens, or makes, a database. It belongs to one process at a time, in a browser to one tab or worker.
 * A damaged update that `load` sets aside becomes a record under `damaged/<document, percent-encoded>/`.
 *
 * @throws STORAGE_LOCKED when another process, or this one, has it open; STORAGE_CORRUPT;
 * STORAGE_UNAVAILABLE
 */
export async function openLevelStorage(options: LevelStorageOptions): Promise<Storage> {
  return new LevelStorage(await openDatabase(options), options)
}

type Write =
  | { type: 'append'; document: string; update: Uint8Array; bytes: number; alone: false }
  | { type: 'record'; key: string; value: Uint8Array | undefined; bytes: number; alone: false }
  | { type: 'removal'; operations: Operation[]; bytes: 0; alone: false }
  /** A write that depends on what is stored. */
  | { type: 'change'; prepare: () => Promise<Operation[]>; bytes: number; alone: true }

/** What is known of the end of a document's log. */
interface LogEnd {
  readonly keyPrefix: Uint8Array
  /** -1 where nothing is stored. */
  lastClock: number
  /** Whether the document has its entry in the list of documents. */
  listed: boolean
}

// About a millisecond of work, for which what else is in the group has to wait.
const removalsMax = 500

// About 200 bytes each.
const logEndsMax = 10_000

class LevelStorage implements Storage {
  readonly #database: ByteDatabase
  readonly #writes: GroupCommit<Write, number>
  readonly #logEnds = new Map<string, LogEnd>()
  #closing: Promise<void> | undefined

  constructor(database: ByteDatabase, { time = systemTime }: LevelStorageOptions) {
    this.#database = database
    this.#writes = new GroupCommit({ commit: writes => this.#commit(writes), time })
  }

  load(document: string): Promise<StoredDocument> {
    return this.#whileOpen(async () => {
      const { entries, unreadable } = await readLog(this.#database, updateKeyPrefix(document))
      const updates: StoredUpdate[] = []
      const damaged: DamagedRecord[] = unreadable.map(({ clock, error }) => {
        return { document, clock, reason: error.message }
      })
      for (const { clock, update } of entries) {
        if (!(update instanceof StatemeshError)) updates.push({ clock, update })
      }
      const broken = entries.filter(isDamaged)
      if (broken.length > 0) damaged.push(...(await this.#setAside(document, broken)))
      return { updates, damaged }
    })
  }

  append(document: string, update: Uint8Array): Promise<number> {
    if (this.#closing) return Promise.reject(closed())
    const bytes = update.length
    return this.#writes.write({ type: 'append', document, update, bytes, alone: false })
  }

  async replace(document: string, through: number, update: Uint8Array): Promise<void> {
    const keyPrefix = updateKeyPrefix(document)
    const key = updateKey(keyPrefix, through)
    // Sealed here, and not in the group in which it is written: others wait for that one.
    const operations = [
      putUpdate(key, update),
      putStateVector(document, through, stateVectorOf(update)),
    ]
    let found = false
    await this.#change(async () => {
      const replaced = await readLogEntry(this.#database, key)
      found = replaced !== undefined
      // Else it has been removed, or replaced further, since the caller read it.
      return replaced === undefined ? [] : [...removeEntry(document, replaced), ...operations]
    })
    if (found && through > 0) await this.#removeThrough(document, keyPrefix, through - 1)
  }

  /** In parts, the oldest first: what a crash leaves says nothing that is not in what follows it. */
  async #removeThrough(document: string, keyPrefix: Uint8Array, through: number): Promise<void> {
    const { entries, unreadable } = await this.#whileOpen(() =>
      readLog(this.#database, keyPrefix, through),
    )
    for (let start = 0; start < entries.length; start += removalsMax) {
      if (this.#closing) throw closed()
      const some = entries.slice(start, start + removalsMax)
      const operations = some.flatMap(entry => removeEntry(document, entry))
      await this.#writes.write({ type: 'removal', operations, bytes: 0, alone: false })
    }
    if (unreadable[0]) throw unreadable[0].error
  }

  remove(document: string): Promise<void> {
    return this.#change(async () => {
      const keys = [
        ...(await this.#database.keys(documentRange(document))),
        ...(await this.#database.keys(recordRange(damagedPrefix(document)))),
        stateVectorKey(document),
      ]
      // Its clocks go on from here, so that what was read before cannot be taken for what follows.
      const logEnd = await this.#logEnd(document)
      this.#logEnds.set(document, { ...logEnd, listed: false })
      return keys.map(key => ({ type: 'del', key }))
    })
  }

  documents(): Promise<readonly string[]> {
    return this.#whileOpen(async () => {
      return (await this.#database.keys(stateVectorRange)).map(documentOfStateVectorKey)
    })
  }

  records(prefix: string): Promise<ReadonlyMap<string, Uint8Array>> {
    return this.#whileOpen(async () => {
      const entries = await this.#database.entries(recordRange(prefix))
      return new Map(entries.map(([key, value]) => [keyOfRecordKey(key), new Uint8Array(value)]))
    })
  }

  async writeRecord(key: string, value: Uint8Array | undefined): Promise<void> {
    if (this.#closing) throw closed()
    const bytes = value?.length ?? 0
    await this.#writes.write({ type: 'record', key, value, bytes, alone: false })
  }

  close(): Promise<void> {
    this.#closing ??= this.#writes.idle().then(() => this.#database.close())
    return this.#closing
  }

  async #change(prepare: () => Promise<Operation[]>): Promise<void> {
    if (this.#closing) throw closed()
    await this.#writes.write({ type: 'change', prepare, bytes: 0, alone: true })
  }

  async #whileOpen<Result>(read: () => Promise<Result>): Promise<Result> {
    if (this.#closing) throw closed()
    try {
      return await read()
    } catch (error) {
      throw this.#closing ? closed(error) : error
    }
  }

  async #commit(writes: readonly Write[]): Promise<WriteOutcome<number>[]> {
    await this.#database.recover()
    try {
      const { operations, outcomes } = await this.#prepare(writes)
      if (operations.length > 0) await this.#database.write(operations)
      return outcomes
    } catch (error) {
      this.#logEnds.clear()
      throw error
    }
  }

  async #prepare(
    writes: readonly Write[],
  ): Promise<{ operations: Operation[]; outcomes: WriteOutcome<number>[] }> {
    const logEnds = await this.#logEndsFor(writes)
    const operations: Operation[] = []
    const outcomes: WriteOutcome<number>[] = []
    const slab = new ByteSlab()
    for (const write of writes) {
      switch (write.type) {
        case 'append':
          outcomes.push(prepareAppend(write, logEnds, operations, slab))
          break
        case 'record':
          operations.push(putRecord(write.key, write.value))
          outcomes.push(0)
          break
        case 'removal':
          operations.push(...write.operations)
          outcomes.push(0)
          break
        case 'change':
          outcomes.push(await prepareChange(write.prepare, operations))
      }
    }
    return { operations, outcomes }
  }

  /** The ends of the logs that `writes` append to; an error where one cannot be read. */
  async #logEndsFor(writes: readonly Write[]): Promise<Map<string, WriteOutcome<LogEnd>>> {
    this.#evict()
    const found = new Map<string, WriteOutcome<LogEnd>>()
    const cold: Promise<void>[] = []
    for (const write of writes) {
      if (write.type !== 'append' || found.has(write.document)) continue
      const { document } = write
      const known = this.#logEnds.get(document)
      found.set(document, known ?? unread)
      if (known) continue
      const reading = this.#logEnd(document).catch(error => asCorruption(error))
      cold.push(reading.then(logEnd => void found.set(document, logEnd)))
    }
    await Promise.all(cold)
    return found
  }

  async #logEnd(document: string): Promise<LogEnd> {
    const known = this.#logEnds.get(document)
    if (known) return known
    const keyPrefix = updateKeyPrefix(document)
    const key = await this.#database.lastKey(updateRange(keyPrefix))
    const lastClock = key ? clockOfUpdateKey(key) : -1
    const logEnd = { keyPrefix, lastClock, listed: key !== undefined }
    this.#logEnds.set(document, logEnd)
    return logEnd
  }

  /** Forgets the oldest; called between groups, when every one could be read again. */
  #evict(): void {
    for (const document of this.#logEnds.keys()) {
      if (this.#logEnds.size <= logEndsMax) return
      this.#logEnds.delete(document)
    }
  }

  async #setAside(document: string, broken: readonly LogEntry[]): Promise<DamagedRecord[]> {
    const failure = await this.#change(async () => {
      // By now they may have been replaced, or removed and written anew.
      const now = await Promise.all(broken.map(({ key }) => readLogEntry(this.#database, key)))
      const still = now.filter(entry => entry !== undefined).filter(isDamaged)
      if (still.length === 0) return []
      return [
        ...still.flatMap(entry => removeEntry(document, entry)),
        putStateVector(document, ...unknownStateVector),
      ]
    }).catch(error => toStatemeshError(error, 'STORAGE_UNAVAILABLE'))
    const left = failure ? `; it could not be set aside: ${failure.message}` : ''
    return broken.map(({ clock, update }) => {
      return { document, clock, reason: `${(update as StatemeshError).message}${left}` }
    })
  }
}

/** Stands for a log end while it is being read. */
const unread = new StatemeshError('STORAGE_UNAVAILABLE', 'the end of the log has not been read')

// Of a clock that no update has, so that stock y-leveldb computes the state vector when it needs it.
const unknownStateVector = [clockEnd, Uint8Array.of(0)] as const

function prepareAppend(
  { document, update }: { readonly document: string; readonly update: Uint8Array },
  logEnds: ReadonlyMap<string, WriteOutcome<LogEnd>>,
  operations: Operation[],
  slab: ByteSlab,
): WriteOutcome<number> {
  const logEnd = logEnds.get(document) ?? unread
  if (logEnd instanceof StatemeshError) return logEnd
  if (logEnd.lastClock + 1 >= clockEnd) {
    return new StatemeshError('STORAGE_UNAVAILABLE', `${document} has used up its clocks`)
  }
  logEnd.lastClock += 1
  const key = updateKey(logEnd.keyPrefix, logEnd.lastClock, slab)
  operations.push(putUpdate(key, update, slab))
  if (!logEnd.listed) {
    operations.push(putStateVector(document, ...unknownStateVector))
    logEnd.listed = true
  }
  return logEnd.lastClock
}

async function prepareChange(
  prepare: () => Promise<Operation[]>,
  operations: Operation[],
): Promise<WriteOutcome<number>> {
  try {
    for (const operation of await prepare()) operations.push(operation)
    return 0
  } catch (error) {
    return toStatemeshError(error, 'STORAGE_UNAVAILABLE')
  }
}

/** For one key of a document's log. */
export function putUpdate(key: Uint8Array, update: Uint8Array, slab?: ByteSlab): Operation {
  return { type: 'put', key, value: sealUpdate(update, crc32c(key), slab) }
}

function putRecord(key: string, value: Uint8Array | undefined): Operation {
  return value ? { type: 'put', key: recordKey(key), value } : { type: 'del', key: recordKey(key) }
}

/** For the entry that lists a document. */
export function putStateVector(
  document: string,
  clock: number,
  stateVector: Uint8Array,
): Operation {
  const value = encodeBytes(encoder => {
    encoding.writeVarUint(encoder, clock)
    encoding.writeVarUint8Array(encoder, stateVector)
  })
  return { type: 'put', key: stateVectorKey(document), value }
}

/** Takes an entry out of the log; a damaged one is kept as a record. */
function removeEntry(document: string, entry: LogEntry): Operation[] {
  const removal: Operation = { type: 'del', key: entry.key }
  if (!isDamaged(entry)) return [removal]
  const sum = crc32c(entry.value).toString(16)
  return [removal, putRecord(`${damagedPrefix(document)}${entry.clock}/${sum}`, entry.value)]
}

function isDamaged(entry: LogEntry): boolean {
  return entry.update instanceof StatemeshError
}

function damagedPrefix(document: string): string {
  return `damaged/${encodeURIComponent(document)}/`
}

/**
 * What an update holds without a gap. Read from its index or structure, as Yjs's own function decodes
 * all content and takes 300 ms for 10 MB.
 */
export function stateVectorOf(update: Uint8Array): Uint8Array {
  const clocks = new Map<number, number>()
  for (const { client, clock, end } of (readUpdateIndex(update) ?? readUpdateStructure(update))
    .blocks) {
    if (clock === (clocks.get(client) ?? 0)) clocks.set(client, end)
  }
  const encoder = encoding.createEncoder()
  encoding.writeVarUint(encoder, clocks.size)
  for (const [client, clock] of clocks) {
    encoding.writeVarUint(encoder, client)
    encoding.writeVarUint(encoder, clock)
  }
  return encoding.toUint8Array(encoder)
}

function asCorruption(error: unknown): StatemeshError {
  const failure = toStatemeshError(error, 'STORAGE_UNAVAILABLE')
  if (failure.code !== 'STORAGE_CORRUPT') throw failure
  return failure
}

function closed(cause?: unknown): StatemeshError {
  return new StatemeshError('CLOSED', 'the storage is closed', { cause })
}
