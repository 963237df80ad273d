/**
 * Passes over the plain values of an update (lib0's `any` encoding) without building them.
 *
 * lib0 reads an object by assigning its keys. A key `__proto__` would replace the object's
 * prototype, and be lost or flattened when the object is written again, so that two replicas no
 * longer hold the same bytes: it is refused.
 */
import type { UpdateCursor } from './update-cursor.ts'

const kindObject = 118
const forbiddenInValues = ['__proto__'] as const
const forbiddenInDocOptions = ['__proto__', 'guid', 'gcFilter'] as const

/** @throws UPDATE_INVALID for a malformed value or one that nests deeper than `nestingMax` */
export function skipAny(cursor: UpdateCursor, nestingMax: number): void {
  const kind = cursor.byte()
  switch (kind) {
    case 127: // undefined
    case 126: // null
    case 121: // false
    case 120: // true
      return
    case 125:
      return cursor.skipInt()
    case 124: // float32
      return cursor.skip(4)
    case 123: // float64
    case 122: // bigint
      return cursor.skip(8)
    case 119:
      cursor.text()
      return
    case kindObject:
      return skipObject(cursor, nestingMax, forbiddenInValues)
    case 117:
      return skipArray(cursor, nestingMax)
    case 116:
      return cursor.skip(cursor.uint())
    default:
      throw cursor.refusal(`a value of the unknown kind ${kind}`)
  }
}

/**
 * Passes over the options of a subdocument. Yjs spreads them into the options of a `Y.Doc`: they
 * must be an object, and must not replace the guid or the gc filter, which can only be a
 * function.
 *
 * @throws UPDATE_INVALID
 */
export function skipDocOptions(cursor: UpdateCursor, nestingMax: number): void {
  if (cursor.byte() !== kindObject) {
    throw cursor.refusal('the options of a subdocument are no object')
  }
  skipObject(cursor, nestingMax, forbiddenInDocOptions)
}

function skipObject(cursor: UpdateCursor, nestingLeft: number, forbidden: readonly string[]): void {
  checkNesting(cursor, nestingLeft)
  // A key is at least one byte, and so is a value.
  for (let left = cursor.count('keys', 2); left > 0; left--) {
    const units = cursor.text()
    for (const key of forbidden) {
      if (units === key.length && isText(cursor, key)) {
        throw cursor.refusal(`the key ${key} is not allowed here`)
      }
    }
    skipAny(cursor, nestingLeft - 1)
  }
}

function skipArray(cursor: UpdateCursor, nestingLeft: number): void {
  checkNesting(cursor, nestingLeft)
  for (let left = cursor.count('elements', 1); left > 0; left--) skipAny(cursor, nestingLeft - 1)
}

function checkNesting(cursor: UpdateCursor, nestingLeft: number): void {
  if (nestingLeft <= 0) throw cursor.refusal('a value is nested too deeply')
}

/** Whether the text that the cursor has just passed over is `key`, which is ASCII. */
function isText(cursor: UpdateCursor, key: string): boolean {
  for (let at = 0; at < key.length; at++) {
    if (cursor.bytes[cursor.textStart + at] !== key.charCodeAt(at)) return false
  }
  return true
}
