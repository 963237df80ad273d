/** Roots of a document, each of one kind. */
import * as Y from 'yjs'
import { StatemeshError } from '../base/error.ts'

const kindNames = new Map<unknown, string>([
  [Y.Text, 'text'],
  [Y.Map, 'map'],
  [Y.Array, 'array'],
  [Y.XmlFragment, 'xml'],
])

/**
 * The root of a name as the given Yjs type. What only came from elsewhere has no kind yet; it
 * gets the first that is asked for.
 *
 * @throws ROOT_MISMATCH when the root is in use as another kind, KEY_INVALID for an empty name
 */
export function rootType<Type>(doc: Y.Doc, name: string, kind: new () => Type): Type {
  if (typeof name !== 'string' || name === '') {
    throw new StatemeshError('KEY_INVALID', 'the name of a root must be a non-empty string')
  }
  const known: unknown = doc.share.get(name)?.constructor
  if (known !== undefined && known !== Y.AbstractType && known !== kind) {
    const other = kindNames.get(known) ?? 'type of another kind'
    throw new StatemeshError('ROOT_MISMATCH', `the root "${name}" is in use as a ${other}`)
  }
  return doc.get(name, kind as unknown as typeof Y.AbstractType) as unknown as Type
}
