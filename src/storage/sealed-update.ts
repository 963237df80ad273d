/**
 * An update as a value in LevelDB: its bytes, then a seal of five bytes, a mark and the CRC-32 of
 * the update, begun with the CRC-32C of the key. LevelDB does not check what it reads from its tables, and a flipped bit
 * inside a string makes another well-formed update, so only a sum of our own finds it. Having the
 * key in the sum also finds an update that turns up in the wrong place.
 *
 * Yjs stops reading at the end of the delete set, so stock y-leveldb reads sealed values as they
 * are. Seals once had the CRC-32C of the update, too. Values without a seal, which stock y-leveldb wrote, get the structural check instead.
 */
import { StatemeshError, toStatemeshError } from '../base/error.ts'
import { readUpdateStructure } from '../model/update-structure.ts'
import type { ByteSlab } from './byte-slab.ts'
import { crc32, crc32c } from './crc.ts'

/** By the sum that is behind it. */
const marks = { crc32: 0xd6, crc32c: 0xd5 }
const sealBytes = 5

/**
 * @param keySum the CRC-32C of the value's key
 * @param slab gives the value room where there are many
 */
export function sealUpdate(update: Uint8Array, keySum: number, slab?: ByteSlab): Uint8Array {
  const length = update.length + sealBytes
  const sealed = slab?.take(length) ?? new Uint8Array(length)
  sealed.set(update)
  const sum = crc32(update, keySum)
  const at = update.length
  sealed[at] = marks.crc32
  sealed[at + 1] = sum >>> 24
  sealed[at + 2] = sum >>> 16
  sealed[at + 3] = sum >>> 8
  sealed[at + 4] = sum
  return sealed
}

/**
 * The update in a value; an error (not thrown) where it is not what was written.
 *
 * @param keySum the CRC-32C of the value's key
 */
export function unsealUpdate(value: Uint8Array, keySum: number): Uint8Array | StatemeshError {
  const at = value.length - sealBytes
  const sumOf = value[at] === marks.crc32 ? crc32 : value[at] === marks.crc32c ? crc32c : undefined
  if (sumOf !== undefined) {
    // LevelDB hands out Buffers, whose `slice` shares memory; users get plain arrays.
    const update = new Uint8Array(value.buffer, value.byteOffset, at)
    const sum = new DataView(value.buffer, value.byteOffset, value.length).getUint32(at + 1)
    if (sumOf(update, keySum) === sum) return update
  }
  return checkUnsealed(value)
}

function checkUnsealed(value: Uint8Array): Uint8Array | StatemeshError {
  try {
    const { endOffset } = readUpdateStructure(value)
    // Something follows: a seal that broke together with its mark, or what damage left of one.
    if (endOffset !== value.length) throw new StatemeshError('UPDATE_INVALID', 'its seal is broken')
    return new Uint8Array(value.buffer, value.byteOffset, value.length)
  } catch (thrown) {
    return toStatemeshError(thrown, 'UPDATE_INVALID')
  }
}
