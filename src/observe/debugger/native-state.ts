/**
 * The roots of a `crdt` document as plain data and back. What came from elsewhere does not say what
 * kind a root is; its content shows it: keys are a map's, text and formats a text's, tags are XML.
 */
import * as Y from 'yjs'
import { StatemeshError } from '../../base/error.ts'
import { type Json, readStateJson, stateJson } from '../../state/state-text.ts'

/** A Yjs type; what is no type is a `value`. */
export type NativeState =
  | { readonly type: 'value'; readonly value: Json }
  /** In the form of Quill's deltas. */
  | { readonly type: 'text'; readonly delta: Json }
  | { readonly type: 'map'; readonly entries: { readonly [key: string]: NativeState } }
  | { readonly type: 'array'; readonly items: readonly NativeState[] }
  | { readonly type: 'xml'; readonly text: string }

type NativeRoots = { readonly [root: string]: NativeState }

/** The document must be ours alone: a root that has no kind yet gets one. */
export function readNative(doc: Y.Doc): NativeRoots {
  const roots = [...doc.share.keys()].sort()
  return Object.fromEntries(roots.map(root => [root, stateOf(typed(doc, root))]))
}

/** Writes roots into an empty document. @throws VALUE_INVALID for XML, and what is malformed */
export function writeNative(doc: Y.Doc, roots: NativeRoots): void {
  doc.transact(() => {
    for (const [root, state] of Object.entries(roots)) {
      if (state.type === 'text') fillText(doc.getText(root), state.delta)
      else if (state.type === 'map') fillMap(doc.getMap(root), state.entries)
      else if (state.type === 'array') doc.getArray(root).insert(0, state.items.map(contentOf))
      else throw unwritable(root, state.type)
    }
  })
}

// biome-ignore lint/suspicious/noExplicitAny: what Yjs itself says of its types
function typed(doc: Y.Doc, root: string): Y.AbstractType<any> {
  // biome-ignore lint/suspicious/noExplicitAny: as above
  const type = doc.share.get(root) as Y.AbstractType<any>
  if (type.constructor !== Y.AbstractType) return type
  if (type._map.size > 0) return doc.getMap(root)
  for (let item = type._start; item !== null; item = item.right) {
    const { content } = item
    if (content instanceof Y.ContentString || content instanceof Y.ContentFormat) {
      return doc.getText(root)
    }
    if (content instanceof Y.ContentType && isXml(content.type)) return doc.getXmlFragment(root)
  }
  return doc.getArray(root)
}

function isXml(type: unknown): boolean {
  return type instanceof Y.XmlFragment || type instanceof Y.XmlText || type instanceof Y.XmlHook
}

function stateOf(value: unknown): NativeState {
  if (value instanceof Y.XmlText || isXml(value)) return { type: 'xml', text: String(value) }
  if (value instanceof Y.Text) return { type: 'text', delta: stateJson(deltaOf(value)) }
  if (value instanceof Y.Map) {
    const keys = [...value.keys()].sort()
    const entries = Object.fromEntries(keys.map(key => [key, stateOf(value.get(key))]))
    return { type: 'map', entries }
  }
  if (value instanceof Y.Array) return { type: 'array', items: value.toArray().map(stateOf) }
  return { type: 'value', value: value === undefined ? null : stateJson(value) }
}

/** Types that are embedded in a text are shown as what they say. */
function deltaOf(text: Y.Text): unknown[] {
  return text.toDelta().map(({ insert, ...rest }: { insert: unknown }) => {
    return { insert: insert instanceof Y.AbstractType ? String(insert) : insert, ...rest }
  })
}

function fillText(text: Y.Text, delta: Json): Y.Text {
  const operations = readStateJson(delta)
  if (!Array.isArray(operations)) throw new StatemeshError('VALUE_INVALID', 'a text is a delta')
  text.applyDelta(operations)
  return text
}

function fillMap(
  map: Y.Map<unknown>,
  entries: { readonly [key: string]: NativeState },
): Y.Map<unknown> {
  for (const [key, state] of Object.entries(entries)) map.set(key, contentOf(state))
  return map
}

function contentOf(state: NativeState): unknown {
  switch (state.type) {
    case 'value':
      return readStateJson(state.value)
    case 'text':
      return fillText(new Y.Text(), state.delta)
    case 'map':
      return fillMap(new Y.Map(), state.entries)
    case 'array':
      return Y.Array.from(state.items.map(contentOf) as never[])
    default:
      throw unwritable('within a root', String(state.type))
  }
}

function unwritable(root: string, type: string): StatemeshError {
  const why = `${JSON.stringify(root)} is ${type}, which cannot be written from its text`
  return new StatemeshError('VALUE_INVALID', `${why}; import an update instead`)
}
