/** Which items of a list go, and which get a place: as few as the new order allows. */
import { firstWhere } from '../base/binary-search.ts'
import { comparePlaces, type Position, positionBetween } from './position.ts'
import { placeOf, type TreeNode } from './state-tree.ts'

export interface ListChanges {
  readonly removed: readonly string[]
  /** The places of items that are new or elsewhere now, by segment. */
  readonly placed: ReadonlyMap<string, Position>
}

/** @param list its node, up to date */
export function listChanges(list: TreeNode, segments: readonly string[]): ListChanges {
  const before = list.items
  // Most changes are at an end, so what is alike at both ends is set aside first.
  const shortest = Math.min(before.length, segments.length)
  let head = 0
  while (head < shortest && before[head]?.segment === segments[head]) head += 1
  let tail = 0
  while (
    tail < shortest - head &&
    before[before.length - 1 - tail]?.segment === segments[segments.length - 1 - tail]
  ) {
    tail += 1
  }
  // Items that were put at one place at once have no room between them: they count as moved.
  while (head > 0 && before[head] && before[head - 1] && atOnePlace(before, head)) head -= 1
  while (tail > 0 && before.length > tail && atOnePlace(before, before.length - tail)) tail -= 1
  // Nothing has room before an item that nobody has placed.
  while (tail > 0 && !isPlaced(before[before.length - tail] as TreeNode)) tail -= 1
  const middle = segments.slice(head, segments.length - tail)
  const old = before.slice(head, before.length - tail)
  const wanted = new Set(middle)
  return {
    removed: old.map(({ segment }) => segment).filter(segment => !wanted.has(segment)),
    placed: places(middle, old, before[head - 1], before[before.length - tail]),
  }
}

function places(
  middle: readonly string[],
  old: readonly TreeNode[],
  left: TreeNode | undefined,
  right: TreeNode | undefined,
): Map<string, Position> {
  const staying = longestRun(middle, old)
  const placed = new Map<string, Position>()
  let after = left && placeOf(left)
  middle.forEach((segment, index) => {
    const stays = staying.get(segment)
    if (stays !== undefined) {
      after = stays
      return
    }
    let before = right && placeOf(right)
    for (let at = index + 1; at < middle.length; at++) {
      const next = staying.get(middle[at] as string)
      if (next === undefined) continue
      before = next
      break
    }
    after = positionBetween(after, before)
    placed.set(segment, after)
  })
  return placed
}

/** The most items whose places grow in the new order as well; they stay where they are. */
function longestRun(middle: readonly string[], old: readonly TreeNode[]): Map<string, Position> {
  const places = new Map(old.filter(isPlaced).map(node => [node.segment, placeOf(node)]))
  const items = middle.filter(segment => places.has(segment))
  const placeAt = (index: number) => places.get(items[index] as string) as Position
  // `ends[n]` is the item with the least place in which a run of n + 1 items can end.
  const ends: number[] = []
  const previous: number[] = []
  items.forEach((_, index) => {
    const place = placeAt(index)
    const at = firstWhere(ends, end => comparePlaces(placeAt(end), place) >= 0)
    previous[index] = at > 0 ? (ends[at - 1] as number) : -1
    ends[at] = index
  })
  const run = new Map<string, Position>()
  for (let index = ends.at(-1) ?? -1; index >= 0; index = previous[index] as number) {
    run.set(items[index] as string, placeAt(index))
  }
  return run
}

function isPlaced(item: TreeNode): boolean {
  return placeOf(item).length > 0
}

function atOnePlace(items: readonly TreeNode[], index: number): boolean {
  const [a, b] = [items[index - 1], items[index]]
  return a !== undefined && b !== undefined && comparePlaces(placeOf(a), placeOf(b)) === 0
}
