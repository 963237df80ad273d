/** A writer on a statemesh link that knows which of its updates are durable. */
import { concatBytes } from '../../../src/base/bytes.ts'
import { decodeMessage } from '../../../src/protocol/frame.ts'
import { type BenchClient, connectClient } from './bench-client.ts'
import { statemesh } from './dialect.ts'
import { numberedUpdate } from './numbered-updates.ts'
import { MessageSplitter } from './raw-socket.ts'

export interface AckedWriterOptions {
  url: string
  document: string
  clientID: number
  /** Makes the update with a number, each once and in turn; by default `numberedUpdate`. */
  makeUpdate?: (number: number) => Uint8Array
  /** Called when more has become durable. */
  onAck?: (writer: AckedWriter) => void
}

export class AckedWriter {
  readonly document: string
  readonly clientID: number
  readonly closed: Promise<void>
  /** How many updates it has sent, and how many of them are acked as durable. */
  sent = 0
  acked = 0
  readonly #client: BenchClient
  readonly #makeUpdate: (number: number) => Uint8Array

  static async connect(options: AckedWriterOptions): Promise<AckedWriter> {
    const { url, document } = options
    return new AckedWriter(await connectClient({ url, document, dialect: statemesh }), options)
  }

  private constructor(client: BenchClient, options: AckedWriterOptions) {
    const { document, clientID, onAck, makeUpdate } = options
    this.#makeUpdate = makeUpdate ?? (number => numberedUpdate(clientID, number))
    this.document = document
    this.clientID = clientID
    this.closed = client.closed
    this.#client = client
    const splitter = new MessageSplitter()
    client.onBytes(bytes => {
      const before = this.acked
      for (const message of splitter.push(bytes)) this.#onMessage(message)
      if (this.acked > before) onAck?.(this)
    })
  }

  /** Sends the next updates as one message, as a replica does with those of one turn. */
  send(count: number): void {
    this.#client.send([concatBytes(this.#next(count))])
  }

  /** Sends the next updates as a message each. */
  sendSingly(count: number): void {
    this.#client.send(this.#next(count))
  }

  end(): void {
    this.#client.end()
  }

  #next(count: number): Uint8Array[] {
    const frames: Uint8Array[] = []
    for (let left = count; left > 0; left--) {
      this.sent += 1
      frames.push(statemesh.update(this.sent, this.#makeUpdate(this.sent), this.document))
    }
    return frames
  }

  #onMessage(message: Buffer): void {
    for (const frame of decodeMessage(message)) {
      if (frame.type === 'nack') throw new Error(`the relay refused: ${frame.code}`)
      if (frame.type === 'ack' && frame.level === 'durable') this.acked = frame.seq
    }
  }
}
