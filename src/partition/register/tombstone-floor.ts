/**
 * What stands for tombstones that were reaped. A tombstone tells a write that did not see the
 * deletion that it is in conflict with it; a floor goes on telling so for many of them at once: it
 * says which they were (their items, which take little where deletions were made in a row), up to
 * which stamp they went, and what the replica that reaped them had seen.
 *
 * A write of one of these keys that the reaper had not seen, and that is no later than the floor,
 * may have been made against the reaped deletion, so it stands beside a tombstone with the stamp of
 * the floor. It is a conflict like any other, and under `last-write-wins` the deletion is read. What
 * the deletion had seen cannot come back at all: Yjs remembers what was deleted, for ever.
 *
 * A writer that has seen the floor stamps later than it, whatever its wall clock says, since the
 * stamp of a floor is that of a deletion, and is observed as every stamp is.
 */
import * as Y from 'yjs'
import { StatemeshError, toStatemeshError } from '../../base/error.ts'
import { type HybridTimestamp, parseTimestamp } from '../../clock/hybrid-clock.ts'
import { type ActorId, parseActorId } from '../../model/id.ts'

/** The root map of a register document: rows `<writer>` and `<writer>.<n>`, the writer in base 36. */
export const floorsRoot = 'floors'

/** A writer goes on in a new row, so that reaping does not write all that went before again. */
const floorBytesMax = 16 * 1024

export interface TombstoneFloor {
  readonly writer: number
  readonly actor: ActorId
  readonly timestamp: HybridTimestamp
  /** The tombstones that were reaped, and the clocks up to which the reaper had seen everything. */
  readonly snapshot: Y.Snapshot
  /** How long the snapshot is, encoded. */
  readonly bytes: number
}

/** @throws ENTRY_INVALID, ENTRY_FORGED */
export function readFloor(row: string, item: Y.Item): TombstoneFloor {
  const [writerText = '', chunk] = row.split('.')
  const writer = Number.parseInt(writerText, 36)
  if (item.id.client !== writer || floorRow(writer, Number(chunk ?? 0)) !== row) {
    throw new StatemeshError('ENTRY_FORGED', `client ${item.id.client} wrote the floor ${row}`)
  }
  const [content] = item.content.getContent() as [unknown]
  const { t, a, s } = (content ?? {}) as Record<string, unknown>
  const timestamp = parseTimestamp(t)
  if (timestamp === undefined || !(s instanceof Uint8Array)) {
    throw new StatemeshError('ENTRY_INVALID', 'not a floor')
  }
  try {
    const snapshot = Y.decodeSnapshot(s)
    return { writer, actor: parseActorId(a), timestamp, snapshot, bytes: s.length }
  } catch (thrown) {
    const { message } = toStatemeshError(thrown, 'ENTRY_INVALID')
    throw new StatemeshError('ENTRY_INVALID', message, { cause: thrown })
  }
}

/**
 * A floor under more tombstones: the row, what it holds, and the floor that it replaces.
 *
 * @param mine the floors of this writer, by row
 */
export function nextFloor(
  doc: Y.Doc,
  mine: ReadonlyMap<string, TombstoneFloor>,
  reaped: readonly { readonly item: Y.Item; readonly timestamp: HybridTimestamp }[],
  actor: ActorId,
): { row: string; content: object; replaced: TombstoneFloor | undefined } {
  const last = Math.max(mine.size - 1, 0)
  const before = mine.get(floorRow(doc.clientID, last))
  const full = before !== undefined && before.bytes > floorBytesMax
  const replaced = full ? undefined : before
  const added = Y.createDeleteSet()
  for (const { item } of reaped) {
    const { client, clock } = item.id
    const ranges = added.clients.get(client) ?? []
    ranges.push({ clock, len: item.length })
    added.clients.set(client, ranges)
  }
  // Sorts the ranges, and joins those that meet.
  const ids = Y.mergeDeleteSets(replaced ? [replaced.snapshot.ds, added] : [added])
  const seen = Y.decodeStateVector(Y.encodeStateVector(doc))
  const stamps = reaped.map(({ timestamp }) => timestamp)
  if (replaced) stamps.push(replaced.timestamp)
  const t = stamps.reduce((a, b) => (a > b ? a : b))
  const content = { t, a: actor, s: Y.encodeSnapshot(Y.createSnapshot(ids, seen)) }
  return { row: floorRow(doc.clientID, full ? mine.size : last), content, replaced }
}

function floorRow(writer: number, chunk: number): string {
  return writer.toString(36) + (chunk > 0 ? `.${chunk}` : '')
}

/** Whether an item was not there when the tombstones of a floor were reaped. */
export function isUnseen({ snapshot }: TombstoneFloor, { id }: Y.Item): boolean {
  return id.clock >= (snapshot.sv.get(id.client) ?? 0)
}

/** Whether a key had one of the tombstones of a floor. */
export function coversKey(
  { snapshot }: TombstoneFloor,
  rowOf: (writer: number) => Y.Item | undefined,
): boolean {
  for (const writer of snapshot.ds.clients.keys()) {
    const item = rowOf(writer)
    // Yjs joins what a writer deleted in a row, so that the tombstone is the end of it.
    if (item?.deleted && Y.isDeleted(snapshot.ds, item.lastId)) return true
  }
  return false
}
