/**
 * Keeps what is handed out as it is. Objects and arrays are frozen; Maps, Sets and Dates cannot
 * be, so their own methods that would change them throw. Bytes cannot be kept: do not write to them.
 */
import { StatemeshError } from '../base/error.ts'

const refuse = {
  value(): never {
    throw new StatemeshError('VALUE_INVALID', 'state is changed by actions, not in place')
  },
}
const refusals = (names: readonly string[]) => Object.fromEntries(names.map(name => [name, refuse]))

const changesMap = refusals(['set', 'delete', 'clear'])
const changesSet = refusals(['add', 'delete', 'clear'])
const changesDate = refusals(
  Object.getOwnPropertyNames(Date.prototype).filter(name => name.startsWith('set')),
)

export function guardMap<Key, Value>(map: Map<Key, Value>): Map<Key, Value> {
  return Object.freeze(Object.defineProperties(map, changesMap))
}

export function guardSet<Member>(set: Set<Member>): Set<Member> {
  return Object.freeze(Object.defineProperties(set, changesSet))
}

/** Guards a value to the bottom, in place. It has no cycle: it was stored, or is frozen already. */
export function guard(value: unknown): unknown {
  if (typeof value !== 'object' || value === null || ArrayBuffer.isView(value)) return value
  if (value instanceof Date) return Object.freeze(Object.defineProperties(value, changesDate))
  if (value instanceof Map) {
    for (const [key, element] of value) {
      guard(key)
      guard(element)
    }
    return guardMap(value)
  }
  if (value instanceof Set) {
    for (const member of value) guard(member)
    return guardSet(value)
  }
  for (const element of Object.values(value)) guard(element)
  return Object.freeze(value)
}
