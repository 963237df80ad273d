/**
 * Messages that many links get at once, framed for WebSocket once: to each link they are then a
 * single write, and writes are what a relay with many readers spends its time on (measured with
 * 100 readers: four times as many updates a CPU second).
 */
import { concatBytes } from '../src/base/bytes.ts'
import type { Link } from '../src/transport/transport.ts'

/** A link that can write a batch as it stands, and says when it takes more. */
export interface BatchLink extends Link {
  /** As `send` for each of the messages. */
  sendBatch(batch: MessageBatch): void
  /** As `send` for the pieces joined; they must not change. */
  sendPieces(pieces: readonly Uint8Array[]): void
  /** Calls `listener` once, when nothing waits any more; not where the link ends before. */
  afterDrain(listener: () => void): void
}

/** From here on copying an update costs more than writing it by itself. */
export const longUpdateBytes: number = 16 * 1024

export class MessageBatch {
  /** The messages as binary WebSocket frames (RFC 6455, section 5.2), as a server sends them. */
  readonly frames: Uint8Array
  readonly #lengths: readonly number[]
  #messages: readonly Uint8Array[] | undefined

  /** Not for users: `encodeBatch` makes them. */
  constructor(frames: Uint8Array, lengths: readonly number[]) {
    this.frames = frames
    this.#lengths = lengths
  }

  /** For links that frame messages themselves; views into `frames`. */
  get messages(): readonly Uint8Array[] {
    this.#messages ??= this.#views()
    return this.#messages
  }

  #views(): Uint8Array[] {
    let offset = 0
    return this.#lengths.map(length => {
      const start = offset + headerBytes(length)
      offset = start + length
      return this.frames.subarray(start, offset)
    })
  }
}

/** What goes into a batch: things that know their length and can write themselves. */
export interface BatchItems {
  readonly count: number
  bytes(index: number): number
  /** Writes an item into `target` at `offset`; answers the offset behind it. */
  write(index: number, target: Uint8Array, offset: number): number
}

/**
 * Encodes all items into one buffer. They go together in messages of `messageBytesMax` bytes at
 * most, where no item alone is longer; with 0 each is a message of its own.
 */
export function encodeBatch(items: BatchItems, messageBytesMax: number): MessageBatch {
  const { lengths, counts } = packed(items, messageBytesMax)
  let size = 0
  for (const length of lengths) size += headerBytes(length) + length
  const frames = new Uint8Array(size)
  let offset = 0
  let item = 0
  for (const [message, length] of lengths.entries()) {
    writeHeader(frames, offset, length)
    offset += headerBytes(length)
    for (let left = counts[message] as number; left > 0; left--) {
      offset = items.write(item, frames, offset)
      item += 1
    }
  }
  return new MessageBatch(frames, lengths)
}

/** How long each message will be, and how many items go into it. */
function packed(
  items: BatchItems,
  messageBytesMax: number,
): { lengths: number[]; counts: number[] } {
  const lengths: number[] = []
  const counts: number[] = []
  let length = 0
  let count = 0
  for (let index = 0; index < items.count; index++) {
    const bytes = items.bytes(index)
    if (count > 0 && length + bytes > messageBytesMax) {
      lengths.push(length)
      counts.push(count)
      length = 0
      count = 0
    }
    length += bytes
    count += 1
  }
  if (count > 0) {
    lengths.push(length)
    counts.push(count)
  }
  return { lengths, counts }
}

/** Sends a batch over any link. */
export function sendBatch(link: Link, batch: MessageBatch): void {
  if ('sendBatch' in link) (link as BatchLink).sendBatch(batch)
  else for (const message of batch.messages) link.send(message)
}

/** Sends one message in pieces, which are not copied where the link can do without. */
export function sendPieces(link: Link, pieces: readonly Uint8Array[]): void {
  if ('sendPieces' in link) (link as BatchLink).sendPieces(pieces)
  else link.send(concatBytes(pieces))
}

/** Has `listener` called when nothing waits on a link any more, where the link can tell. */
export function afterDrain(link: Link, listener: () => void): void {
  if ('afterDrain' in link) (link as BatchLink).afterDrain(listener)
}

/** What stands before a binary message of a server. */
export function messageHeader(length: number): Uint8Array {
  const header = new Uint8Array(headerBytes(length))
  writeHeader(header, 0, length)
  return header
}

/** The last fragment of a binary message. */
const finalBinary = 0x82
/** From here on the length takes two bytes more, and from there on eight. */
const mediumLength = 126
const longLength = 65_536

function headerBytes(length: number): number {
  if (length < mediumLength) return 2
  return length < longLength ? 4 : 10
}

/** Byte by byte: a view of the buffer costs more than most batches. */
function writeHeader(target: Uint8Array, offset: number, length: number): void {
  target[offset] = finalBinary
  if (length < mediumLength) {
    target[offset + 1] = length
    return
  }
  const lengthBytes = length < longLength ? 2 : 8
  target[offset + 1] = length < longLength ? 126 : 127
  let left = length
  for (let at = offset + 1 + lengthBytes; at > offset + 1; at--) {
    target[at] = left % 256
    left = Math.floor(left / 256)
  }
}
