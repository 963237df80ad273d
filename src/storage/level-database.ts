/**
 * A LevelDB database of bytes whose errors have our codes, and that comes back after a failed
 * write.
 *
 * A failed write may leave half a record in LevelDB's log; LevelDB goes on writing behind it, and
 * after a crash could not read what follows. After a failed fsync it refuses all further writes.
 * Opening the database anew mends both: it reads the log up to the damage and starts another.
 */
import { Level } from 'level'
import { StatemeshError, toStatemeshError } from '../base/error.ts'
import { checkLevelFiles } from './level-files.ts'
import type { KeyRange } from './level-keys.ts'

export type ByteLevel = Level<Uint8Array, Uint8Array>
export type Entry = [key: Uint8Array, value: Uint8Array]
export type Operation =
  | { type: 'put'; key: Uint8Array; value: Uint8Array }
  | { type: 'del'; key: Uint8Array }

/** A database of bytes in a directory (in a browser: of an IndexedDB name), not opened yet. */
export function createByteLevel(location: string): ByteLevel {
  return new Level(location, { keyEncoding: 'view', valueEncoding: 'view' })
}

// Fewer, larger steps through the thread pool than LevelDB's 16 kB.
const readAheadBytes = 1024 * 1024
// About a millisecond of work.
const pageEntries = 500

export class LevelDatabase {
  readonly #level: ByteLevel
  #failed = false
  #reopenings = 0
  #reopening: Promise<void> | undefined

  private constructor(level: ByteLevel) {
    this.#level = level
  }

  /** @throws STORAGE_LOCKED, STORAGE_CORRUPT, STORAGE_UNAVAILABLE */
  static async open(
    location: string,
    create: (location: string) => ByteLevel = createByteLevel,
  ): Promise<LevelDatabase> {
    // Before it is made: it begins to open by itself.
    await checkLevelFiles(location)
    const level = create(location)
    const database = new LevelDatabase(level)
    await attempt('open the database', () => level.open())
    return database
  }

  /**
   * Writes all or nothing, with an fsync.
   *
   * @throws STORAGE_UNAVAILABLE
   */
  async write(operations: Operation[]): Promise<void> {
    try {
      await attempt('write', () => this.#write(operations))
    } catch (error) {
      this.#failed = true
      throw error
    }
  }

  /**
   * Opens the database anew if a write has failed since it was opened.
   *
   * @throws STORAGE_UNAVAILABLE, STORAGE_CORRUPT, STORAGE_LOCKED
   */
  async recover(): Promise<void> {
    if (!this.#failed) return
    this.#reopening ??= this.#reopen().finally(() => {
      this.#reopening = undefined
    })
    await this.#reopening
  }

  /** @throws STORAGE_CORRUPT, STORAGE_UNAVAILABLE */
  async get(key: Uint8Array): Promise<Uint8Array | undefined> {
    return this.#read(level => level.get(key))
  }

  /** @throws STORAGE_CORRUPT, STORAGE_UNAVAILABLE */
  async entries(range: KeyRange): Promise<Entry[]> {
    return this.mapEntries(range, entry => entry)
  }

  /**
   * What `map` makes of the entries of a range, of one moment. They are read in pages, so that
   * others get their turn in between.
   *
   * @throws STORAGE_CORRUPT, STORAGE_UNAVAILABLE
   */
  async mapEntries<Result>(range: KeyRange, map: (entry: Entry) => Result): Promise<Result[]> {
    return this.#read(async level => {
      const iterator = level.iterator({ ...range, highWaterMarkBytes: readAheadBytes })
      try {
        const results: Result[] = []
        for (;;) {
          const page = await iterator.nextv(pageEntries)
          if (page.length === 0) return results
          for (const entry of page) results.push(map(entry))
        }
      } finally {
        await iterator.close()
      }
    })
  }

  /** @throws STORAGE_CORRUPT, STORAGE_UNAVAILABLE */
  async keys(range: KeyRange, keysMax: number = -1): Promise<Uint8Array[]> {
    const options = { ...range, limit: keysMax, highWaterMarkBytes: readAheadBytes }
    return this.#read(level => level.keys(options).all())
  }

  /** @throws STORAGE_CORRUPT, STORAGE_UNAVAILABLE */
  async firstKey(range: KeyRange): Promise<Uint8Array | undefined> {
    const keys = await this.#read(level => level.keys({ ...range, limit: 1 }).all())
    return keys[0]
  }

  /** @throws STORAGE_CORRUPT, STORAGE_UNAVAILABLE */
  async lastKey(range: KeyRange): Promise<Uint8Array | undefined> {
    const keys = await this.#read(level => level.keys({ ...range, reverse: true, limit: 1 }).all())
    return keys[0]
  }

  async close(): Promise<void> {
    await attempt('close the database', () => this.#level.close())
  }

  /** Operation by operation: an array of them costs abstract-level four times as much. */
  async #write(operations: readonly Operation[]): Promise<void> {
    const batch = this.#level.batch()
    for (const operation of operations) {
      if (operation.type === 'put') batch.put(operation.key, operation.value)
      else batch.del(operation.key)
    }
    await batch.write({ sync: true })
  }

  async #reopen(): Promise<void> {
    this.#reopenings += 1
    await attempt('reopen the database', async () => {
      await this.#level.close()
      await this.#level.open()
    })
    this.#failed = false
  }

  async #read<Result>(read: (level: ByteLevel) => Promise<Result>): Promise<Result> {
    for (;;) {
      while (this.#reopening) await this.#reopening
      // A reopening that failed has left it closed; a reader tries again as a writer does.
      if (this.#level.status === 'closed') await this.recover()
      const reopenings = this.#reopenings
      try {
        return await attempt('read', () => read(this.#level))
      } catch (error) {
        // A reopening ends the reads under way; they start again.
        if (reopenings === this.#reopenings) throw error
      }
    }
  }
}

/** Runs `action`; what it throws gets the code that fits it. */
async function attempt<Result>(what: string, action: () => Promise<Result>): Promise<Result> {
  try {
    return await action()
  } catch (thrown) {
    throw storageError(what, thrown)
  }
}

function storageError(what: string, thrown: unknown): StatemeshError {
  if (thrown instanceof StatemeshError) return thrown
  const codes = levelCodes(thrown)
  const code = codes.includes('LEVEL_LOCKED')
    ? 'STORAGE_LOCKED'
    : codes.includes('LEVEL_CORRUPTION')
      ? 'STORAGE_CORRUPT'
      : 'STORAGE_UNAVAILABLE'
  const why = toStatemeshError(rootCause(thrown), code).message
  return new StatemeshError(code, `could not ${what}: ${why}`, { cause: thrown })
}

function rootCause(thrown: unknown): unknown {
  return thrown instanceof Error && thrown.cause instanceof Error ? rootCause(thrown.cause) : thrown
}

function levelCodes(thrown: unknown): string[] {
  if (!(thrown instanceof Error)) return []
  const { code } = thrown as { code?: unknown }
  return [...(typeof code === 'string' ? [code] : []), ...levelCodes(thrown.cause)]
}
