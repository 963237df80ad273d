/**
 * The updates of a room that became known together, as the bytes that readers get. They are built
 * when the first reader of a dialect needs them, and once.
 */
import { concatBytes } from '../src/base/bytes.ts'
import type { StateVector } from '../src/model/update-check.ts'
import { encodeFrame, updateFrameBytes, writeUpdateFrame } from '../src/protocol/frame.ts'
import { updateMessageBytes, writeUpdateMessage } from '../src/protocol/y-websocket.ts'
import { type BatchItems, encodeBatch, type MessageBatch } from './message-batch.ts'

export interface RoomUpdate {
  readonly update: Uint8Array
  /** The member of the room that wrote it, and does not need it. */
  readonly writer: object
}

/** Frames go together up to here; a reader waits for whole messages. */
export const messageBytes: number = 64 * 1024

export class Broadcast {
  /** The number of the first update; the others follow. */
  readonly firstSeq: number
  readonly updates: readonly RoomUpdate[]
  /** Of all updates, and of the largest. */
  readonly bytes: number
  readonly updateBytesMax: number
  /** The state vector of a reader that has all that came before. */
  readonly vectorBefore: () => StateVector
  readonly #writers: ReadonlySet<object>
  readonly #frames = new Map<number, Uint8Array[]>()
  readonly #batches = new Map<number, MessageBatch>()
  #stockBatch: MessageBatch | undefined

  constructor(firstSeq: number, updates: readonly RoomUpdate[], vectorBefore: () => StateVector) {
    this.vectorBefore = vectorBefore
    this.firstSeq = firstSeq
    this.updates = updates
    this.bytes = updates.reduce((sum, { update }) => sum + update.length, 0)
    this.updateBytesMax = updates.reduce((max, { update }) => Math.max(max, update.length), 0)
    this.#writers = new Set(updates.map(({ writer }) => writer))
  }

  get lastSeq(): number {
    return this.firstSeq + this.updates.length - 1
  }

  /** An `update` frame for each. */
  frames(channel: number): readonly Uint8Array[] {
    let frames = this.#frames.get(channel)
    if (frames === undefined) {
      frames = this.updates.map(({ update }, index) =>
        encodeFrame({ type: 'update', channel, seq: this.firstSeq + index, update }),
      )
      this.#frames.set(channel, frames)
    }
    return frames
  }

  /** All frames, in as few messages as is good for the readers. */
  batch(channel: number): MessageBatch {
    let batch = this.#batches.get(channel)
    if (batch === undefined) {
      batch = encodeBatch(this.#frameItems(channel), messageBytes)
      this.#batches.set(channel, batch)
    }
    return batch
  }

  /** A message of the y-websocket dialect for each. */
  get stockBatch(): MessageBatch {
    const { updates } = this
    this.#stockBatch ??= encodeBatch(
      {
        count: updates.length,
        bytes: index => updateMessageBytes((updates[index] as RoomUpdate).update.length),
        write: (index, target, offset) =>
          writeUpdateMessage(target, offset, (updates[index] as RoomUpdate).update),
      },
      0,
    )
    return this.#stockBatch
  }

  /** Whether a member wrote any of them. */
  isOf(member: object): boolean {
    return this.#writers.has(member)
  }

  #frameItems(channel: number): BatchItems {
    const { firstSeq, updates } = this
    return {
      count: updates.length,
      bytes: index =>
        updateFrameBytes(channel, firstSeq + index, (updates[index] as RoomUpdate).update.length),
      write: (index, target, offset) => {
        const { update } = updates[index] as RoomUpdate
        return writeUpdateFrame(target, offset, { channel, seq: firstSeq + index, update })
      },
    }
  }
}

/** Frames as messages of `bytesMax` at most, where no frame alone is longer. */
export function joinFrames(frames: readonly Uint8Array[], bytesMax: number): Uint8Array[] {
  const messages: Uint8Array[] = []
  let parts: Uint8Array[] = []
  let bytes = 0
  for (const frame of frames) {
    if (parts.length > 0 && bytes + frame.length > bytesMax) {
      messages.push(concatBytes(parts))
      parts = []
      bytes = 0
    }
    parts.push(frame)
    bytes += frame.length
  }
  if (parts.length > 0) messages.push(concatBytes(parts))
  return messages
}
