/**
 * The bus through Redis: a stream keeps the last announcements, and a bare message on a channel
 * says that there are new ones. So a store whose connection was gone reads on where it was; that
 * it missed something shows in the entry it has seen last, which is not there any more.
 */
import { StatemeshError } from '../../base/error.ts'
import type { Invalidation, InvalidationBus, InvalidationListener } from './invalidation-bus.ts'
import { parseLayerStamp } from './layer.ts'
import {
  connectRedis,
  type RedisConnection,
  type RedisOptions,
  type RedisReply,
} from './redis-connection.ts'
import { textOf } from './redis-layer.ts'

/** Announcements that Redis keeps: about 150 bytes each. */
const keptMax = 10_000
const pageCount = 1000

/**
 * Opens the bus, also while the server is down.
 *
 * @throws OPTION_INVALID for a malformed address, or where the package `redis` is not installed
 */
export async function openRedisInvalidations(options: RedisOptions): Promise<InvalidationBus> {
  // One that has subscribed takes no other commands.
  const [commands, messages] = await Promise.all([
    connectRedis(options.url),
    connectRedis(options.url),
  ])
  return new RedisInvalidations(commands, messages, `${options.prefix}:invalidations`)
}

class RedisInvalidations implements InvalidationBus {
  readonly #commands: RedisConnection
  readonly #messages: RedisConnection
  readonly #name: string
  #listener: InvalidationListener | undefined
  /** The id of the last entry that was seen. */
  #last: string | undefined
  #reading: Promise<void> | undefined
  #readAgain = false
  #subscribed = false
  #closed = false

  constructor(commands: RedisConnection, messages: RedisConnection, name: string) {
    this.#commands = commands
    this.#messages = messages
    this.#name = name
  }

  listen(listener: InvalidationListener): void {
    this.#listener = listener
    this.#messages.onReady(() => void this.#subscribe())
    this.#commands.onReady(() => this.#read())
  }

  async announce(invalidations: readonly Invalidation[]): Promise<void> {
    const entries = invalidations.map(({ pattern, stamp }) =>
      this.#add('pattern', pattern, 'stamp', stamp),
    )
    await Promise.all(entries)
    await this.#commands.command(['PUBLISH', this.#name, ''])
  }

  async close(): Promise<void> {
    this.#closed = true
    await this.#reading
    await Promise.all([this.#commands.close(), this.#messages.close()])
  }

  #add(...fields: string[]): Promise<RedisReply> {
    const words = ['XADD', this.#name, 'MAXLEN', '~', `${keptMax}`, '*', ...fields]
    return this.#commands.command(words)
  }

  /** Once: the client subscribes again by itself when its connection is back. */
  async #subscribe(): Promise<void> {
    if (!this.#subscribed) {
      this.#subscribed = true
      await this.#messages
        .subscribe(this.#name, () => this.#read())
        .catch(() => {
          // The connection is gone again; the next one begins anew.
          this.#subscribed = false
        })
    }
    // What was announced before the subscription was there.
    this.#read()
  }

  #read(): void {
    this.#readAgain = true
    this.#reading ??= this.#readAll()
  }

  async #readAll(): Promise<void> {
    while (this.#readAgain && !this.#closed) {
      this.#readAgain = false
      try {
        while ((await this.#readPage()) === pageCount);
      } catch (thrown) {
        // The connection is gone: when it is back, reading begins again.
        if (!(thrown instanceof StatemeshError)) throw thrown
        break
      }
    }
    // In the same step as the last look at `#readAgain`, so that no call is lost in between.
    this.#reading = undefined
  }

  /** Reads on from the last entry; answers how many there were. */
  async #readPage(): Promise<number> {
    const words = ['XRANGE', this.#name, this.#last ?? '-', '+', 'COUNT', `${pageCount}`]
    const entries = (await this.#commands.command(words)) as [RedisReply, RedisReply[]][]
    const [first] = entries
    if (this.#last !== undefined && (!first || textOf(first[0]) !== this.#last)) {
      this.#listener?.missed()
    }
    // An entry to begin with, so that there is always one to read on from.
    if (first === undefined) this.#last = textOf(await this.#add('begin', ''))
    const last = entries.at(-1)
    const before = this.#last
    if (last !== undefined) this.#last = textOf(last[0])
    const fresh = entries.filter(([id]) => textOf(id) !== before)
    const invalidations = fresh.flatMap(([, fields]) => readFields(fields))
    if (invalidations.length > 0) this.#listener?.invalidated(invalidations)
    return entries.length
  }
}

/** Anything else than an invalidation is passed over: the stream is open to all who use Redis. */
function readFields(fields: readonly RedisReply[]): Invalidation[] {
  const [, pattern, , text] = fields
  const stamp = text === undefined ? undefined : parseLayerStamp(textOf(text))
  if (stamp === undefined || pattern === undefined) return []
  return [{ pattern: textOf(pattern), stamp }]
}
