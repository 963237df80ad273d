/**
 * Passes over the content of one item of an update and tells its length in clocks, by the kind
 * of the content and without building it.
 */
import { skipAny, skipDocOptions } from './update-any.ts'
import type { UpdateCursor } from './update-cursor.ts'
import { skipJson, skipJsonOrUndefined } from './update-json.ts'

/** @throws UPDATE_INVALID for an unknown kind, malformed content, or content of no length */
export function skipContent(cursor: UpdateCursor, kind: number, nestingMax: number): number {
  switch (kind) {
    case 1:
      return positive(cursor, cursor.uint(), 'a deleted content')
    case 2:
      return skipList(cursor, nestingMax, skipJsonOrUndefined)
    case 3: // binary
      cursor.skip(cursor.uint())
      return 1
    case 4:
      return positive(cursor, cursor.text(), 'a string content')
    case 5: // embed
      skipJson(cursor, nestingMax)
      return 1
    case 6: // format: key and value
      cursor.text()
      skipJson(cursor, nestingMax)
      return 1
    case 7:
      skipType(cursor)
      return 1
    case 8:
      return skipList(cursor, nestingMax, skipAny)
    case 9: // subdocument: guid and options
      cursor.text()
      skipDocOptions(cursor, nestingMax)
      return 1
    default:
      throw cursor.refusal(`an item with content of the unknown kind ${kind}`)
  }
}

/** `length`, which must not be 0: a struct of no length wedges a Yjs document for ever. */
export function positive(cursor: UpdateCursor, length: number, what: string): number {
  if (length === 0) throw cursor.refusal(`${what} has no length`)
  return length
}

type SkipValue = (cursor: UpdateCursor, nestingMax: number) => void

function skipList(cursor: UpdateCursor, nestingMax: number, skipValue: SkipValue): number {
  const length = positive(cursor, cursor.count('values', 1), 'a list content')
  for (let left = length; left > 0; left--) skipValue(cursor, nestingMax)
  return length
}

/** Array, map, text, XML element, fragment, hook and text; elements and hooks carry a name. */
function skipType(cursor: UpdateCursor): void {
  const type = cursor.uint()
  if (type > 6) throw cursor.refusal(`a shared type of the unknown kind ${type}`)
  if (type === 3 || type === 5) cursor.text()
}
