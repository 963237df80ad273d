/**
 * The keys under which the parts of a module's state are stored: `/` and a segment for each step
 * from the root, such as `/users/=alice/status`. A `#` at the end is the place of a list's item
 * that was moved.
 */
import { canonicalText } from '../model/value.ts'

const escapes: Readonly<Record<string, string>> = { '~': '~0', '/': '~1', '#': '~2', '\0': '~3' }
const characters: Readonly<Record<string, string>> = { '0': '~', '1': '/', '2': '#', '3': '\0' }

export const placeSuffix = '#'

/** The segment for a name that a user chose. */
export function segmentOf(name: string): string {
  return /[~/#\0]/.test(name) ? name.replace(/[~/#\0]/g, found => escapes[found] as string) : name
}

export function nameOf(segment: string): string {
  if (!segment.includes('~')) return segment
  return segment.replace(/~([0-3])/g, (_, digit: string) => characters[digit] as string)
}

/** The segments of a stored path; undefined for what is none. */
export function splitPath(path: string): string[] | undefined {
  return path.startsWith('/') ? path.slice(1).split('/') : undefined
}

/**
 * The segment for a key of a Map or a member of a Set: texts as they are behind `=`, the rest
 * canonical behind `:`.
 *
 * @throws VALUE_INVALID for what cannot be stored
 */
export function keySegment(key: unknown): string {
  return segmentOf(typeof key === 'string' ? `=${key}` : `:${canonicalText(key)}`)
}

/** The key of a Map, where it is a text. */
export function textKey(segment: string): string | undefined {
  const name = nameOf(segment)
  return name.startsWith('=') ? name.slice(1) : undefined
}

/** Whether `keySegment` may have given it. */
export function isKeySegment(segment: string): boolean {
  return segment.startsWith('=') || segment.startsWith(':')
}
