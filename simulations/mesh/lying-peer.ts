/**
 * A peer that announces to all whatever it hears of, as if it had it, and sends nothing of it. It is as
 * quick as can be: it announces before it could have been sent anything.
 */
import { outlineOf } from '../../src/model/update-outline.ts'
import {
  decodeMessage,
  encodeFrame,
  type Frame,
  protocolVersion,
  subprotocol,
} from '../../src/protocol/frame.ts'
import type { Link, Transport } from '../../src/transport/transport.ts'

export interface LyingPeerOptions {
  transport: Transport
  /** By which it is known. */
  store: string
  /** The name of the document of which it speaks. */
  document: string
  /** Whether one can tell by its answers that it has got to what was asked before. */
  answersPings: boolean
}

type FrameOf<Type extends Frame['type']> = Extract<Frame, { type: Type }>

/** What somebody said that it holds. */
type Claim = Pick<FrameOf<'announce'>, 'bytes' | 'outline'>

const dialOptions = { messageBytesMax: 2 ** 26, timeoutMilliseconds: 10_000, subprotocol }

export class LyingPeer {
  /** How often it was asked for what it had announced. */
  asked = 0
  readonly #options: LyingPeerOptions
  /** The links on which the document is open. */
  readonly #open = new Set<Link>()
  #claim: Claim | undefined
  #seq = 0

  constructor(options: LyingPeerOptions) {
    this.#options = options
  }

  /** How many links there are on which it is listened to. */
  get links(): number {
    return this.#open.size
  }

  /** Links with whoever listens at an address. @throws LINK_FAILED */
  async join(address: string): Promise<void> {
    const { transport, store } = this.#options
    const link = await transport.dial(address, dialOptions)
    link.start({
      message: message => {
        for (const frame of decodeMessage(message)) this.#hear(frame, link)
      },
      close: () => this.#open.delete(link),
    })
    const sizes = { messageBytesMax: dialOptions.messageBytesMax, windowBytes: 0 }
    say(link, { type: 'hello', version: protocolVersion, node: store, ...sizes, generation: 'g' })
    say(link, { type: 'want', channel: 0, seq: 0 })
    say(link, { type: 'peer', store, address: '', token: '' })
  }

  /** Says on all links that it is alive. */
  keepAlive(): void {
    for (const link of this.#open) say(link, { type: 'ping', nonce: 0 })
  }

  #hear(frame: Frame, link: Link): void {
    const { answersPings, document } = this.#options
    switch (frame.type) {
      case 'ping':
        return answersPings ? say(link, { type: 'pong', nonce: frame.nonce }) : undefined
      case 'open':
        return frame.document === document ? this.#exchange(link) : undefined
      case 'want':
        this.asked += frame.channel > 0 ? 1 : 0
        return
      case 'resync':
        return this.#announce(link)
      case 'update':
      case 'state':
        this.#lie({ bytes: frame.update.length, outline: outlineOf(frame.update) }, link)
        return say(link, { type: 'ack', channel: frame.channel, level: 'durable', seq: frame.seq })
      case 'announce':
        this.#lie(frame, link)
        return say(link, { type: 'ack', channel: frame.channel, level: 'durable', seq: frame.seq })
    }
  }

  #exchange(link: Link): void {
    const { document } = this.#options
    const stateVector = Uint8Array.of(0)
    say(link, { type: 'open', channel: 1, document, generation: 'g', stateVector })
    this.#open.add(link)
    this.#announce(link)
  }

  #lie({ bytes, outline }: Claim, from: Link): void {
    this.#claim = { bytes, outline }
    for (const link of this.#open) if (link !== from) this.#announce(link)
  }

  #announce(link: Link): void {
    if (this.#claim === undefined) return
    this.#seq += 1
    const { bytes, outline } = this.#claim
    say(link, { type: 'announce', channel: 1, seq: this.#seq, state: true, bytes, outline })
  }
}

function say(link: Link, frame: Frame): void {
  link.send(encodeFrame(frame))
}
