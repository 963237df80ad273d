/** The frames of a statemesh link that carry blobs; `PROTOCOL.md` beside this file is their grammar. */
import * as encoding from 'lib0/encoding'
import type { Reader } from './reader.ts'

/** Which piece of which blob of which document. */
interface PieceFields {
  /** Chosen by who asks; the answer carries it. */
  request: number
  document: string
  /** The SHA-256 that names the blob. */
  hash: Uint8Array
  /** The length of the blob. */
  bytes: number
  /** 0 is the first piece, the content or the manifest; chunks are counted from 1. */
  index: number
}

export type BlobFrame =
  /** Asks for a piece. */
  | ({ type: 'blobWant' } & PieceFields)
  /** Hands a piece over to be stored. */
  | ({ type: 'blobPut'; piece: Uint8Array } & PieceFields)
  /** Answers a `blobWant` with what it asked for. */
  | { type: 'blobPiece'; request: number; piece: Uint8Array }
  /** Answers a `blobPut`: without a code the piece is durable. Refuses either, with a code. */
  | { type: 'blobDone'; request: number; code: string; retryable: boolean; message: string }

type Named<Type extends BlobFrame['type']> = Extract<BlobFrame, { type: Type }>

function writePiece(encoder: encoding.Encoder, fields: PieceFields): void {
  encoding.writeVarUint(encoder, fields.request)
  encoding.writeVarString(encoder, fields.document)
  encoding.writeVarUint8Array(encoder, fields.hash)
  encoding.writeVarUint(encoder, fields.bytes)
  encoding.writeVarUint(encoder, fields.index)
}

function readPiece(reader: Reader): PieceFields {
  return {
    request: reader.varUint(),
    document: reader.string(),
    hash: reader.varBytes(),
    bytes: reader.varUint(),
    index: reader.varUint(),
  }
}

/** How each is written and read, for `frame.ts`. */
export const blobCodecs = {
  blobWant: {
    tag: 16,
    write: (encoder: encoding.Encoder, frame: Named<'blobWant'>): void =>
      writePiece(encoder, frame),
    read: (reader: Reader): Named<'blobWant'> => ({ type: 'blobWant', ...readPiece(reader) }),
  },
  blobPut: {
    tag: 17,
    write(encoder: encoding.Encoder, frame: Named<'blobPut'>): void {
      writePiece(encoder, frame)
      encoding.writeUint8Array(encoder, frame.piece)
    },
    read: (reader: Reader): Named<'blobPut'> => {
      return { type: 'blobPut', ...readPiece(reader), piece: reader.rest() }
    },
  },
  blobPiece: {
    tag: 18,
    write(encoder: encoding.Encoder, { request, piece }: Named<'blobPiece'>): void {
      encoding.writeVarUint(encoder, request)
      encoding.writeUint8Array(encoder, piece)
    },
    read: (reader: Reader): Named<'blobPiece'> => {
      return { type: 'blobPiece', request: reader.varUint(), piece: reader.rest() }
    },
  },
  blobDone: {
    tag: 19,
    write(encoder: encoding.Encoder, frame: Named<'blobDone'>): void {
      encoding.writeVarUint(encoder, frame.request)
      encoding.writeVarString(encoder, frame.code)
      encoding.writeUint8(encoder, frame.retryable ? 1 : 0)
      encoding.writeVarString(encoder, frame.message)
    },
    read: (reader: Reader): Named<'blobDone'> => ({
      type: 'blobDone',
      request: reader.varUint(),
      code: reader.string(),
      retryable: reader.flag(),
      message: reader.string(),
    }),
  },
} as const

export function isBlobFrame(frame: { readonly type: string }): frame is BlobFrame {
  return Object.hasOwn(blobCodecs, frame.type)
}
