/** When an update was made, as far as it tells: by the stamps of the entries in it. */
import * as Y from 'yjs'
import { parseTimestamp } from '../../clock/hybrid-clock.ts'

export interface UpdateStamps {
  readonly first: number
  readonly last: number
}

/** Undefined for an update without stamped entries. It must have been checked before. */
export function stampsOf(update: Uint8Array): UpdateStamps | undefined {
  let first = Number.POSITIVE_INFINITY
  let last = -1
  for (const struct of Y.decodeUpdate(update).structs) {
    if (!(struct instanceof Y.Item) || !(struct.content instanceof Y.ContentAny)) continue
    for (const entry of struct.content.arr) {
      const stamp = stampOf(entry)
      if (stamp === undefined) continue
      first = Math.min(first, stamp)
      last = Math.max(last, stamp)
    }
  }
  return last < 0 ? undefined : { first, last }
}

/** Registers and logs stamp their entries alike. */
function stampOf(entry: unknown): number | undefined {
  if (typeof entry !== 'object' || entry === null) return undefined
  const { t, a } = entry as { t?: unknown; a?: unknown }
  return typeof a === 'string' ? parseTimestamp(t) : undefined
}
