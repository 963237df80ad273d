/**
 * Reads documents before they are asked for. When a relay comes back from a restart, so does within
 * seconds everybody who was linked to it; what they had open is in memory by then.
 *
 * Which documents that are is kept in a record of the storage. It is a hint: where it is old, damaged
 * or missing, documents are read when somebody asks for them, as all others are.
 */
import { z } from 'zod'
import { StatemeshError, toStatemeshError } from '../src/base/error.ts'
import type { CancelTimer, TimeSource } from '../src/base/time.ts'
import { type DocumentName, isDocumentName } from '../src/model/document-name.ts'
import type { Storage } from '../src/storage/storage.ts'
import type { RelayEvent, RelayLimits } from './relay-options.ts'
import type { Room } from './room.ts'

const recordKey = 'read-ahead'

/** So many documents' names are some 50 kB: not to be written all the time, and a crash loses little. */
const recordMilliseconds = 10_000

/** Documents with their bytes, from the one that was opened last. */
const recordSchema = z.array(z.tuple([z.string().refine(isDocumentName), z.number().nonnegative()]))
type InUse = z.infer<typeof recordSchema>

export interface ReadAheadOptions {
  storage: Storage
  time: TimeSource
  limits: Pick<RelayLimits, 'readAheadDocumentsMax' | 'readAheadBytesMax'>
  /** Those in memory; the one that was opened last comes last. */
  rooms: ReadonlyMap<DocumentName, Room>
  /** The room of a document, which reads it. */
  open(document: DocumentName): Room
  report(event: RelayEvent): void
}

export class ReadAhead {
  readonly #options: ReadAheadOptions
  /** What is in use is recorded only when what was in use before has been read. */
  #state: 'waiting' | 'reading' | 'recording' | 'stopped'
  #cancelTimer: CancelTimer | undefined
  #documents = 0
  #recorded: string | undefined
  #recordedAt = Number.NEGATIVE_INFINITY

  constructor(options: ReadAheadOptions) {
    this.#options = options
    const { readAheadDocumentsMax, readAheadBytesMax } = options.limits
    if (readAheadDocumentsMax === 0 || readAheadBytesMax === 0) {
      this.#state = 'stopped'
      return
    }
    this.#state = 'waiting'
    // In a turn of its own: a relay that starts listens first.
    this.#cancelTimer = options.time.after(0, () => void this.#read())
  }

  /** How many documents it has read. */
  get documents(): number {
    return this.#documents
  }

  /** Records now and then what is in use. */
  tick(now: number): void {
    if (this.#state !== 'recording' || now - this.#recordedAt < recordMilliseconds) return
    this.#recordedAt = now
    void this.#record()
  }

  /** Begins nothing more, and records what is in use. */
  async stop(): Promise<void> {
    const state = this.#state
    this.#state = 'stopped'
    this.#cancelTimer?.()
    if (state === 'recording') await this.#record()
  }

  async #read(): Promise<void> {
    this.#state = 'reading'
    try {
      await this.#readDocuments(await this.#inUseBefore())
    } catch (thrown) {
      if (this.#state === 'reading') this.#failed('cannot read what was in use', thrown)
    }
    if (this.#state === 'reading') this.#state = 'recording'
  }

  /** One after another: whoever joins another document meanwhile waits for one of them at most. */
  async #readDocuments(inUse: InUse): Promise<void> {
    const { limits, rooms, open, report } = this.#options
    let bytesLeft = limits.readAheadBytesMax
    for (const [document, bytes] of inUse) {
      if (this.#state !== 'reading' || this.#documents >= limits.readAheadDocumentsMax) break
      if (bytes > bytesLeft || rooms.has(document)) continue
      const room = open(document)
      await room.loaded
      if (rooms.get(document) !== room) continue // it could not be loaded, or all is closed
      this.#documents += 1
      bytesLeft -= room.bytes
    }
    if (this.#documents === 0) return
    const bytesRead = limits.readAheadBytesMax - bytesLeft
    const message = `documents that were in use before: ${this.#documents}, bytes: ${bytesRead}`
    report({ level: 'info', event: 'read-ahead', message })
  }

  async #inUseBefore(): Promise<InUse> {
    const record = (await this.#options.storage.records(recordKey)).get(recordKey)
    return record === undefined ? [] : parseRecord(record)
  }

  async #record(): Promise<void> {
    const { storage, rooms, limits } = this.#options
    const inUse: InUse = [...rooms.values()]
      .slice(-limits.readAheadDocumentsMax)
      .reverse()
      .map(({ document, bytes }) => [document, bytes])
    const text = JSON.stringify(inUse)
    if (text === this.#recorded) return
    try {
      await storage.writeRecord(recordKey, new TextEncoder().encode(text))
      this.#recorded = text
    } catch (thrown) {
      this.#failed('cannot record what is in use', thrown)
    }
  }

  #failed(what: string, thrown: unknown): void {
    const { code, message } = toStatemeshError(thrown, 'STORAGE_UNAVAILABLE')
    const said = `${what}: ${message}`
    this.#options.report({ level: 'warn', event: 'read-ahead', code, message: said })
  }
}

/** @throws STORAGE_CORRUPT */
function parseRecord(record: Uint8Array): InUse {
  try {
    return recordSchema.parse(JSON.parse(new TextDecoder().decode(record)))
  } catch (cause) {
    throw new StatemeshError('STORAGE_CORRUPT', 'the record is damaged', { cause })
  }
}
