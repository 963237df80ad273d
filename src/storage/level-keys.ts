/**
 * The keys of a LevelDB store: y-leveldb 0.2's layout for documents, and records beside it.
 *
 *     ['v1', document, 'update', clock]   one update
 *     ['v1_sv', document]                 a state vector and the clock it belongs to
 *     ['statemesh_record'] + key          a record
 *
 * y-leveldb writes a key as a row of parts: a string as byte 0, its length and its UTF-8, a number
 * as byte 1 and 32 bits, high byte first. So the updates of a document sort by clock, but its
 * strings sort by length first. A record's key follows as plain UTF-8, so that it can be found by
 * prefix. y-leveldb reads only ranges that begin with 'v1' and 'v1_sv'.
 */
import * as decoding from 'lib0/decoding'
import * as encoding from 'lib0/encoding'
import { concatBytes } from '../base/bytes.ts'
import { encodeBytes } from '../base/scratch-encoder.ts'
import type { ByteSlab } from './byte-slab.ts'

/** Keys from `gte` up to, and not including, `lt`. */
export interface KeyRange {
  readonly gte: Uint8Array
  readonly lt: Uint8Array
}

/** y-leveldb reads clocks below this one only. */
export const clockEnd: number = 2 ** 32 - 1

const stringPart = 0
const numberPart = 1
const clockBytes = 4

const utf8 = new TextEncoder()
const utf8Decoder = new TextDecoder()

function encodeStrings(parts: readonly string[]): Uint8Array {
  return encodeBytes(encoder => {
    for (const part of parts) {
      encoding.writeUint8(encoder, stringPart)
      encoding.writeVarString(encoder, part)
    }
  })
}

/** What all update keys of a document begin with; the clock follows. */
export function updateKeyPrefix(document: string): Uint8Array {
  return concatBytes([encodeStrings(['v1', document, 'update']), Uint8Array.of(numberPart)])
}

/** The key of an update; `slab` gives it room where there are many. */
export function updateKey(prefix: Uint8Array, clock: number, slab?: ByteSlab): Uint8Array {
  const length = prefix.length + clockBytes
  const key = slab?.take(length) ?? new Uint8Array(length)
  key.set(prefix)
  key[prefix.length] = clock >>> 24
  key[prefix.length + 1] = clock >>> 16
  key[prefix.length + 2] = clock >>> 8
  key[prefix.length + 3] = clock
  return key
}

/** The clock of an update key. */
export function clockOfUpdateKey(key: Uint8Array): number {
  return new DataView(key.buffer, key.byteOffset, key.length).getUint32(key.length - clockBytes)
}

/** The updates of a document, up to and including `through`. */
export function updateRange(prefix: Uint8Array, through: number = clockEnd - 1): KeyRange {
  return { gte: updateKey(prefix, 0), lt: updateKey(prefix, through + 1) }
}

/** All that a document has under 'v1': its updates, and metadata that y-leveldb may have put. */
export function documentRange(document: string): KeyRange {
  return {
    gte: encodeStrings(['v1', document]),
    lt: encodeStrings(['v1', document, 'zzzzzzz']),
  }
}

/** The entries that list the documents. */
export const stateVectorRange: KeyRange = {
  gte: encodeStrings(['v1_sv']),
  lt: encodeStrings(['v1_sw']),
}

export function stateVectorKey(document: string): Uint8Array {
  return encodeStrings(['v1_sv', document])
}

export function documentOfStateVectorKey(key: Uint8Array): string {
  const decoder = decoding.createDecoder(key.subarray(stateVectorRange.gte.length + 1))
  return decoding.readVarString(decoder)
}

const recordsStart = encodeStrings(['statemesh_record'])

export function recordKey(key: string): Uint8Array {
  return concatBytes([recordsStart, utf8.encode(key)])
}

export function keyOfRecordKey(key: Uint8Array): string {
  return utf8Decoder.decode(key.subarray(recordsStart.length))
}

/** The records whose keys begin with `prefix`. */
export function recordRange(prefix: string): KeyRange {
  const gte = recordKey(prefix)
  const lt = gte.slice()
  // UTF-8 has no byte 255, so the last byte can always be raised.
  lt[lt.length - 1] = (lt[lt.length - 1] as number) + 1
  return { gte, lt }
}
