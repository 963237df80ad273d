/**
 * A module's state, made from the parts that are stored. The values in it are shared from one
 * version to the next: a change rebuilds the collections on its way to the root and nothing else,
 * and only when somebody reads.
 *
 * Invariants
 * T1. A node stands in its parent's `children` as long as it has a part, a place or children, so
 *     that parts whose collection is not there (it was deleted meanwhile) are known too.
 * T2. What a node's value may have changed from is in `stale`: itself, and the children concerned.
 *     A node with stale children is stale in its parent.
 */
import { guard, guardMap, guardSet } from './guard.ts'
import { comparePlaces, type Position } from './position.ts'
import type { CollectionKind, Part } from './stored-part.ts'
import { isKeySegment, nameOf, textKey } from './stored-path.ts'
import { type Table, table } from './table.ts'

/** Where there is nothing. Not undefined, which says that it has not been looked. */
export const absent: unique symbol = Symbol('absent')

export interface TreeNode {
  readonly parent: TreeNode | undefined
  readonly segment: string
  part: Part | undefined
  /** Where an item was moved to. */
  moved: Position | undefined
  children: Map<string, TreeNode> | undefined
  /** The value as it was built last, and the part that it was built from. */
  value: unknown
  builtFrom: Part | undefined
  /** For a list: the nodes of its items, in order. */
  items: readonly TreeNode[]
  stale: Set<TreeNode> | undefined
}

const root = 'root'

export class StateTree {
  readonly root: TreeNode = newNode(undefined, root)

  constructor() {
    this.root.part = { n: 'o' }
    this.root.stale = new Set()
  }

  /** The state as a frozen value. */
  get state(): object {
    return this.valueOf(this.root) as object
  }

  /** The node of a path, made where it is missing. */
  reach(segments: readonly string[]): TreeNode {
    let node = this.root
    for (const segment of segments) {
      node.children ??= new Map()
      let child = node.children.get(segment)
      if (child === undefined) {
        child = newNode(node, segment)
        node.children.set(segment, child)
      }
      node = child
    }
    return node
  }

  /** Takes in that a node's part or place is another. */
  touch(node: TreeNode): void {
    node.stale ??= new Set()
    for (let child = node; child.parent !== undefined; child = child.parent) {
      const { parent } = child
      if (parent.stale?.has(child)) return
      parent.stale ??= new Set()
      parent.stale.add(child)
    }
  }

  /** Forgets nodes that stand for nothing any more, from here up. */
  prune(node: TreeNode): void {
    for (let at = node; at.parent !== undefined; at = at.parent) {
      if (at.part !== undefined || at.moved !== undefined || (at.children?.size ?? 0) > 0) return
      at.parent.children?.delete(at.segment)
    }
  }

  /** What a node reads as, or `absent`. */
  valueOf(node: TreeNode): unknown {
    const { stale, part } = node
    if (stale === undefined) return node.value
    node.stale = undefined
    if (part === undefined) node.value = absent
    else if ('v' in part) {
      if (node.builtFrom !== part) node.value = guard(part.v)
    } else this.#build(node, part.n, stale)
    node.builtFrom = part
    return node.value
  }

  #build(node: TreeNode, kind: CollectionKind, stale: Set<TreeNode>): void {
    const { builtFrom, children } = node
    const goesOn = builtFrom !== undefined && 'n' in builtFrom && builtFrom.n === kind
    const base = goesOn ? node.value : undefined
    const changed = goesOn ? stale : (children?.values() ?? [])
    if (kind === 'l') node.value = this.#list(node, base as readonly unknown[] | undefined)
    else node.value = this.#collection(kind, base, changed)
  }

  #collection(kind: CollectionKind, base: unknown, changed: Iterable<TreeNode>): unknown {
    switch (kind) {
      case 't':
        return this.#table(base as Table<unknown> | undefined, changed)
      case 'm':
        return this.#map(base as Map<unknown, unknown> | undefined, changed)
      case 's':
        return this.#set(base as Set<unknown> | undefined, changed)
      default:
        return this.#object(base as Record<string, unknown> | undefined, changed)
    }
  }

  #object(base: Record<string, unknown> | undefined, changed: Iterable<TreeNode>): object {
    let copy: Record<string, unknown> | undefined = base === undefined ? {} : undefined
    for (const node of changed) {
      const value = this.valueOf(node)
      const name = nameOf(node.segment)
      // Of the copy: a name comes twice where a node was pruned and another one took its place.
      const now = copy ?? base
      const was = now !== undefined && Object.hasOwn(now, name) ? now[name] : absent
      if (value === was) continue
      copy ??= { ...base }
      if (value === absent) delete copy[name]
      else setOwn(copy, name, value)
    }
    return copy === undefined ? (base as object) : Object.freeze(copy)
  }

  #map(
    base: Map<unknown, unknown> | undefined,
    changed: Iterable<TreeNode>,
  ): Map<unknown, unknown> {
    const copy = new Map(base)
    let differs = base === undefined
    for (const node of changed) {
      const key = keyOf(node)
      if (key === undefined) continue
      const value = this.valueOf(node)
      if (value === (copy.has(key) ? copy.get(key) : absent)) continue
      differs = true
      if (value === absent) copy.delete(key)
      else copy.set(key, value)
    }
    return differs ? guardMap(copy) : (base as Map<unknown, unknown>)
  }

  #set(base: Set<unknown> | undefined, changed: Iterable<TreeNode>): Set<unknown> {
    const copy = new Set(base)
    let differs = base === undefined
    for (const node of changed) {
      if (!isKeySegment(node.segment)) continue
      const was = node.value
      const value = this.valueOf(node)
      if (value === was && copy.has(value)) continue
      differs = copy.delete(was) || differs
      if (value === absent) continue
      copy.add(value)
      differs = true
    }
    return differs ? guardSet(copy) : (base as Set<unknown>)
  }

  #table(base: Table<unknown> | undefined, changed: Iterable<TreeNode>): Table<unknown> {
    let next = base ?? table<unknown>()
    for (const node of changed) {
      const value = this.valueOf(node)
      const key = nameOf(node.segment)
      next = value === absent ? next.without(key) : next.with(key, value)
    }
    return next
  }

  #list(node: TreeNode, base: readonly unknown[] | undefined): readonly unknown[] {
    const items = [...(node.children?.values() ?? [])].filter(item => {
      return this.valueOf(item) !== absent
    })
    node.items = items.sort(compareItems)
    const values = items.map(item => item.value)
    const same = base?.length === values.length && values.every((value, at) => value === base[at])
    return same ? base : Object.freeze(values)
  }
}

/** Where an item of a list stands. What nobody placed, a foreign write for instance, is first. */
export function placeOf({ moved, part }: TreeNode): Position {
  return moved ?? part?.p ?? []
}

function compareItems(a: TreeNode, b: TreeNode): number {
  return comparePlaces(placeOf(a), placeOf(b)) || (a.segment < b.segment ? -1 : 1)
}

/**
 * The key of a Map's entry: the one that is in the map already, since objects are told by identity.
 * Undefined for what is left of a collection of another kind.
 */
export function keyOf({ segment, part, builtFrom }: TreeNode): unknown {
  return textKey(segment) ?? guard((builtFrom ?? part)?.k)
}

function newNode(parent: TreeNode | undefined, segment: string): TreeNode {
  return {
    parent,
    segment,
    part: undefined,
    moved: undefined,
    children: undefined,
    value: absent,
    builtFrom: undefined,
    items: [],
    stale: undefined,
  }
}

/** Also for `__proto__`, which an assignment would take for the prototype. */
export function setOwn(object: Record<string, unknown>, name: string, value: unknown): void {
  if (name !== '__proto__') object[name] = value
  else
    Object.defineProperty(object, name, {
      value,
      enumerable: true,
      configurable: true,
      writable: true,
    })
}
