/**
 * The layer that processes share: a Redis server. Records end by Redis's own clock, counted from
 * when they arrive there; a small script keeps an older record from replacing a newer one.
 *
 * A removal leaves a bare stamp behind for a minute, so that a write that was under way elsewhere
 * does not bring back what it removed.
 */
import { StatemeshError } from '../../base/error.ts'
import { systemTime, type TimeSource } from '../../base/time.ts'
import { type KeyPattern, KeyPattern as Pattern } from './key-pattern.ts'
import { type Layer, type LayerRecord, type LayerStamp, stampLength } from './layer.ts'
import { decodeRecord, encodeRecord, expiryOf, headBytes } from './record-bytes.ts'
import {
  connectRedis,
  type RedisConnection,
  type RedisOptions,
  type RedisReply,
} from './redis-connection.ts'

export interface RedisLayerOptions extends RedisOptions {
  time?: TimeSource
}

/**
 * Opens the layer, also while the server is down: it is there when the server is.
 *
 * @throws OPTION_INVALID for a malformed address, or where the package `redis` is not installed
 */
export async function openRedisLayer(options: RedisLayerOptions): Promise<Layer> {
  const connection = await connectRedis(options.url)
  return new RedisLayer(connection, `${options.prefix}:v:`, options.time ?? systemTime)
}

const removalMilliseconds = 60_000
/** Keys that one step of a scan looks at, and one command removes: about a millisecond of Redis. */
const scanCount = 1000

// ARGV: the record, its stamp, and milliseconds until its end, or 0.
const writeScript = `
local stored = redis.call('GETRANGE', KEYS[1], 0, ${stampLength - 1})
if stored > ARGV[2] then return 0 end
if ARGV[3] == '0' then redis.call('SET', KEYS[1], ARGV[1])
else redis.call('SET', KEYS[1], ARGV[1], 'PX', ARGV[3]) end
return 1`

// ARGV: the stamp before which to remove.
const removeScript = `
for _, key in ipairs(KEYS) do
  if redis.call('GETRANGE', key, 0, ${stampLength - 1}) < ARGV[1] then
    redis.call('SET', key, ARGV[1], 'PX', ${removalMilliseconds})
  end
end
return 1`

class RedisLayer implements Layer {
  readonly name = 'redis'
  readonly shared = true
  readonly #connection: RedisConnection
  readonly #prefix: string
  readonly #time: TimeSource

  constructor(connection: RedisConnection, prefix: string, time: TimeSource) {
    this.#connection = connection
    this.#prefix = prefix
    this.#time = time
  }

  async read(key: string): Promise<LayerRecord | undefined> {
    const bytes = await this.#connection.command(['GET', this.#prefix + key])
    if (!(bytes instanceof Uint8Array) || bytes.length === stampLength) return undefined
    const record = await decodeRecord(key, bytes)
    return record.expiresAt > this.#time.now() ? record : undefined
  }

  async write(key: string, record: LayerRecord): Promise<void> {
    const left = record.expiresAt - this.#time.now()
    if (left <= 0) return this.remove(Pattern.of(key), record.stamp)
    const encoded = encodeRecord(key, record)
    const end = left === Number.POSITIVE_INFINITY ? '0' : String(Math.ceil(left))
    const name = this.#prefix + key
    await this.#connection.command(['EVAL', writeScript, '1', name, encoded, record.stamp, end])
  }

  async remove(pattern: KeyPattern, before: LayerStamp): Promise<void> {
    if (pattern.exact) return this.#remove([this.#prefix + pattern.prefix], before)
    await this.#scan(pattern, names => this.#remove(names, before))
  }

  async keys(pattern: KeyPattern): Promise<string[]> {
    const found = new Set<string>()
    await this.#scan(pattern, async names => {
      const now = this.#time.now()
      const heads = await Promise.all(names.map(name => this.#head(name)))
      for (const [index, name] of names.entries()) {
        const head = heads[index] as Uint8Array
        const live = head.length === headBytes && expiryOf(head) > now
        if (live) found.add(name.slice(this.#prefix.length))
      }
    })
    return [...found]
  }

  /** Redis frees what has ended. */
  async sweep(): Promise<void> {}

  async probe(): Promise<void> {
    await this.#connection.command(['PING'])
  }

  close(): Promise<void> {
    return this.#connection.close()
  }

  async #head(name: string): Promise<Uint8Array> {
    const words = ['GETRANGE', name, '0', `${headBytes - 1}`]
    return (await this.#connection.command(words)) as Uint8Array
  }

  async #remove(names: readonly string[], before: LayerStamp): Promise<void> {
    if (names.length === 0) return
    await this.#connection.command(['EVAL', removeScript, `${names.length}`, ...names, before])
  }

  /** Hands over the matching names, in portions; some of them perhaps twice. */
  async #scan(pattern: KeyPattern, use: (names: string[]) => Promise<void>): Promise<void> {
    const match = `${escapeGlob(this.#prefix + pattern.prefix)}*`
    let cursor = '0'
    do {
      const words = ['SCAN', cursor, 'MATCH', match, 'COUNT', `${scanCount}`]
      const [next, names] = (await this.#connection.command(words)) as [RedisReply, RedisReply[]]
      cursor = textOf(next)
      const texts = names.map(textOf)
      await use(texts.filter(name => pattern.matches(name.slice(this.#prefix.length))))
    } while (cursor !== '0')
  }
}

const utf8Decoder = new TextDecoder()

export function textOf(reply: RedisReply | undefined): string {
  if (reply instanceof Uint8Array) return utf8Decoder.decode(reply)
  if (typeof reply === 'string') return reply
  throw new StatemeshError('LAYER_UNAVAILABLE', 'Redis: an answer of another type than expected')
}

/** Redis's patterns know brackets, which ours do not. */
function escapeGlob(text: string): string {
  return text.replace(/[\\*?[\]^-]/g, '\\$&')
}
