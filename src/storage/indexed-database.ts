/**
 * A database of bytes in IndexedDB, for browsers, as the package `browser-level` lays it out, and opens
 * it. Ours because that one leaves it to the browser when a write reaches the disk, copies the whole
 * buffer of each value that is a part of one, and reads a range at several moments.
 */
import { type ErrorCode, StatemeshError } from '../base/error.ts'
import type { TimeSource } from '../base/time.ts'
import type { ByteDatabase, Entry, Operation } from './byte-database.ts'
import { attempt as attemptWith } from './database-error.ts'
import type { KeyRange } from './level-keys.ts'
import { lockStore } from './store-lock.ts'

// Values are at most some megabytes, and all of a page are in memory at once.
const pageEntries = 100

export class IndexedDatabase implements ByteDatabase {
  readonly #location: string
  readonly #unlock: () => Promise<void>
  /** Undefined while there is none: the browser ends it where its disk fails, or the user clears it. */
  #connection: IDBDatabase | undefined
  #connecting: Promise<IDBDatabase> | undefined
  #closed = false

  private constructor(location: string, unlock: () => Promise<void>) {
    this.#location = location
    this.#unlock = unlock
  }

  /** @throws STORAGE_LOCKED, STORAGE_UNAVAILABLE */
  static async open(location: string, time: TimeSource): Promise<IndexedDatabase> {
    const unlock = await lockStore(`statemesh:${location}`, time)
    const database = new IndexedDatabase(location, unlock)
    try {
      await attempt('open the database', () => database.#connect('may be new'))
      return database
    } catch (error) {
      await unlock()
      throw error
    }
  }

  async write(operations: readonly Operation[]): Promise<void> {
    await attempt('write', async () => {
      const connection = await this.#connected()
      await completed(connection.transaction(this.#location, 'readwrite', strict), operations)
    })
  }

  async recover(): Promise<void> {
    await attempt('reopen the database', () => this.#connected())
  }

  async get(key: Uint8Array): Promise<Uint8Array | undefined> {
    const value = await this.#read(store => settled(store.get(key as BufferSource)))
    return value && bytesOf(value)
  }

  async entries(range: KeyRange): Promise<Entry[]> {
    return this.mapEntries(range, entry => entry)
  }

  async mapEntries<Result>(range: KeyRange, map: (entry: Entry) => Result): Promise<Result[]> {
    return this.#read(async store => {
      const results: Result[] = []
      // One transaction, which lasts as long as each answer is followed by a question.
      for (let rest = boundsOf(range); ; ) {
        const asked = [
          store.getAllKeys(rest, pageEntries),
          store.getAll(rest, pageEntries),
        ] as const
        const [keys, values] = await Promise.all([settled(asked[0]), settled(asked[1])])
        for (const [index, key] of keys.entries()) {
          results.push(map([bytesOf(key), bytesOf(values[index])]))
        }
        if (keys.length < pageEntries) return results
        rest = IDBKeyRange.bound(keys.at(-1), range.lt, true, true)
      }
    })
  }

  async keys(range: KeyRange, keysMax?: number): Promise<Uint8Array[]> {
    const keys = await this.#read(store => settled(store.getAllKeys(boundsOf(range), keysMax)))
    return keys.map(bytesOf)
  }

  async firstKey(range: KeyRange): Promise<Uint8Array | undefined> {
    const key = await this.#read(store => settled(store.getKey(boundsOf(range))))
    return key === undefined ? undefined : bytesOf(key)
  }

  async lastKey(range: KeyRange): Promise<Uint8Array | undefined> {
    const last = await this.#read(store => settled(store.openKeyCursor(boundsOf(range), 'prev')))
    return last ? bytesOf(last.key) : undefined
  }

  async close(): Promise<void> {
    this.#closed = true
    await this.#connecting?.catch(() => undefined) // who asked for it is told
    this.#connection?.close()
    await this.#unlock()
  }

  async #read<Result>(ask: (store: IDBObjectStore) => Promise<Result>): Promise<Result> {
    return attempt('read', async () => {
      const connection = await this.#connected()
      return ask(connection.transaction(this.#location, 'readonly').objectStore(this.#location))
    })
  }

  async #connected(): Promise<IDBDatabase> {
    if (this.#closed) throw new StatemeshError('CLOSED', 'the database is closed')
    if (this.#connection) return this.#connection
    this.#connecting ??= this.#connect('is there').finally(() => {
      this.#connecting = undefined
    })
    return this.#connecting
  }

  async #connect(existence: Existence): Promise<IDBDatabase> {
    const connection = await connect(this.#location, existence)
    connection.onclose = () => {
      this.#connection = undefined
    }
    this.#connection = connection
    return connection
  }
}

/**
 * Once it was open, a database that is not there has been deleted. A new one in its place would take
 * changes without those that they build on.
 */
type Existence = 'may be new' | 'is there'

/** The browser's default is to answer before the data is on the disk. */
const strict = { durability: 'strict' } as const

function connect(location: string, existence: Existence): Promise<IDBDatabase> {
  return new Promise((resolve, reject) => {
    const request = indexedDB.open(`level-js-${location}`, 1)
    let deleted = false
    request.onupgradeneeded = () => {
      deleted = existence === 'is there'
      if (deleted) request.transaction?.abort()
      else request.result.createObjectStore(location)
    }
    request.onerror = () => {
      reject(deleted ? new Error('it was deleted while it was open') : request.error)
    }
    request.onsuccess = () => resolve(request.result)
  })
}

/** Resolves when all operations are on the disk. */
function completed(transaction: IDBTransaction, operations: readonly Operation[]): Promise<void> {
  return new Promise((resolve, reject) => {
    transaction.oncomplete = () => resolve()
    transaction.onabort = () => reject(transaction.error ?? new Error('it was cut short'))
    const store = transaction.objectStore(transaction.objectStoreNames[0] as string)
    for (const operation of operations) {
      if (operation.type === 'put') store.put(alone(operation.value), operation.key as BufferSource)
      else store.delete(operation.key as BufferSource)
    }
    transaction.commit()
  })
}

/** A value in a buffer of its own: all of the buffer is stored. */
function alone(value: Uint8Array): Uint8Array {
  return value.length === value.buffer.byteLength ? value : value.slice()
}

function settled<Result>(request: IDBRequest<Result>): Promise<Result> {
  return new Promise((resolve, reject) => {
    request.onsuccess = () => resolve(request.result)
    request.onerror = () => reject(request.error)
  })
}

function boundsOf({ gte, lt }: KeyRange): IDBKeyRange {
  return IDBKeyRange.bound(gte, lt, false, true)
}

/** Keys come as buffers, values as they were put. */
function bytesOf(stored: unknown): Uint8Array {
  return stored instanceof Uint8Array ? stored : new Uint8Array(stored as ArrayBuffer)
}

function attempt<Result>(what: string, action: () => Promise<Result>): Promise<Result> {
  return attemptWith(what, codeOf, action)
}

/** Of the names that IndexedDB gives its errors, only this one says that stored data is damaged. */
function codeOf(thrown: unknown): ErrorCode {
  const damaged = thrown instanceof DOMException && thrown.name === 'NotReadableError'
  return damaged ? 'STORAGE_CORRUPT' : 'STORAGE_UNAVAILABLE'
}
