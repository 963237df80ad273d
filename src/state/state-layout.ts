/**
 * How finely a module's state is stored. Without being told, objects, Maps, Sets, tables and
 * arrays of items with ids fall into parts that merge one by one, and everything else is whole.
 */
import { StatemeshError } from '../base/error.ts'
import type { CollectionKind } from './stored-part.ts'
import { Table } from './table.ts'

export interface LayoutOptions {
  /**
   * What is kept whole, as paths with `*` for any name: `messages.*` for messages that do not
   * change once they are there, `profile.address` for what only makes sense together.
   */
  readonly whole?: readonly string[]
  /** How the items of a list are told apart, by its path; by their `id` unless given. */
  readonly ids?: { readonly [path: string]: (item: never) => string }
}

type IdOf = (item: unknown) => string | undefined

/** The layout of one place in the state. */
export class StateLayout {
  #whole = false
  #idOf: IdOf = ownId
  readonly #named = new Map<string, StateLayout>()
  #any: StateLayout | undefined

  get idOf(): IdOf {
    return this.#idOf
  }

  /** The layout of what stands under a name in here. */
  at(name: unknown): StateLayout {
    return (
      (typeof name === 'string' ? this.#named.get(name) : undefined) ?? this.#any ?? plainLayout
    )
  }

  /** What a value is stored as: a collection of a kind, or undefined for a whole. */
  kindOf(value: unknown): CollectionKind | undefined {
    if (this.#whole || typeof value !== 'object' || value === null) return undefined
    if (value instanceof Table) return 't'
    if (Array.isArray(value)) return this.#isList(value) ? 'l' : undefined
    const prototype: unknown = Object.getPrototypeOf(value)
    if (prototype === Object.prototype || prototype === null) return 'o'
    if (prototype === Map.prototype) return 'm'
    return prototype === Set.prototype ? 's' : undefined
  }

  keepWhole(path: readonly string[]): void {
    this.#reach(path).#whole = true
  }

  identify(path: readonly string[], idOf: IdOf): void {
    const named: IdOf = item => nameOrNone(idOf(item))
    this.#reach(path).#idOf = named
  }

  #isList(items: readonly unknown[]): boolean {
    const ids = new Set<string>()
    for (let index = 0; index < items.length; index++) {
      const id = this.#idOf(items[index])
      if (id === undefined || ids.has(id)) return false
      ids.add(id)
    }
    return true
  }

  #reach([name, ...rest]: readonly string[]): StateLayout {
    if (name === undefined) return this
    let next = name === '*' ? this.#any : this.#named.get(name)
    if (next === undefined) {
      next = new StateLayout()
      if (name === '*') this.#any = next
      else this.#named.set(name, next)
    }
    return next.#reach(rest)
  }
}

const plainLayout = new StateLayout()

/** Everything whole. */
export const wholeLayout: StateLayout = new StateLayout()
wholeLayout.keepWhole([])

function ownId(item: unknown): string | undefined {
  if (typeof item !== 'object' || item === null || item instanceof Table) return undefined
  return nameOrNone((item as { id?: unknown }).id)
}

function nameOrNone(id: unknown): string | undefined {
  return typeof id === 'string' && id !== '' ? id : undefined
}

/** @throws PARTITION_INVALID for an empty path or name in one */
export function stateLayout({ whole = [], ids = {} }: LayoutOptions): StateLayout {
  const root = new StateLayout()
  for (const path of whole) root.keepWhole(parse(path))
  for (const [path, idOf] of Object.entries(ids)) root.identify(parse(path), idOf as IdOf)
  return root
}

function parse(path: string): string[] {
  const names = path.split('.')
  if (names.includes('')) {
    throw new StatemeshError('PARTITION_INVALID', `"${path}" is no path of a state`)
  }
  return names
}
