/**
 * A connection to Redis that comes back by itself. The package `redis` is loaded here, when the
 * first connection is made, and nowhere else: it is an optional peer dependency. It runs on Node
 * alone and takes bytes as `Buffer`s only, so this file may use them.
 */
import { StatemeshError, toStatemeshError } from '../../base/error.ts'
import { runsInNode } from '../../base/platform.ts'

export interface RedisOptions {
  /** Such as `redis://127.0.0.1:6379`; the forms that the package `redis` takes. */
  url: string
  /** What all keys begin with that we use; stores that share one prefix share their values. */
  prefix: string
}

/** One reply; texts come as bytes. */
export type RedisReply = Uint8Array | number | string | null | readonly RedisReply[]

export interface RedisConnection {
  /**
   * Sends one command.
   *
   * @throws LAYER_UNAVAILABLE, CLOSED
   */
  command(words: readonly (string | Uint8Array)[]): Promise<RedisReply>
  /** Calls `listener` whenever the connection is there again, or for the first time. */
  onReady(listener: () => void): void
  /** Calls `listener` at every message on a channel; nothing else can be sent from then on. */
  subscribe(channel: string, listener: () => void): Promise<void>
  close(): Promise<void>
}

/** A server that does not answer a connect within this is down. */
const connectMillisecondsMax = 2000
const pauseMillisecondsMin = 50
const pauseMillisecondsMax = 2000

/**
 * Resolves when the connection is there, or its first attempt has failed; it goes on trying.
 *
 * @throws OPTION_INVALID for a malformed address, where the package `redis` is not installed, and in a browser
 */
export async function connectRedis(url: string): Promise<RedisConnection> {
  const { createClient, RESP_TYPES } = await loadPackage()
  let closing: Promise<void> | undefined
  let lastError: unknown
  let client: ReturnType<typeof makeClient>
  const makeClient = () =>
    createClient({
      url,
      RESP: 2,
      // A command waits for nobody: who asks a layer that is down asks the next one.
      disableOfflineQueue: true,
      socket: {
        connectTimeout: connectMillisecondsMax,
        reconnectStrategy: retries =>
          Math.min(pauseMillisecondsMax, pauseMillisecondsMin * 2 ** Math.min(retries, 10)),
      },
      commandOptions: { typeMapping: { [RESP_TYPES.BLOB_STRING]: Buffer } },
    })
  try {
    client = makeClient()
  } catch (thrown) {
    throw toStatemeshError(thrown, 'OPTION_INVALID')
  }
  const failure = (thrown: unknown): StatemeshError => {
    if (closing) return new StatemeshError('CLOSED', 'the layer is closed')
    const cause = lastError ?? thrown
    const why = cause instanceof Error ? cause.message || cause.name : String(cause)
    return new StatemeshError('LAYER_UNAVAILABLE', `Redis: ${why}`, { cause })
  }
  client.on('ready', () => {
    lastError = undefined
  })
  await new Promise<void>(settled => {
    // Every failure shows in the commands that fail by it.
    client.on('error', (error: unknown) => {
      lastError = error
      settled()
    })
    client.connect().then(
      () => settled(),
      error => {
        lastError ??= error
        settled()
      },
    )
  })

  return {
    async command(words) {
      try {
        return (await client.sendCommand(words.map(asArgument))) as unknown as RedisReply
      } catch (thrown) {
        throw failure(thrown)
      }
    },
    onReady(listener) {
      client.on('ready', listener)
      if (client.isReady) listener()
    },
    async subscribe(channel, listener) {
      try {
        await client.subscribe(channel, () => listener())
      } catch (thrown) {
        throw failure(thrown)
      }
    },
    close() {
      closing ??= (async () => {
        if (client.isReady) await client.close()
        else client.destroy()
      })()
      return closing
    },
  }
}

function asArgument(word: string | Uint8Array): string | Buffer {
  if (typeof word === 'string') return word
  return Buffer.from(word.buffer, word.byteOffset, word.length)
}

async function loadPackage(): Promise<typeof import('redis')> {
  if (!runsInNode()) throw new StatemeshError('OPTION_INVALID', 'a browser cannot reach Redis')
  try {
    return await import('redis')
  } catch (cause) {
    throw new StatemeshError('OPTION_INVALID', 'Redis needs the package redis (npm i redis)', {
      cause,
    })
  }
}
