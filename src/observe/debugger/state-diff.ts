/** What differs between two states, deep within values: a delta of jsondiffpatch, and a list of it. */
import { create, type Delta } from 'jsondiffpatch'

/** One place that differs. */
export interface DeepChange {
  /** The names and places on the way, from the outermost. */
  readonly path: readonly (string | number)[]
  readonly kind: 'added' | 'changed' | 'removed' | 'moved'
  readonly before: unknown
  readonly after: unknown
}

export interface StateDifference {
  readonly equal: boolean
  /**
   * As jsondiffpatch has it, which can patch and undo with it; undefined where all is equal. It does
   * not see a field of a name that every object has (`constructor`), so these begin with NUL here.
   */
  readonly delta: Delta
  readonly changes: readonly DeepChange[]
}

/** An item of a list is known again by what names it. */
function itemName(item: object, index?: number): string {
  const { writer, seq, id } = item as { writer?: unknown; seq?: unknown; id?: unknown }
  if (typeof writer === 'number') return `writer ${writer} ${seq}`
  return typeof id === 'string' ? `id ${id}` : `place ${index}`
}

const differ = create({ objectHash: itemName, arrays: { detectMove: true } })

/** The difference between two pieces of plain data. */
export function diffStates(before: unknown, after: unknown): StateDifference {
  const delta = differ.diff(renamed(before, guarded), renamed(after, guarded))
  return { equal: delta === undefined, delta, changes: [...changesOf(delta, [])] }
}

const guard = '\0'

function guarded(name: string): string {
  return name in {} || name.startsWith(guard) ? `${guard}${name}` : name
}

function unguarded(name: string): string {
  return name.startsWith(guard) ? name.slice(guard.length) : name
}

/** A copy whose fields have other names. */
function renamed(value: unknown, rename: (name: string) => string): unknown {
  if (Array.isArray(value)) return value.map(item => renamed(item, rename))
  if (typeof value !== 'object' || value === null) return value
  const fields = Object.entries(value)
  return Object.fromEntries(fields.map(([name, field]) => [rename(name), renamed(field, rename)]))
}

type Parts = { readonly [name: string]: Delta }

function* changesOf(delta: Delta, path: readonly (string | number)[]): Generator<DeepChange> {
  if (delta === undefined) return
  if (Array.isArray(delta)) {
    const { before: from, after: to, ...leaf } = leafOf(delta, path)
    yield { ...leaf, before: renamed(from, unguarded), after: renamed(to, unguarded) }
    return
  }
  const { _t: isList, ...parts } = delta as Parts & { _t?: 'a' }
  for (const [name, part] of Object.entries(parts)) {
    // In lists the place before the change begins with a line.
    const place = isList ? Number(name.replace(/^_/, '')) : unguarded(name)
    yield* changesOf(part, [...path, place])
  }
}

function leafOf(delta: readonly unknown[], path: readonly (string | number)[]): DeepChange {
  if (delta.length === 1) return { path, kind: 'added', before: undefined, after: delta[0] }
  if (delta.length === 2) return { path, kind: 'changed', before: delta[0], after: delta[1] }
  if (delta[2] === 3) return { path, kind: 'moved', before: path.at(-1), after: delta[1] }
  return { path, kind: 'removed', before: delta[0], after: undefined }
}

/** A path for people: `keys.alice.value.name`, with quotes where a name needs them. */
export function pathText(path: readonly (string | number)[]): string {
  const parts = path.map(part => {
    if (typeof part === 'number') return `[${part}]`
    return /^[\w$-]+$/.test(part) ? `.${part}` : `[${JSON.stringify(part)}]`
  })
  return parts.join('').replace(/^\./, '')
}
