/**
 * A record of a layer as bytes, for Redis and for disks:
 *
 *     stamp (22 bytes of ASCII)  end: float64  packed value  CRC-32C of the key and all before
 *
 * The stamp comes first and is as long in every record, so that Redis can compare it.
 */
import { StatemeshError } from '../../base/error.ts'
import { valueBytesMax } from '../../model/value.ts'
import { type Codec, packBytes, packPlain, unpackBytes } from '../codec.ts'
import { crc32c } from '../crc.ts'
import { type LayerRecord, type LayerStamp, parseLayerStamp, stampLength } from './layer.ts'

/** What an encoded record begins with: its stamp and its end. */
export const headBytes: number = stampLength + 8
const sumBytes = 4
/** The estimate that bounds a value counts less than its encoding has: at most nine bytes for two. */
const recordValueBytesMax = valueBytesMax * 9

const utf8 = new TextEncoder()
const ascii = new TextDecoder('latin1')

export function encodeRecord(key: string, record: LayerRecord): Uint8Array {
  return seal(key, record, packPlain(record.value))
}

/** A record whose value went through a codec, if that makes it smaller. */
export async function encodePackedRecord(
  key: string,
  record: LayerRecord,
  codec: Codec,
): Promise<Uint8Array> {
  return seal(key, record, await packBytes(record.value, codec))
}

function seal(key: string, { stamp, expiresAt }: LayerRecord, packed: Uint8Array): Uint8Array {
  const bytes = new Uint8Array(headBytes + packed.length + sumBytes)
  const view = new DataView(bytes.buffer)
  utf8.encodeInto(stamp, bytes)
  view.setFloat64(stampLength, expiresAt)
  bytes.set(packed, headBytes)
  const sumAt = headBytes + packed.length
  view.setUint32(sumAt, crc32c(bytes.subarray(0, sumAt), crc32c(utf8.encode(key))))
  return bytes
}

/** The stamp of an encoded record; undefined where the bytes cannot be one. */
export function stampOf(bytes: Uint8Array): LayerStamp | undefined {
  return parseLayerStamp(ascii.decode(bytes.subarray(0, stampLength)))
}

/** When an encoded record ends. */
export function expiryOf(bytes: Uint8Array): number {
  if (bytes.length < headBytes) return Number.POSITIVE_INFINITY
  return new DataView(bytes.buffer, bytes.byteOffset, bytes.length).getFloat64(stampLength)
}

/** @throws STORAGE_CORRUPT for what `encodeRecord` did not make for this key */
export async function decodeRecord(key: string, bytes: Uint8Array): Promise<LayerRecord> {
  const stamp = stampOf(bytes)
  const sumAt = bytes.length - sumBytes
  if (stamp === undefined || sumAt <= headBytes) throw corrupt(key)
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.length)
  const sum = crc32c(bytes.subarray(0, sumAt), crc32c(utf8.encode(key)))
  if (view.getUint32(sumAt) !== sum) throw corrupt(key)
  const value = await unpackBytes(bytes.subarray(headBytes, sumAt), recordValueBytesMax)
  // A copy: databases hand out views of what they reuse.
  return { stamp, expiresAt: expiryOf(bytes), value: new Uint8Array(value) }
}

function corrupt(key: string): StatemeshError {
  return new StatemeshError('STORAGE_CORRUPT', `the record of ${key} is damaged`)
}
