/**
 * Cuts and joins updates by their bytes; see `update-layout.ts`. What comes out is what
 * `Y.diffUpdate` and `Y.mergeUpdates` make, without decoding any content.
 */
import * as Y from 'yjs'
import { assert } from '../base/assert.ts'
import { varUintBytes, writeVarUint } from '../base/var-uint.ts'
import { DeleteRangeSet, type DeleteRanges } from './delete-ranges.ts'
import type { StateVector } from './update-check.ts'
import { skipContent } from './update-content.ts'
import { UpdateCursor } from './update-cursor.ts'
import {
  type Block,
  blockBytes,
  flagOrigin,
  flagParentKey,
  flagRightOrigin,
  hasDeletes,
  kindGc,
  kindMask,
  kindSkip,
  type UpdateLayout,
} from './update-layout.ts'
import { readDeletes, readUpdateStructure, updateLimits } from './update-structure.ts'

/** An update and where things are in it. */
export interface LaidOutUpdate {
  readonly update: Uint8Array
  readonly layout: UpdateLayout
}

/** A block, and the bytes that it is a part of. */
interface Part {
  readonly bytes: Uint8Array
  readonly block: Block
}

const noDeletes = Uint8Array.of(0)

/** The update as bytes, without what may stand behind it. */
export function updateBytes({ update, layout }: LaidOutUpdate): Uint8Array {
  return update.length === layout.endOffset ? update : update.subarray(0, layout.endOffset)
}

/**
 * Updates as one. No clock may be in two of them; what is missing between two is skipped.
 */
export function joinUpdates(pieces: readonly LaidOutUpdate[]): LaidOutUpdate {
  const parts: Part[] = []
  for (const { update, layout } of pieces) {
    for (const block of layout.blocks) parts.push({ bytes: update, block })
  }
  return assemble(parts, joinDeletes(pieces))
}

/** What an update holds beyond a state vector, with all that it deletes. */
export function cutUpdate(piece: LaidOutUpdate, stateVector: StateVector): LaidOutUpdate {
  const { update, layout } = piece
  const parts: Part[] = []
  for (const block of layout.blocks) {
    const known = stateVector.get(block.client) ?? 0
    if (known <= block.clock) parts.push({ bytes: update, block })
    else if (known < block.end) parts.push(...cutBlock(update, block, known))
  }
  return assemble(parts, deleteSetOf(piece))
}

/** What updates delete, as an update. */
export function joinedDeletes(pieces: readonly LaidOutUpdate[]): LaidOutUpdate {
  return assemble([], joinDeletes(pieces))
}

function deleteSetOf({ update, layout }: LaidOutUpdate): Uint8Array {
  return update.subarray(layout.deleteSetOffset, layout.endOffset)
}

function joinDeletes(pieces: readonly LaidOutUpdate[]): Uint8Array {
  const deleting = pieces.filter(({ update, layout }) => hasDeletes(update, layout))
  if (deleting.length === 0) return noDeletes
  if (deleting.length === 1) return deleteSetOf(deleting[0] as LaidOutUpdate)
  const all = new DeleteRangeSet()
  for (const { update, layout } of deleting) all.add(readDeletes(update, layout))
  return encodeDeletes(all.toRanges())
}

function encodeDeletes(deletes: DeleteRanges): Uint8Array {
  const numbers = [deletes.size]
  for (const [client, ranges] of deletes) {
    numbers.push(client, ranges.length)
    for (const { clock, length } of ranges) numbers.push(clock, length)
  }
  return encodeNumbers(numbers)
}

function encodeNumbers(numbers: readonly number[]): Uint8Array {
  const bytes = new Uint8Array(numbers.reduce((sum, number) => sum + varUintBytes(number), 0))
  let at = 0
  for (const number of numbers) at = writeVarUint(bytes, at, number)
  return bytes
}

/** The structs of a block from a clock on. */
function cutBlock(update: Uint8Array, block: Block, known: number): Part[] {
  const cursor = new UpdateCursor(update)
  cursor.offset = block.from
  let { clock, count } = block
  for (;;) {
    const from = cursor.offset
    if (clock === known) return [{ bytes: update, block: { ...block, clock, count, from } }]
    const length = skipStruct(cursor)
    count -= 1
    clock += length
    if (clock <= known) continue
    const within = {
      ...block,
      clock: clock - length,
      end: clock,
      count: 1,
      from,
      to: cursor.offset,
    }
    const rest = { ...block, clock, count, from: cursor.offset }
    const parts = [cutStruct(update, within, known)]
    return count === 0 ? parts : [...parts, { bytes: update, block: rest }]
  }
}

/** The rest of a single struct. Only Yjs knows how it is written, so it is asked. */
function cutStruct(bytes: Uint8Array, block: Block, known: number): Part {
  const alone = assemble([{ bytes, block }], noDeletes).update
  const stateVector = Y.encodeStateVector(new Map([[block.client, known]]))
  const rest = Y.diffUpdate(alone, stateVector)
  const [cut] = readUpdateStructure(rest).blocks
  assert(cut?.clock === known, 'a struct was cut elsewhere')
  return { bytes: rest, block: cut }
}

/** Passes over a struct that has been read before; answers its length. */
function skipStruct(cursor: UpdateCursor): number {
  const info = cursor.byte()
  const kind = info & kindMask
  if (kind === kindGc || kind === kindSkip) return cursor.uint()
  if (info & flagOrigin) skipId(cursor)
  if (info & flagRightOrigin) skipId(cursor)
  if ((info & (flagOrigin | flagRightOrigin)) === 0) {
    if (cursor.uint() === 1) cursor.text()
    else skipId(cursor)
    if (info & flagParentKey) cursor.text()
  }
  return skipContent(cursor, kind, updateLimits.nestingMax)
}

function skipId(cursor: UpdateCursor): void {
  cursor.uint()
  cursor.uint()
}

/** The parts of one client, ascending, and what its section of the update will be. */
interface Section {
  readonly parts: Part[]
  /** Structs, with the skips between parts, and their bytes. */
  count: number
  bytes: number
  end: number
}

/** An update of parts and an encoded delete set. */
function assemble(parts: readonly Part[], deletes: Uint8Array): LaidOutUpdate {
  const sections = sectionsOf(parts)
  // As Yjs has them: its readers of several updates rely on it.
  const clients = [...sections.keys()].sort((a, b) => b - a)
  let length = varUintBytes(clients.length) + deletes.length
  for (const client of clients) {
    const { parts: own, count, bytes } = sections.get(client) as Section
    const { clock } = (own[0] as Part).block
    length += varUintBytes(count) + varUintBytes(client) + varUintBytes(clock) + bytes
  }
  const update = new Uint8Array(length)
  const blocks: Block[] = []
  let at = writeVarUint(update, 0, clients.length)
  for (const client of clients) {
    at = writeSection(update, at, sections.get(client) as Section, blocks)
  }
  update.set(deletes, at)
  return { update, layout: { blocks, deleteSetOffset: at, endOffset: length } }
}

function sectionsOf(parts: readonly Part[]): Map<number, Section> {
  const sections = new Map<number, Section>()
  for (const part of parts) {
    const { client, clock, end, count, from, to } = part.block
    let section = sections.get(client)
    if (section === undefined) {
      section = { parts: [], count: 0, bytes: 0, end: clock }
      sections.set(client, section)
    }
    assert(clock >= section.end, 'a clock is in two updates')
    if (clock > section.end) {
      section.count += 1
      section.bytes += 1 + varUintBytes(clock - section.end)
    }
    section.parts.push(part)
    section.count += count
    section.bytes += to - from
    section.end = end
  }
  return sections
}

function writeSection(
  update: Uint8Array,
  offset: number,
  { parts, count }: Section,
  blocks: Block[],
): number {
  const { client, clock } = (parts[0] as Part).block
  let at = writeVarUint(update, offset, count)
  at = writeVarUint(update, at, client)
  at = writeVarUint(update, at, clock)
  let open: Block = { client, clock, end: clock, count: 0, from: at, to: at }
  for (const { bytes, block } of parts) {
    const skipped = block.clock - open.end
    if (skipped > 0 || open.to - open.from >= blockBytes) {
      if (open.count > 0) blocks.push(open)
      if (skipped > 0) {
        update[at] = kindSkip
        at = writeVarUint(update, at + 1, skipped)
      }
      open = { ...block, count: 0, from: at, to: at }
    }
    copyBytes(bytes, block, update, at)
    at += block.to - block.from
    open = { ...open, end: block.end, count: open.count + block.count, to: at }
  }
  blocks.push(open)
  return at
}

/** By hand where it is little: a view for each would cost more than the copy. */
function copyBytes(from: Uint8Array, block: Block, to: Uint8Array, offset: number): void {
  const length = block.to - block.from
  if (length > 64) {
    to.set(from.subarray(block.from, block.to), offset)
    return
  }
  for (let index = 0; index < length; index++) {
    to[offset + index] = from[block.from + index] as number
  }
}
