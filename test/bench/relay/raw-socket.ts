/**
 * A WebSocket client that costs next to nothing: it hands out the bytes as they arrive, and writes
 * any number of messages at once. A load of a hundred readers must not be slower than the relay.
 */
import { request } from 'node:http'
import type { Socket } from 'node:net'

export interface RawSocket {
  /** Takes the bytes from now on; those that came before are handed over at once. */
  onBytes(take: (bytes: Buffer) => void): void
  /** Writes each of the messages as one frame; false when the socket wants a pause. */
  send(messages: readonly Uint8Array[]): boolean
  /** Bytes that wait to be written. */
  readonly waiting: number
  /** Resolves when the socket has ended. */
  readonly closed: Promise<void>
  end(): void
}

export function connectRaw(url: string, subprotocol?: string): Promise<RawSocket> {
  const headers = {
    connection: 'Upgrade',
    upgrade: 'websocket',
    'sec-websocket-key': Buffer.alloc(16, 7).toString('base64'),
    'sec-websocket-version': '13',
    ...(subprotocol === undefined ? {} : { 'sec-websocket-protocol': subprotocol }),
  }
  return new Promise((resolve, reject) => {
    const asked = request(url.replace(/^ws/, 'http'), { headers })
    asked.once('error', reject)
    asked.once('response', ({ statusCode }) => reject(new Error(`refused with ${statusCode}`)))
    asked.once('upgrade', (_response, socket: Socket, head) => resolve(rawSocket(socket, head)))
    asked.end()
  })
}

function rawSocket(socket: Socket, head: Buffer): RawSocket {
  socket.setNoDelay(true)
  let kept: Buffer[] = head.length > 0 ? [head] : []
  let take = (bytes: Buffer): void => void kept.push(bytes)
  socket.on('data', bytes => take(bytes))
  socket.on('error', () => undefined) // `close` follows and says it
  const closed = new Promise<void>(resolve => socket.once('close', () => resolve()))
  return {
    closed,
    get waiting() {
      return socket.writableLength
    },
    onBytes(next) {
      const before = kept
      kept = []
      take = next
      for (const bytes of before) take(bytes)
    },
    send: messages => socket.write(clientFrames(messages)),
    end: () => void socket.destroy(),
  }
}

const maskBytes = 4

/** Frames of a client (RFC 6455, section 5.2), masked with zeros: that changes no byte. */
function clientFrames(messages: readonly Uint8Array[]): Buffer {
  const size = messages.reduce((sum, { length }) => sum + headerBytes(length) + length, 0)
  const frames = Buffer.alloc(size)
  let at = 0
  for (const message of messages) {
    const { length } = message
    frames[at] = 0x82
    if (length < 126) frames[at + 1] = 0x80 | length
    else if (length < 65_536) {
      frames[at + 1] = 0x80 | 126
      frames.writeUInt16BE(length, at + 2)
    } else {
      frames[at + 1] = 0x80 | 127
      frames.writeBigUInt64BE(BigInt(length), at + 2)
    }
    at += headerBytes(length)
    frames.set(message, at)
    at += length
  }
  return frames
}

function headerBytes(length: number): number {
  return (length < 126 ? 2 : length < 65_536 ? 4 : 10) + maskBytes
}

/** Splits what a server sends into messages; control frames are left out. */
export class MessageSplitter {
  #bytes: Buffer = Buffer.alloc(0)
  #parts: Buffer[] = []
  #size = 0
  /** How many bytes the next frame needs before it is worth a look. */
  #needed = 2

  /** The messages that are whole with these bytes. */
  push(bytes: Buffer): Buffer[] {
    this.#parts.push(bytes)
    this.#size += bytes.length
    if (this.#size < this.#needed) return []
    this.#bytes = this.#parts.length === 1 ? bytes : Buffer.concat(this.#parts)
    const messages: Buffer[] = []
    for (let next = this.#next(); next !== undefined; next = this.#next()) {
      if (next.opcode <= 2) messages.push(next.payload)
    }
    this.#parts = this.#bytes.length > 0 ? [this.#bytes] : []
    this.#size = this.#bytes.length
    return messages
  }

  #next(): { opcode: number; payload: Buffer } | undefined {
    const bytes = this.#bytes
    this.#needed = 2
    if (bytes.length < 2) return undefined
    const short = (bytes[1] as number) & 0x7f
    const header = short < 126 ? 2 : short === 126 ? 4 : 10
    this.#needed = header
    if (bytes.length < header) return undefined
    const length =
      short < 126 ? short : short === 126 ? bytes.readUInt16BE(2) : Number(bytes.readBigUInt64BE(2))
    this.#needed = header + length
    if (bytes.length < this.#needed) return undefined
    this.#bytes = bytes.subarray(this.#needed)
    return { opcode: (bytes[0] as number) & 0x0f, payload: bytes.subarray(header, header + length) }
  }
}
