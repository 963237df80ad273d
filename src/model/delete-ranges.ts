/**
 * Which clocks of which clients are deleted: as an update says it, and as a set that grows with
 * every update. Deletions do not move a state vector, so whoever must know whether an update
 * brings anything new keeps such a set beside it.
 */

/** The clocks from `clock` up to but without `clock + length`. */
export interface ClockRange {
  readonly clock: number
  readonly length: number
}

/** Per client its deleted ranges: ascending, apart from one another, none empty. */
export type DeleteRanges = ReadonlyMap<number, readonly ClockRange[]>

/** From this many ranges of a client on, merging two lists is cheaper than inserting each. */
const mergeFrom = 32

/** Ranges in a growing order: those of one client, starts and ends in step. */
interface Spans {
  starts: number[]
  ends: number[]
}

export class DeleteRangeSet {
  readonly #clients = new Map<number, Spans>()

  /** Whether all of `deletes` is in the set. */
  contains(deletes: DeleteRanges): boolean {
    for (const [client, ranges] of deletes) {
      const spans = this.#clients.get(client)
      if (spans === undefined) return false
      for (const { clock, length } of ranges) {
        const at = firstEndAbove(spans.ends, clock)
        if (at === spans.ends.length) return false
        if ((spans.starts[at] as number) > clock) return false
        if ((spans.ends[at] as number) < clock + length) return false
      }
    }
    return true
  }

  add(deletes: DeleteRanges): void {
    for (const [client, ranges] of deletes) {
      const spans = this.#clients.get(client)
      if (spans === undefined || ranges.length >= mergeFrom) {
        this.#clients.set(client, merged(spans ?? { starts: [], ends: [] }, ranges))
      } else {
        for (const range of ranges) insert(spans, range)
      }
    }
  }

  /** How many ranges the set holds: what it costs to keep. */
  get rangeCount(): number {
    let count = 0
    for (const spans of this.#clients.values()) count += spans.starts.length
    return count
  }

  /** What the set holds, as an update would say it. */
  toRanges(): DeleteRanges {
    const all = new Map<number, ClockRange[]>()
    for (const [client, { starts, ends }] of this.#clients) {
      all.set(
        client,
        starts.map((clock, at) => ({ clock, length: (ends[at] as number) - clock })),
      )
    }
    return all
  }
}

/** Sorts ranges and joins those that touch or overlap. Ranges already in order are not copied. */
export function normalRanges(ranges: ClockRange[]): ClockRange[] {
  if (isNormal(ranges)) return ranges
  const { starts, ends } = merged(
    { starts: [], ends: [] },
    ranges.sort((a, b) => a.clock - b.clock),
  )
  return starts.map((clock, at) => ({ clock, length: (ends[at] as number) - clock }))
}

function isNormal(ranges: readonly ClockRange[]): boolean {
  let end = -1
  for (const range of ranges) {
    if (range.clock <= end) return false
    end = range.clock + range.length
  }
  return true
}

/** Both lists as one; each must ascend by start. */
function merged(spans: Spans, ranges: readonly ClockRange[]): Spans {
  const result: Spans = { starts: [], ends: [] }
  let next = 0
  for (const range of ranges) {
    for (; next < spans.starts.length && (spans.starts[next] as number) <= range.clock; next++) {
      append(result, spans.starts[next] as number, spans.ends[next] as number)
    }
    append(result, range.clock, range.clock + range.length)
  }
  for (; next < spans.starts.length; next++) {
    append(result, spans.starts[next] as number, spans.ends[next] as number)
  }
  return result
}

/** Adds a span that starts no earlier than those before it. */
function append({ starts, ends }: Spans, start: number, end: number): void {
  const last = ends.length - 1
  if (last < 0 || (ends[last] as number) < start) {
    starts.push(start)
    ends.push(end)
  } else if ((ends[last] as number) < end) {
    ends[last] = end
  }
}

/** Adds a range anywhere, swallowing the spans that it touches. */
function insert({ starts, ends }: Spans, { clock, length }: ClockRange): void {
  // Ends are integers, so the first end above clock - 1 is the first that touches the range.
  const first = firstEndAbove(ends, clock - 1)
  let start = clock
  let end = clock + length
  let after = first
  for (; after < starts.length && (starts[after] as number) <= end; after++) {
    start = Math.min(start, starts[after] as number)
    end = Math.max(end, ends[after] as number)
  }
  starts.splice(first, after - first, start)
  ends.splice(first, after - first, end)
}

/** The index of the first of the ascending `ends` above `clock`; their number if there is none. */
function firstEndAbove(ends: readonly number[], clock: number): number {
  let low = 0
  let high = ends.length
  while (low < high) {
    const middle = (low + high) >>> 1
    if ((ends[middle] as number) > clock) high = middle
    else low = middle + 1
  }
  return low
}
