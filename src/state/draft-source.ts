/**
 * What a draft of an object, a Map or a Set starts from: a node of the state, whose entries are
 * looked up one by one without the whole being built, or a value.
 */
import { absent, keyOf, type StateTree, setOwn, type TreeNode } from './state-tree.ts'
import { keySegment, segmentOf } from './stored-path.ts'

export type SourceKind = 'o' | 'm' | 's'

export interface DraftSource {
  readonly kind: SourceKind
  /** The node that it is; undefined for a value. */
  readonly node: TreeNode | undefined
  /** By which names are told apart; for a node the segment. */
  idOf(name: unknown): unknown
  has(name: unknown): boolean
  /** What is under a name, to make a draft of. */
  at(name: unknown): { readonly source: DraftSource } | { readonly value: unknown }
  /** The value under a name; undefined if there is none. */
  valueAt(name: unknown): unknown
  /** All of it, which may have to be built. */
  whole(): object
  names(): Iterable<unknown>
  /** A copy of all of it with entries replaced; `absent` for one that is gone. */
  with(changes: Iterable<readonly [name: unknown, value: unknown]>): object
}

export function nodeSource(tree: StateTree, node: TreeNode): DraftSource {
  const kind = (node.part as { readonly n: SourceKind }).n
  const idOf = (name: unknown) => (kind === 'o' ? segmentOf(name as string) : keySegment(name))
  const childAt = (name: unknown) => {
    const child = node.children?.get(idOf(name) as string)
    return child?.part === undefined ? undefined : child
  }
  const whole = () => tree.valueOf(node) as object
  const valueAt = (name: unknown) => {
    const child = childAt(name)
    return child && tree.valueOf(child)
  }
  /** The name as it is in the whole: objects that are keys or members are told by identity there. */
  const ownName = (name: unknown) => {
    const child = typeof name === 'object' ? childAt(name) : undefined
    if (child === undefined) return name
    return kind === 's' ? tree.valueOf(child) : keyOf(child)
  }
  return {
    kind,
    node,
    idOf,
    has: name => childAt(name) !== undefined,
    at(name) {
      const child = childAt(name)
      const part = child?.part
      const keyed = part !== undefined && 'n' in part && part.n !== 'l' && part.n !== 't'
      return child && keyed ? { source: nodeSource(tree, child) } : { value: valueAt(name) }
    },
    valueAt,
    whole,
    names: () => namesOf(kind, whole()),
    with(changes) {
      const own = [...changes].map(([name, value]) => [ownName(name), value] as const)
      return changedCopy(kind, whole(), own)
    },
  }
}

/** Undefined for what is not an object, a Map or a Set that may be changed in place. */
export function valueSource(value: object): DraftSource | undefined {
  const kind = kindOf(value)
  if (kind === undefined) return undefined
  const has = (name: unknown) => {
    if (kind !== 'o') return (value as Map<unknown, unknown> | Set<unknown>).has(name)
    return Object.hasOwn(value, name as string)
  }
  const valueAt = (name: unknown) => {
    if (kind === 's') return has(name) ? name : undefined
    if (kind === 'm') return (value as Map<unknown, unknown>).get(name)
    return has(name) ? (value as Record<string, unknown>)[name as string] : undefined
  }
  return {
    kind,
    node: undefined,
    idOf: name => name,
    has,
    at: name => ({ value: valueAt(name) }),
    valueAt,
    whole: () => value,
    names: () => namesOf(kind, value),
    with: changes => changedCopy(kind, value, changes),
  }
}

function kindOf(value: object): SourceKind | undefined {
  const prototype: unknown = Object.getPrototypeOf(value)
  if (prototype === Object.prototype || prototype === null) return 'o'
  if (prototype === Map.prototype) return 'm'
  return prototype === Set.prototype ? 's' : undefined
}

function namesOf(kind: SourceKind, whole: object): Iterable<unknown> {
  return kind === 'o' ? Object.keys(whole) : (whole as Map<unknown, unknown>).keys()
}

function changedCopy(
  kind: SourceKind,
  whole: object,
  changes: Iterable<readonly [unknown, unknown]>,
): object {
  if (kind === 'o') {
    const copy = { ...whole } as Record<string, unknown>
    for (const [name, value] of changes) {
      if (value === absent) delete copy[name as string]
      else setOwn(copy, name as string, value)
    }
    return copy
  }
  const copy = kind === 'm' ? new Map(whole as Map<unknown, unknown>) : undefined
  const members = new Set(copy ? [] : (whole as Set<unknown>))
  for (const [name, value] of changes) {
    if (value === absent) (copy ?? members).delete(name)
    else if (copy) copy.set(name, value)
    else members.add(name)
  }
  return copy ?? members
}
