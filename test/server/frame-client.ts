/** A peer of a relay that sends exactly the frames it is told to, and shows those it gets. */
import { once } from 'node:events'
import { onTestFinished } from 'vitest'
import { WebSocket } from 'ws'
import * as Y from 'yjs'
import { concatBytes } from '../../src/base/bytes.ts'
import { decodeMessage, encodeFrame, type Frame, subprotocol } from '../../src/protocol/frame.ts'

export type FrameOf<Type extends Frame['type']> = Extract<Frame, { type: Type }>

export const emptyVector: Uint8Array = Uint8Array.of(0)

/** The hello of a peer without limits. */
export const hello: FrameOf<'hello'> = {
  type: 'hello',
  version: 1,
  node: 'test',
  messageBytesMax: 2 ** 30,
  windowBytes: 0,
  generation: 'test',
}

export const openFrame = (document: string, channel: number = 1): FrameOf<'open'> => ({
  type: 'open',
  channel,
  document,
  generation: 'test',
  stateVector: emptyVector,
})

/** The first frame on a channel: all that is known. */
export const stateFrame = (update: Uint8Array, channel: number = 1): FrameOf<'state'> => ({
  type: 'state',
  channel,
  seq: 1,
  last: true,
  update,
})

export const updateFrame = (seq: number, update: Uint8Array): FrameOf<'update'> => ({
  type: 'update',
  channel: 1,
  seq,
  update,
})

type Matcher = (frame: Frame) => boolean

export class FrameClient {
  readonly webSocket: WebSocket
  /** All frames that arrived, in order, but for pings. */
  readonly frames: Frame[] = []
  /** The close code, once the link has ended. */
  readonly closed: Promise<number>
  #taken = 0
  readonly #waiting = new Set<() => void>()

  constructor(url: string, token?: string) {
    const headers = token === undefined ? {} : { authorization: `Bearer ${token}` }
    this.webSocket = new WebSocket(url, subprotocol, { headers })
    this.webSocket.on('message', (data: Buffer) => {
      for (const frame of decodeMessage(new Uint8Array(data))) {
        if (frame.type !== 'ping') this.frames.push(frame)
      }
      for (const look of [...this.#waiting]) look()
    })
    this.webSocket.on('error', () => undefined) // `close` follows and says it
    this.closed = once(this.webSocket, 'close').then(([code]) => code as number)
  }

  send(...frames: readonly Frame[]): void {
    this.sendBytes(concatBytes(frames.map(encodeFrame)))
  }

  sendBytes(bytes: Uint8Array): void {
    this.webSocket.send(bytes)
  }

  /** The next frame of a type that was not taken yet; those before it are passed over. */
  async next<Type extends Frame['type']>(
    type: Type,
    matches: (frame: FrameOf<Type>) => boolean = () => true,
  ): Promise<FrameOf<Type>> {
    const frame = await this.#nextMatching(
      candidate => candidate.type === type && matches(candidate as FrameOf<Type>),
    )
    return frame as FrameOf<Type>
  }

  /** The frames of a type so far. */
  all<Type extends Frame['type']>(type: Type): FrameOf<Type>[] {
    return this.frames.filter((frame): frame is FrameOf<Type> => frame.type === type)
  }

  /** Resolves when the relay has handled all that was sent before. */
  async settled(): Promise<void> {
    const nonce = Math.floor(Math.random() * 2 ** 32)
    this.send({ type: 'ping', nonce })
    // Without taking frames, so that others may be awaited meanwhile.
    while (!this.frames.some(frame => frame.type === 'pong' && frame.nonce === nonce)) {
      await this.#arrival()
    }
  }

  /** Opens a document on a channel, and takes the relay's `open` and `state`. */
  async open(
    document: string,
    channel: number = 1,
    stateVector: Uint8Array = emptyVector,
  ): Promise<OpenedDocument> {
    this.send({ ...openFrame(document, channel), stateVector })
    const opened = await this.next('open', frame => frame.document === document)
    const doc = new Y.Doc()
    for (let last = false; !last; ) {
      const state = await this.next('state', frame => frame.channel === opened.channel)
      Y.applyUpdate(doc, state.update)
      last = state.last
    }
    return { relayChannel: opened.channel, opened, doc }
  }

  async #nextMatching(matches: Matcher): Promise<Frame> {
    for (;;) {
      while (this.#taken < this.frames.length) {
        const frame = this.frames[this.#taken] as Frame
        this.#taken += 1
        if (matches(frame)) return frame
      }
      await this.#arrival()
    }
  }

  #arrival(): Promise<void> {
    return new Promise((resolve, reject) => {
      const look = () => {
        this.#waiting.delete(look)
        resolve()
      }
      this.#waiting.add(look)
      void this.closed.then(code => reject(new Error(`the link was closed with ${code}`)))
    })
  }
}

export interface OpenedDocument {
  /** The number on which the relay sends. */
  readonly relayChannel: number
  readonly opened: FrameOf<'open'>
  /** What the relay's `state` says. */
  readonly doc: Y.Doc
}

/** A connected client that has said hello, closed when the test ends. */
export async function frameClient(
  url: string,
  greeting: FrameOf<'hello'> = hello,
  token?: string,
): Promise<FrameClient> {
  const client = new FrameClient(url, token)
  onTestFinished(() => client.webSocket.terminate())
  await once(client.webSocket, 'open')
  client.send(greeting)
  await client.next('hello')
  return client
}
