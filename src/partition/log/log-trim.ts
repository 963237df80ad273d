/**
 * What stands for the beginning of lanes that was trimmed: for each lane the first entry that is
 * kept, and the link that it has to carry. So a reader tells what was trimmed from what was lost,
 * and the chain goes on from where it was cut.
 *
 * Whoever trims has a row of its own; of several, what goes furthest in a lane holds. An entry that
 * a trimmer had not seen stays, since only entries are deleted, one by one.
 */
import type * as Y from 'yjs'
import { linkBytes } from './log-entry.ts'

/** A root map with a row for each writer that has trimmed: `[[lane, seq, link], ...]`. */
export const trimsRoot = 'trims'

export interface LaneTrim {
  /** The first entry that is kept. */
  readonly seq: number
  /** The hash of the entry before it. */
  readonly link: Uint8Array
}

/** The trims of all rows, by lane. What is none is left out. */
export function readTrims(map: Y.Map<unknown>): Map<number, LaneTrim> {
  const trims = new Map<number, LaneTrim>()
  for (const row of map.values()) {
    if (!Array.isArray(row)) continue
    for (const trim of row) {
      const [writer, seq, link] = Array.isArray(trim) ? trim : []
      if (!Number.isSafeInteger(writer) || !Number.isSafeInteger(seq)) continue
      if (!(link instanceof Uint8Array) || link.length !== linkBytes) continue
      if (seq > (trims.get(writer)?.seq ?? 0)) trims.set(writer, { seq, link })
    }
  }
  return trims
}

export function trimsRow(trims: ReadonlyMap<number, LaneTrim>): unknown[] {
  return [...trims].map(([writer, { seq, link }]) => [writer, seq, link])
}

/** Deletes what a writer has put into its lane before a clock. */
export function deleteBefore(type: Y.Array<unknown>, writer: number, clock: number): void {
  const runs: [index: number, length: number][] = []
  let index = 0
  for (let item = type._start; item !== null; item = item.right) {
    if (item.deleted || !item.countable) continue
    if (item.id.client === writer) {
      if (item.id.clock >= clock) break
      runs.push([index, Math.min(item.length, clock - item.id.clock)])
    }
    index += item.length
  }
  for (const [index, length] of runs.reverse()) type.delete(index, length)
}
