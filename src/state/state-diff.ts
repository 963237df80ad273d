/**
 * What has to be written so that a state becomes another one: only where they differ. What is the
 * same object in both is skipped without a look inside.
 */
import { StatemeshError } from '../base/error.ts'
import { canonicalText, valueDepthMax } from '../model/value.ts'
import { DraftRecord } from './draft-record.ts'
import { listChanges } from './list-changes.ts'
import { type StateLayout, wholeLayout } from './state-layout.ts'
import { absent, type StateTree, type TreeNode } from './state-tree.ts'
import type { CollectionKind, Part, Placing } from './stored-part.ts'
import { keySegment, placeSuffix, segmentOf } from './stored-path.ts'
import type { Table } from './table.ts'

/** Parts to write by path; undefined for one to delete. */
export type PartWrites = Map<string, Part | { readonly p: readonly number[] } | undefined>

/** A part of the next state: where it goes, and where it comes from. */
interface Place {
  readonly path: string
  readonly layout: StateLayout
  readonly depth: number
}

/**
 * @param next a value, or what an action recorded
 * @throws VALUE_INVALID for what cannot be stored; cycles too
 */
export function diffState(tree: StateTree, layout: StateLayout, next: object): PartWrites {
  const diff = new StateDiff(tree)
  diff.update(tree.root, next, { path: '', layout, depth: 0 })
  return diff.writes
}

class StateDiff {
  readonly writes: PartWrites = new Map()
  readonly #tree: StateTree

  constructor(tree: StateTree) {
    this.#tree = tree
  }

  /** Makes what a node stands for `next`. */
  update(node: TreeNode, next: unknown, place: Place): void {
    if (next instanceof DraftRecord) {
      if (next.source.node === node) this.#recorded(node, next, place)
      else this.update(node, next.plain(), place)
      return
    }
    const before = this.#tree.valueOf(node)
    if (Object.is(before, next)) return
    if (place.depth > valueDepthMax) {
      throw invalid(`nested deeper than ${valueDepthMax} levels, or in a cycle`)
    }
    const { part } = node
    const kind = place.layout.kindOf(next)
    if (kind !== undefined && part !== undefined && 'n' in part && part.n === kind) {
      this.#descend(kind, node, next as object, place)
    } else if (kind !== undefined || !(part && 'v' in part) || !sameWhole(part.v, next)) {
      this.#create(node, next, { p: part?.p, k: part?.k }, place)
    }
  }

  /** Writes all of a value, over whatever is left at its place. */
  #create(node: TreeNode | undefined, next: unknown, placing: LoosePlacing, place: Place): void {
    const { path, layout, depth } = place
    if (depth > valueDepthMax) {
      throw invalid(`nested deeper than ${valueDepthMax} levels, or in a cycle`)
    }
    const kind = layout.kindOf(next)
    const named = {
      ...(placing.p && { p: placing.p }),
      ...(placing.k !== undefined && { k: placing.k }),
    }
    this.writes.set(path, kind === undefined ? { v: next, ...named } : { n: kind, ...named })
    const kept = new Set<string>()
    if (kind !== undefined) {
      let index = 0
      for (const child of childrenOf(kind, next as object, layout)) {
        const { segment, value, key } = child
        kept.add(segment)
        const p = kind === 'l' ? [index] : undefined
        index += 1
        const old = node?.children?.get(segment)
        if (old?.moved !== undefined) this.writes.set(`${path}/${segment}${placeSuffix}`, undefined)
        this.#create(old, value, { p, k: key }, within(place, child))
      }
    }
    for (const child of node?.children?.values() ?? []) {
      if (!kept.has(child.segment)) this.#remove(child, `${path}/${child.segment}`)
    }
  }

  #remove(node: TreeNode, path: string): void {
    if (node.part !== undefined) this.writes.set(path, undefined)
    if (node.moved !== undefined) this.writes.set(path + placeSuffix, undefined)
    for (const child of node.children?.values() ?? [])
      this.#remove(child, `${path}/${child.segment}`)
  }

  #child(parent: TreeNode, child: Child, place: Place, p?: readonly number[]): void {
    const node = parent.children?.get(child.segment)
    const inside = within(place, child)
    if (node?.part !== undefined) this.update(node, child.value, inside)
    else this.#create(node, child.value, { p, k: child.key }, inside)
  }

  #removeAt(parent: TreeNode, segment: string, { path }: Place): void {
    const node = parent.children?.get(segment)
    if (node !== undefined) this.#remove(node, `${path}/${segment}`)
  }

  #descend(kind: CollectionKind, node: TreeNode, next: object, place: Place): void {
    if (kind === 'l') this.#list(node, next as readonly unknown[], place)
    else if (kind === 't') this.#table(node, next as Table<unknown>, place)
    else this.#entries(kind, node, next, place)
  }

  /** What an action changed in an object, a Map or a Set; the rest is not looked at. */
  #recorded(node: TreeNode, record: DraftRecord, place: Place): void {
    const { kind } = record.source
    for (const { name, value } of record.changes()) {
      const segment = record.source.idOf(name) as string
      if (value === absent || value === undefined) {
        this.#removeAt(node, segment, place)
        continue
      }
      const key = kind === 'm' && typeof name !== 'string' ? { key: name } : {}
      this.#child(node, { name, segment, value, whole: kind === 's', ...key }, place)
    }
  }

  #table(node: TreeNode, next: Table<unknown>, place: Place): void {
    next.compare(node.value as Table<unknown>, (name, _, value) => {
      const segment = segmentOf(name)
      if (value === undefined) this.#removeAt(node, segment, place)
      else this.#child(node, { name, segment, value }, place)
    })
  }

  /** Objects, Maps and Sets: every name is looked at, and what is the same is left. */
  #entries(kind: CollectionKind, node: TreeNode, next: object, place: Place): void {
    const kept = new Set<string>()
    for (const child of childrenOf(kind, next, place.layout)) {
      kept.add(child.segment)
      const existing = node.children?.get(child.segment)
      if (existing?.part !== undefined && Object.is(existing.value, child.value)) continue
      this.#child(node, child, place)
    }
    for (const [segment, child] of node.children ?? []) {
      if (child.part !== undefined && !kept.has(segment)) this.#removeAt(node, segment, place)
    }
  }

  #list(node: TreeNode, next: readonly unknown[], place: Place): void {
    const segments = next.map(item => segmentOf(place.layout.idOf(item) as string))
    const { removed, placed } = listChanges(node, segments)
    for (const segment of removed) this.#removeAt(node, segment, place)
    next.forEach((value, index) => {
      const segment = segments[index] as string
      const position = placed.get(segment)
      const child = node.children?.get(segment)
      if (position === undefined && Object.is(child?.value, value)) return
      if (position !== undefined && child?.part !== undefined) {
        this.writes.set(`${place.path}/${segment}${placeSuffix}`, { p: position })
      } else if (child?.moved !== undefined && child.part === undefined) {
        this.writes.set(`${place.path}/${segment}${placeSuffix}`, undefined)
      }
      this.#child(node, { name: segment, segment, value }, place, position)
    })
  }
}

interface LoosePlacing {
  readonly p: Placing['p'] | undefined
  readonly k: unknown
}

interface Child {
  /** By which layouts know it. */
  readonly name: unknown
  readonly segment: string
  readonly value: unknown
  /** The key of a Map, where it is no text. */
  readonly key?: unknown
  /** A member of a Set, which knows no parts of its members. */
  readonly whole?: boolean
}

function* childrenOf(
  kind: CollectionKind,
  value: object,
  layout: StateLayout,
): IterableIterator<Child> {
  switch (kind) {
    case 'o':
      if (Object.getOwnPropertySymbols(value).length > 0) throw invalid('an object has symbol keys')
      for (const name of Object.keys(value)) {
        const child = (value as Record<string, unknown>)[name]
        if (child !== undefined) yield { name, segment: segmentOf(name), value: child }
      }
      return
    case 'm':
      for (const [name, child] of value as Map<unknown, unknown>) {
        if (child === undefined) continue
        const key = typeof name === 'string' ? undefined : name
        yield { name, segment: keySegment(name), value: child, key }
      }
      return
    case 's':
      for (const member of value as Set<unknown>) {
        yield { name: member, segment: keySegment(member), value: member, whole: true }
      }
      return
    case 't':
      for (const [name, child] of value as Table<unknown>) {
        yield { name, segment: segmentOf(name), value: child }
      }
      return
    case 'l':
      for (const item of value as unknown[]) {
        const name = layout.idOf(item) as string
        yield { name, segment: segmentOf(name), value: item }
      }
  }
}

function within({ path, layout, depth }: Place, { segment, name, whole }: Child): Place {
  const inner = whole ? wholeLayout : layout.at(name)
  return { path: `${path}/${segment}`, layout: inner, depth: depth + 1 }
}

function sameWhole(before: unknown, next: unknown): boolean {
  if (typeof before !== 'object' || typeof next !== 'object') return false
  return before !== null && next !== null && canonicalText(before) === canonicalText(next)
}

function invalid(why: string): StatemeshError {
  return new StatemeshError('VALUE_INVALID', why)
}
