/**
 * Drafts: what an action gets of the state, to change in place. A draft reads through to what is
 * there and records what is changed, so that an action costs what it changes, however large the
 * collection around it is: nothing is copied, and nothing has to be compared afterwards.
 */
import { StatemeshError } from '../base/error.ts'
import { arrayDraft, MapDraft, objectDraft, SetDraft, TableDraft } from './draft-collections.ts'
import { DraftRecord, type Drafts, type Recorded } from './draft-record.ts'
import { type DraftSource, nodeSource, valueSource } from './draft-source.ts'
import type { StateTree } from './state-tree.ts'
import { Table } from './table.ts'

/** A state as an action may change it: with what is read-only in it taken for writable. */
export type Draft<State> = 0 extends 1 & State
  ? State
  : State extends Kept
    ? State
    : State extends Table<infer Value>
      ? DraftTable<Value>
      : State extends ReadonlyMap<infer Key, infer Value>
        ? Map<Key, Value extends object ? Draft<Value> : Value>
        : State extends ReadonlySet<infer Member>
          ? Set<Member>
          : State extends object
            ? { -readonly [Name in keyof State]: Draft<State[Name]> }
            : State

/** A table that can be changed in place. */
export type DraftTable<Value> = Table<Value> & {
  /** The value of a key, which may be changed in place. */
  get(key: string): Draft<Value> | undefined
  /** @throws VALUE_INVALID for a key that is no string, or the value undefined */
  set(key: string, value: Value): unknown
  /** @returns whether it was there */
  delete(key: string): boolean
}

/** What is replaced, and not changed. */
type Kept = Date | Uint8Array | ((...args: never) => unknown)

/** The drafts of one action. */
export class Drafting implements Drafts {
  readonly #recorded = new WeakMap<object, Recorded>()
  readonly root: object
  #ended = false

  constructor(tree: StateTree) {
    this.root = this.#open(nodeSource(tree, tree.root))
  }

  /** From here on drafts can be neither read nor changed. */
  end(): void {
    this.#ended = true
  }

  check(): void {
    if (!this.#ended) return
    throw new StatemeshError('ACTION_FAILED', 'a draft is for its action, and not for later')
  }

  recordedOf(value: unknown): Recorded | undefined {
    return typeof value === 'object' && value !== null ? this.#recorded.get(value) : undefined
  }

  draft(value: unknown): unknown {
    if (typeof value !== 'object' || value === null || this.#recorded.has(value)) return value
    if (Array.isArray(value)) return this.#keep(...arrayDraft(this, value))
    if (value instanceof Table) return this.#keepOwn(new TableDraft(this, value))
    const source = valueSource(value)
    return source === undefined ? value : this.#open(source)
  }

  draftOf(found: ReturnType<DraftSource['at']>): unknown {
    return 'source' in found ? this.#open(found.source) : this.draft(found.value)
  }

  plain(value: unknown, known: Map<object, unknown> = new Map()): unknown {
    if (typeof value !== 'object' || value === null) return value
    const recorded = this.#recorded.get(value)
    if (recorded !== undefined) return recorded.plain()
    if (Object.isFrozen(value)) return value
    if (known.has(value)) return known.get(value)
    known.set(value, value) // a cycle is refused where values are checked
    const inner = (element: unknown) => this.plain(element, known)
    const result = withoutDrafts(value, inner)
    known.set(value, result)
    return result
  }

  #open(source: DraftSource): object {
    const record = new DraftRecord(this, source)
    if (source.kind === 'm') return this.#keep(new MapDraft(record), record)
    if (source.kind === 's') return this.#keep(new SetDraft(record), record)
    return this.#keep(objectDraft(record), record)
  }

  #keep(draft: object, recorded: Recorded): object {
    this.#recorded.set(draft, recorded)
    return draft
  }

  #keepOwn(draft: object & Recorded): object {
    return this.#keep(draft, draft)
  }
}

function withoutDrafts(value: object, inner: (element: unknown) => unknown): unknown {
  if (Array.isArray(value)) {
    const elements = value.map(inner)
    return elements.some((element, at) => element !== value[at]) ? elements : value
  }
  const source = valueSource(value)
  if (source === undefined || source.kind === 's') return value
  const changed = [...source.names()].flatMap((name): [unknown, unknown][] => {
    const before = source.valueAt(name)
    const after = inner(before)
    return Object.is(after, before) ? [] : [[name, after]]
  })
  return changed.length > 0 ? source.with(changed) : value
}
