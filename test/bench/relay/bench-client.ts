/** A client of any server, connected and up to date. */
import type { Dialect } from './dialect.ts'
import { connectRaw, MessageSplitter, type RawSocket } from './raw-socket.ts'
import { within } from './within.ts'

export interface BenchClient extends RawSocket {
  readonly document: string
  readonly dialect: Dialect
}

export interface ClientOptions {
  url: string
  dialect: Dialect
  document: string
  /** What it claims to have. */
  stateVector?: Uint8Array
  /** Takes the messages up to the one that brings it up to date. */
  onMessage?: (message: Buffer) => void
}

export async function connectClient(options: ClientOptions): Promise<BenchClient> {
  const { url, dialect, document, stateVector } = options
  const raw = await connectRaw(`${url}${dialect.path(document)}`, dialect.subprotocol)
  const greeting = dialect.greeting(document, stateVector)
  if (greeting.length > 0) {
    raw.send(greeting)
    await within(20_000, 'joining', untilReady(raw, options))
  }
  return Object.assign(raw, { document, dialect })
}

function untilReady(raw: RawSocket, options: ClientOptions): Promise<void> {
  const { dialect, document, stateVector, onMessage } = options
  const splitter = new MessageSplitter()
  return new Promise((resolve, reject) => {
    void raw.closed.then(() => reject(new Error('the server has closed the socket')))
    const take = (message: Buffer): void => {
      onMessage?.(message)
      const replies = dialect.reply?.(message, document, stateVector) ?? []
      if (replies.length > 0) raw.send(replies)
      if (dialect.isReady(message)) resolve()
    }
    raw.onBytes(bytes => {
      try {
        for (const message of splitter.push(bytes)) take(message)
      } catch (error) {
        reject(error)
      }
    })
  })
}
