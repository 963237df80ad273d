/**
 * Places in a list that merges item by item: there is always room for another one between two.
 * A position is a sequence of integers, ordered as words are by their letters; appending and
 * prepending keep it at one integer.
 */

export type Position = readonly number[]

/** A position of more integers than this was not made by us. */
const digitsMax = 1024

export function comparePlaces(a: Position, b: Position): number {
  const shared = Math.min(a.length, b.length)
  for (let index = 0; index < shared; index++) {
    const difference = (a[index] as number) - (b[index] as number)
    if (difference !== 0) return difference
  }
  return a.length - b.length
}

/** A position behind `after` and, where that is given, before `before`, which is greater. */
export function positionBetween(
  after: Position | undefined,
  before: Position | undefined,
): Position {
  if (after === undefined) return before === undefined ? [0] : [digit(before, 0) - 1]
  if (before === undefined) return [digit(after, 0) + 1]
  let index = 0
  while (index < after.length && after[index] === before[index]) index += 1
  const shared = after.slice(0, index)
  // `before` goes on where `after` ends.
  if (index === after.length) return [...shared, digit(before, index) - 1]
  const low = digit(after, index)
  if (digit(before, index) - low > 1) return [...shared, low + 1]
  // No integer is left between the two: one level deeper there is all the room behind `after`.
  const deeper = index + 1 < after.length ? digit(after, index + 1) + 1 : 0
  return [...shared, low, deeper]
}

export function isPosition(value: unknown): value is Position {
  if (!Array.isArray(value) || value.length === 0 || value.length > digitsMax) return false
  return value.every(Number.isSafeInteger)
}

function digit(position: Position, index: number): number {
  return position[index] ?? 0
}
