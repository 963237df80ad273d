/** The frames by which a peer announces what is long, and is asked for it; see `PROTOCOL.md`. */
import * as encoding from 'lib0/encoding'
import type { Reader } from './reader.ts'

/** An outline has so many bytes at most; what would take more is sent, and not announced. */
export const outlineBytesMax = 16_384

export type BulkFrame =
  /** Stands in a stream for an update, or a last `state`, that is sent to who lacks it. */
  | {
      type: 'announce'
      channel: number
      seq: number
      /** Whether it stands for a `state`. */
      state: boolean
      /** The length of what it stands for. */
      bytes: number
      /** What that holds; see `update-outline.ts`. */
      outline: Uint8Array
    }
  /** Asks for an update that was announced. On channel 0: its sender takes announcements. */
  | { type: 'want'; channel: number; seq: number }

type Named<Type extends BulkFrame['type']> = Extract<BulkFrame, { type: Type }>

/** How each is written and read, for `frame.ts`. */
export const bulkCodecs = {
  announce: {
    tag: 22,
    write(encoder: encoding.Encoder, frame: Named<'announce'>): void {
      const { channel, seq, state, bytes, outline } = frame
      encoding.writeVarUint(encoder, channel)
      encoding.writeVarUint(encoder, seq)
      encoding.writeUint8(encoder, state ? 1 : 0)
      encoding.writeVarUint(encoder, bytes)
      encoding.writeUint8Array(encoder, outline)
    },
    read: (reader: Reader): Named<'announce'> => ({
      type: 'announce',
      channel: reader.varUint(),
      seq: reader.varUint(),
      state: reader.flag(),
      bytes: reader.varUint(),
      outline: reader.rest(),
    }),
  },
  want: {
    tag: 23,
    write(encoder: encoding.Encoder, { channel, seq }: Named<'want'>): void {
      encoding.writeVarUint(encoder, channel)
      encoding.writeVarUint(encoder, seq)
    },
    read: (reader: Reader): Named<'want'> => ({
      type: 'want',
      channel: reader.varUint(),
      seq: reader.varUint(),
    }),
  },
} as const
