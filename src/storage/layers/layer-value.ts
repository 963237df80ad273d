/** Values of a layered store as bytes: the storable form that partitions use, in lib0's encoding. */
import * as decoding from 'lib0/decoding'
import * as encoding from 'lib0/encoding'
import { StatemeshError } from '../../base/error.ts'
import { decodeValue, encodeValue, type StoredValue } from '../../model/value.ts'

/** @throws VALUE_INVALID for what a partition would not take either */
export function writeLayerValue(value: unknown): Uint8Array {
  const encoded = encodeValue(value)
  return encoding.encode(encoder => encoding.writeAny(encoder, encoded as never))
}

/** @throws STORAGE_CORRUPT for bytes that `writeLayerValue` did not make */
export function readLayerValue(bytes: Uint8Array): StoredValue {
  try {
    return decodeValue(decoding.readAny(decoding.createDecoder(bytes)))
  } catch (cause) {
    throw new StatemeshError('STORAGE_CORRUPT', 'a stored value cannot be read', { cause })
  }
}
