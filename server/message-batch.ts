/**
 * Messages that many links get at once, framed for WebSocket once: to each link they are then a
 * single write, and writes are what a relay with many readers spends its time on (measured with
 * 100 readers: four times as many updates a CPU second).
 */
import type { Link } from '../src/transport/transport.ts'

/** A link that can write a batch as it stands. */
export interface BatchLink extends Link {
  /** As `send` for each of the messages. */
  sendBatch(batch: MessageBatch): void
}

export class MessageBatch {
  readonly messages: readonly Uint8Array[]
  #frames: Uint8Array | undefined

  constructor(messages: readonly Uint8Array[]) {
    this.messages = messages
  }

  /** The messages as binary WebSocket frames (RFC 6455, section 5.2), as a server sends them. */
  get frames(): Uint8Array {
    this.#frames ??= frameAll(this.messages)
    return this.#frames
  }
}

/** Sends a batch over any link. */
export function sendBatch(link: Link, batch: MessageBatch): void {
  if ('sendBatch' in link) (link as BatchLink).sendBatch(batch)
  else for (const message of batch.messages) link.send(message)
}

/** The last fragment of a binary message. */
const finalBinary = 0x82
/** From here on the length takes two bytes more, and from there on eight. */
const mediumLength = 126
const longLength = 65_536

function frameAll(messages: readonly Uint8Array[]): Uint8Array {
  const bytes = messages.reduce((sum, { length }) => sum + headerBytes(length) + length, 0)
  const frames = new Uint8Array(bytes)
  const view = new DataView(frames.buffer)
  let offset = 0
  for (const message of messages) {
    writeHeader(view, offset, message.length)
    offset += headerBytes(message.length)
    frames.set(message, offset)
    offset += message.length
  }
  return frames
}

function headerBytes(length: number): number {
  if (length < mediumLength) return 2
  return length < longLength ? 4 : 10
}

function writeHeader(view: DataView, offset: number, length: number): void {
  view.setUint8(offset, finalBinary)
  if (length < mediumLength) {
    view.setUint8(offset + 1, length)
  } else if (length < longLength) {
    view.setUint8(offset + 1, 126)
    view.setUint16(offset + 2, length)
  } else {
    view.setUint8(offset + 1, 127)
    view.setBigUint64(offset + 2, BigInt(length))
  }
}
