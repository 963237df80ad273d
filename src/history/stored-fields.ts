/** Reads what history keeps in partitions, where anybody who may write them may have put anything. */

export type Fields = { readonly [field: string]: unknown }

/** No more than a version or a snapshot of a gigabyte has. */
export const chunksMax = 4096

export function fieldsOf(value: unknown): Fields {
  if (typeof value !== 'object' || value === null || Array.isArray(value)) return {}
  return value as Fields
}

export function isCount(value: unknown): value is number {
  return Number.isSafeInteger(value) && (value as number) >= 0
}

export function isText(value: unknown): value is string {
  return typeof value === 'string'
}

/** A state vector, or a part of one. */
export function isClocks(value: unknown): value is ReadonlyMap<number, number> {
  return (
    value instanceof Map && [...value].every(([writer, clock]) => isCount(writer) && isCount(clock))
  )
}
