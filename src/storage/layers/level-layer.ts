/**
 * The layers on disk: a LevelDB database of their own, and the archive, which is the same with
 * compressed values. In a browser they are in IndexedDB, as all of LevelDB is.
 *
 *     'v' key           a record
 *     'x' end key       when a record ends, for sweeping; the end as 16 hexadecimal digits
 *
 * All writes go through one group commit, which looks up the stamps it needs and fsyncs once.
 */
import { StatemeshError, toStatemeshError } from '../../base/error.ts'
import { systemTime, type TimeSource } from '../../base/time.ts'
import type { ByteDatabase, Entry, Operation } from '../byte-database.ts'
import { type Codec, deflate } from '../codec.ts'
import { GroupCommit } from '../group-commit.ts'
import type { KeyRange } from '../level-keys.ts'
import { type DatabaseOptions, openDatabase } from '../open-database.ts'
import type { KeyPattern } from './key-pattern.ts'
import type { Layer, LayerRecord, LayerStamp } from './layer.ts'
import {
  decodeRecord,
  encodePackedRecord,
  encodeRecord,
  expiryOf,
  stampOf,
} from './record-bytes.ts'

/** The location is of its own. */
export type LevelLayerOptions = DatabaseOptions

/** @throws STORAGE_LOCKED, STORAGE_CORRUPT, STORAGE_UNAVAILABLE */
export async function openLevelLayer(options: LevelLayerOptions): Promise<Layer> {
  return open('level', options)
}

/**
 * Values are compressed with the codec's id beside them, where that makes them smaller.
 *
 * @throws STORAGE_LOCKED, STORAGE_CORRUPT, STORAGE_UNAVAILABLE
 */
export async function openArchiveLayer(options: LevelLayerOptions): Promise<Layer> {
  return open('archive', options, deflate)
}

async function open(name: string, options: LevelLayerOptions, codec?: Codec): Promise<Layer> {
  const database = await openDatabase(options)
  return new LevelLayer(name, database, options.time ?? systemTime, codec)
}

type Change =
  | { type: 'write'; key: string; record: LayerRecord; encoded: Uint8Array }
  | { type: 'remove'; pattern: KeyPattern; before: LayerStamp }
  | { type: 'sweep'; now: number }

type Write = Change & { bytes: number; alone: boolean }

/** Ended records that one sweep's commit looks at: some milliseconds of work. */
const sweepKeysMax = 1000

const utf8 = new TextEncoder()
const utf8Decoder = new TextDecoder()

class LevelLayer implements Layer {
  readonly name: string
  readonly shared = false
  readonly #database: ByteDatabase
  readonly #time: TimeSource
  readonly #codec: Codec | undefined
  readonly #writes: GroupCommit<Write, number>
  /** The encoding of the last write: they are committed in the order of the calls. */
  #encoding: Promise<unknown> = Promise.resolve()
  #closing: Promise<void> | undefined

  constructor(name: string, database: ByteDatabase, time: TimeSource, codec: Codec | undefined) {
    this.name = name
    this.#database = database
    this.#time = time
    this.#codec = codec
    this.#writes = new GroupCommit({ commit: writes => this.#commit(writes) })
  }

  async read(key: string): Promise<LayerRecord | undefined> {
    const bytes = await this.#whileOpen(() => this.#database.get(recordKey(key)))
    if (bytes === undefined) return undefined
    const record = await decodeRecord(key, bytes)
    return record.expiresAt > this.#time.now() ? record : undefined
  }

  async write(key: string, record: LayerRecord): Promise<void> {
    const encoding =
      this.#codec === undefined
        ? Promise.resolve(encodeRecord(key, record))
        : encodePackedRecord(key, record, this.#codec)
    await this.#inOrder(encoding, encoded => {
      return { type: 'write', key, record, encoded, bytes: encoded.length, alone: false }
    })
  }

  async remove(pattern: KeyPattern, before: LayerStamp): Promise<void> {
    await this.#inOrder(undefined, () => {
      return { type: 'remove', pattern, before, bytes: 0, alone: !pattern.exact }
    })
  }

  async keys(pattern: KeyPattern): Promise<string[]> {
    const now = this.#time.now()
    const live = await this.#whileOpen(() =>
      this.#database.mapEntries(recordRange(pattern), ([key, bytes]) =>
        expiryOf(bytes) > now ? keyOf(key) : undefined,
      ),
    )
    return live.filter(key => key !== undefined && pattern.matches(key)) as string[]
  }

  async sweep(): Promise<void> {
    const now = this.#time.now()
    for (;;) {
      const change: Write = { type: 'sweep', now, bytes: 0, alone: true }
      const looked = await this.#inOrder(undefined, () => change)
      if (looked < sweepKeysMax) return
    }
  }

  async probe(): Promise<void> {
    await this.#whileOpen(async () => {
      await this.#database.recover()
      await this.#database.get(recordKey(''))
    })
  }

  close(): Promise<void> {
    this.#closing ??= this.#encoding
      .then(() => this.#writes.idle())
      .then(() => this.#database.close())
    return this.#closing
  }

  /** Commits a change when those of earlier calls have been handed over. */
  #inOrder<Encoded>(
    encoding: Promise<Encoded> | undefined,
    change: (encoded: Encoded) => Write,
  ): Promise<number> {
    if (this.#closing) return Promise.reject(closed())
    const before = this.#encoding
    let written: Promise<number> | undefined
    const handed = (async () => {
      await before
      const encoded = (await encoding) as Encoded
      written = this.#writes.write(change(encoded))
      written.catch(() => undefined) // whoever called hears of it below
    })()
    this.#encoding = handed.catch(() => undefined)
    return handed.then(() => written as Promise<number>)
  }

  async #whileOpen<Result>(read: () => Promise<Result>): Promise<Result> {
    if (this.#closing) throw closed()
    return read()
  }

  async #commit(writes: readonly Write[]): Promise<number[]> {
    await this.#database.recover()
    const operations = new Map<string, Operation>()
    const stamps = await this.#stampsFor(writes)
    const outcomes: number[] = []
    for (const write of writes) {
      if (write.type === 'write') {
        const { key, record, encoded } = write
        const stored = stamps.get(key)
        if (stored === undefined || stored <= record.stamp) {
          stamps.set(key, record.stamp)
          put(operations, key, record.expiresAt, encoded)
        }
        outcomes.push(0)
      } else if (write.type === 'sweep') {
        outcomes.push(await this.#sweepPage(write.now, operations))
      } else if (write.pattern.exact) {
        const key = write.pattern.prefix
        const stored = stamps.get(key)
        if (stored !== undefined && stored < write.before) {
          stamps.set(key, undefined)
          operations.set(`v${key}`, { type: 'del', key: recordKey(key) })
        }
        outcomes.push(0)
      } else {
        await this.#removeMatching(write.pattern, write.before, operations)
        outcomes.push(0)
      }
    }
    if (operations.size > 0) await this.#database.write([...operations.values()])
    return outcomes
  }

  /** The stamps of what is stored under the keys that `writes` name. */
  async #stampsFor(writes: readonly Write[]): Promise<Map<string, LayerStamp | undefined>> {
    const keys = new Set<string>()
    for (const write of writes) {
      if (write.type === 'write') keys.add(write.key)
      else if (write.type === 'remove' && write.pattern.exact) keys.add(write.pattern.prefix)
    }
    const read = async (key: string) => [key, await this.#stampOf(key)] as const
    return new Map(await Promise.all([...keys].map(read)))
  }

  /** The stamp of a stored record; of one that cannot be read, the smallest there is. */
  async #stampOf(key: string): Promise<LayerStamp | undefined> {
    try {
      const bytes = await this.#database.get(recordKey(key))
      return bytes && (stampOf(bytes) ?? smallest)
    } catch (thrown) {
      if (toStatemeshError(thrown, 'STORAGE_UNAVAILABLE').code === 'STORAGE_CORRUPT')
        return smallest
      throw thrown
    }
  }

  async #removeMatching(
    pattern: KeyPattern,
    before: LayerStamp,
    operations: Map<string, Operation>,
  ): Promise<void> {
    await this.#database.mapEntries(recordRange(pattern), ([bytes, value]) => {
      const key = keyOf(bytes)
      if (!pattern.matches(key) || (stampOf(value) ?? smallest) >= before) return
      operations.set(`v${key}`, { type: 'del', key: recordKey(key) })
    })
  }

  /** Removes ended records, and the entries that say when records end; answers how many of those. */
  async #sweepPage(now: number, operations: Map<string, Operation>): Promise<number> {
    const range = { gte: utf8.encode('x'), lt: utf8.encode(`x${endDigits(now + 1)}`) }
    const ends = await this.#database.keys(range, sweepKeysMax)
    for (const end of ends) {
      const key = keyOf(end.subarray(16))
      operations.set(`x${utf8Decoder.decode(end)}`, { type: 'del', key: end })
      const bytes = await this.#database.get(recordKey(key))
      // It may have been written again, with another end.
      if (bytes === undefined || expiryOf(bytes) > now) continue
      operations.set(`v${key}`, { type: 'del', key: recordKey(key) })
    }
    return ends.length
  }
}

/** Before all others. */
const smallest = '0'.repeat(22) as LayerStamp

function put(
  operations: Map<string, Operation>,
  key: string,
  expiresAt: number,
  encoded: Uint8Array,
): void {
  operations.set(`v${key}`, { type: 'put', key: recordKey(key), value: encoded })
  if (expiresAt === Number.POSITIVE_INFINITY) return
  const end = utf8.encode(`x${endDigits(expiresAt)}${key}`)
  operations.set(`x${endDigits(expiresAt)}${key}`, { type: 'put', key: end, value: none })
}

const none = new Uint8Array(0)

function endDigits(milliseconds: number): string {
  return Math.floor(milliseconds).toString(16).padStart(16, '0')
}

function recordKey(key: string): Uint8Array {
  return utf8.encode(`v${key}`)
}

function keyOf(key: Entry[0]): string {
  return utf8Decoder.decode(key.subarray(1))
}

function recordRange({ prefix }: KeyPattern): KeyRange {
  const gte = recordKey(prefix)
  const lt = gte.slice()
  // UTF-8 has no byte 255, so the last byte can always be raised.
  lt[lt.length - 1] = (lt[lt.length - 1] as number) + 1
  return { gte, lt }
}

function closed(): StatemeshError {
  return new StatemeshError('CLOSED', 'the layer is closed')
}
