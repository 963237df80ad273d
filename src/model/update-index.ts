/**
 * What has been read of a long update, kept behind it: where its structs are, so that whoever loads
 * it need not read all of it again. It is for updates that a store has written itself and has a
 * checksum of; nobody may take it from the wire. Yjs stops reading at the end of the delete set, so
 * that to others it is not there.
 *
 *     update, index, length of the index (32 bits, high byte first), mark (32 bits)
 *     index = deleteSetOffset endOffset count block*
 *     block = client clock clocks structs gap bytes
 *
 * All numbers are `varUint`; `gap` is what stands between the block before it and this one.
 */
import { StatemeshError } from '../base/error.ts'
import { varUintBytes, writeVarUint } from '../base/var-uint.ts'
import { checkUpdate } from './update-check.ts'
import { UpdateCursor } from './update-cursor.ts'
import type { Block, UpdateLayout } from './update-layout.ts'
import type { UpdateStructure } from './update-structure.ts'

const mark = 0x9d5a01b1
const tailBytes = 8
/** Shorter updates are read as fast. */
const indexedBytesMin = 4 * 1024

/**
 * The update with its index behind it; as it is where it is short, or holds less than all that its
 * clients ever wrote.
 */
export function withUpdateIndex(update: Uint8Array, structure: UpdateStructure): Uint8Array {
  if (structure.endOffset < indexedBytesMin || !isWhole(structure)) return update
  const numbers = indexNumbers(structure)
  const length = numbers.reduce((sum, number) => sum + varUintBytes(number), 0)
  const end = structure.endOffset + length
  const indexed = new Uint8Array(end + tailBytes)
  indexed.set(update.subarray(0, structure.endOffset))
  let at = structure.endOffset
  for (const number of numbers) at = writeVarUint(indexed, at, number)
  const view = new DataView(indexed.buffer)
  view.setUint32(end, length)
  view.setUint32(end + 4, mark)
  return indexed
}

/**
 * Where things are in an update that has an index; such an update builds on nothing else. An index
 * that cannot be read is none.
 */
export function readUpdateIndex(update: Uint8Array): UpdateLayout | undefined {
  const tail = update.length - tailBytes
  if (tail < indexedBytesMin) return undefined
  const view = new DataView(update.buffer, update.byteOffset, update.length)
  if (view.getUint32(tail + 4) !== mark) return undefined
  const cursor = new UpdateCursor(update.subarray(0, tail))
  cursor.offset = Math.max(0, tail - view.getUint32(tail))
  const start = cursor.offset
  try {
    const layout = readLayout(cursor)
    return layout.endOffset === start && cursor.remaining === 0 ? layout : undefined
  } catch (thrown) {
    if (thrown instanceof StatemeshError) return undefined
    throw thrown
  }
}

/** The clocks that an update with an index brings an empty document to. */
export function indexedVector({ blocks }: UpdateLayout): Map<number, number> {
  const vector = new Map<number, number>()
  for (const { client, end } of blocks) vector.set(client, end)
  return vector
}

function isWhole(structure: UpdateStructure): boolean {
  for (const runs of structure.structs.values()) if (runs.length > 1) return false
  return checkUpdate(structure, new Map()) === 'new'
}

function indexNumbers({ blocks, deleteSetOffset, endOffset }: UpdateLayout): number[] {
  const numbers = [deleteSetOffset, endOffset, blocks.length]
  let before = 0
  for (const { client, clock, end, count, from, to } of blocks) {
    numbers.push(client, clock, end - clock, count, from - before, to - from)
    before = to
  }
  return numbers
}

function readLayout(cursor: UpdateCursor): UpdateLayout {
  const deleteSetOffset = cursor.uint()
  const endOffset = cursor.uint()
  const blocks: Block[] = []
  let before = 0
  for (let left = cursor.count('blocks', 6); left > 0; left--) {
    const client = cursor.uint()
    const clock = cursor.uint()
    const end = clock + cursor.uint()
    const count = cursor.uint()
    const from = before + cursor.uint()
    const to = from + cursor.uint()
    blocks.push({ client, clock, end, count, from, to })
    before = to
  }
  return { blocks, deleteSetOffset, endOffset }
}
