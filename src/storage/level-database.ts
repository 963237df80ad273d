/**
 * A LevelDB database of bytes whose errors have our codes, and that comes back after a failed
 * write.
 *
 * A failed write may leave half a record in LevelDB's log; LevelDB goes on writing behind it, and
 * after a crash could not read what follows. After a failed fsync it refuses all further writes.
 * Opening the database anew mends both: it reads the log up to the damage and starts another.
 */
import { Level } from 'level'
import type { ErrorCode } from '../base/error.ts'
import type { ByteDatabase, Entry, Operation } from './byte-database.ts'
import type { ByteLevel } from './byte-level.ts'
import { attempt as attemptWith } from './database-error.ts'
import { checkLevelFiles, makeDirectory } from './level-files.ts'
import type { KeyRange } from './level-keys.ts'

/** A database of bytes in a directory, not opened yet. */
export function createByteLevel(location: string): Level<Uint8Array, Uint8Array> {
  return new Level(location, { keyEncoding: 'view', valueEncoding: 'view' })
}

// Fewer, larger steps through the thread pool than LevelDB's 16 kB.
const readAheadBytes = 1024 * 1024
// About a millisecond of work.
const pageEntries = 500

export class LevelDatabase implements ByteDatabase {
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
    await attempt('open the database', () => makeDirectory(location))
    const level = create(location)
    const database = new LevelDatabase(level)
    await attempt('open the database', () => level.open())
    return database
  }

  async write(operations: readonly Operation[]): Promise<void> {
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

  async get(key: Uint8Array): Promise<Uint8Array | undefined> {
    return this.#read(level => level.get(key))
  }

  async entries(range: KeyRange): Promise<Entry[]> {
    return this.mapEntries(range, entry => entry)
  }

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

  async keys(range: KeyRange, keysMax: number = -1): Promise<Uint8Array[]> {
    const options = { ...range, limit: keysMax, highWaterMarkBytes: readAheadBytes }
    return this.#read(level => level.keys(options).all())
  }

  async firstKey(range: KeyRange): Promise<Uint8Array | undefined> {
    const keys = await this.#read(level => level.keys({ ...range, limit: 1 }).all())
    return keys[0]
  }

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

function attempt<Result>(what: string, action: () => Promise<Result>): Promise<Result> {
  return attemptWith(what, codeOf, action)
}

function codeOf(thrown: unknown): ErrorCode {
  const codes = levelCodes(thrown)
  if (codes.includes('LEVEL_LOCKED')) return 'STORAGE_LOCKED'
  return codes.includes('LEVEL_CORRUPTION') ? 'STORAGE_CORRUPT' : 'STORAGE_UNAVAILABLE'
}

function levelCodes(thrown: unknown): string[] {
  if (!(thrown instanceof Error)) return []
  const { code } = thrown as { code?: unknown }
  return [...(typeof code === 'string' ? [code] : []), ...levelCodes(thrown.cause)]
}
