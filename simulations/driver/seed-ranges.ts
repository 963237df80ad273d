/** Which seeds were run, as ranges: a long run takes up where another invocation ended. */

/** From one seed on, and up to another that is not in it. */
export type SeedRange = readonly [from: number, end: number]

/** Adds a range to others; ranges that touch become one. */
export function addRange(ranges: readonly SeedRange[], added: SeedRange): SeedRange[] {
  const joined: SeedRange[] = []
  for (const range of [...ranges, added].sort(([a], [b]) => a - b)) {
    const last = joined.at(-1)
    if (last === undefined || last[1] < range[0]) joined.push(range)
    else joined[joined.length - 1] = [last[0], Math.max(last[1], range[1])]
  }
  return joined
}

/** What of a range none of the others holds. */
export function withoutRanges([from, end]: SeedRange, ranges: readonly SeedRange[]): SeedRange[] {
  const left: SeedRange[] = []
  let at = from
  for (const [start, stop] of addRange(ranges, [end, end])) {
    if (start > at) left.push([at, Math.min(start, end)])
    at = Math.max(at, stop)
    if (at >= end) break
  }
  return left.filter(([start, stop]) => start < stop)
}
