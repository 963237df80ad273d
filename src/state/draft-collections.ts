/** Drafts as an action sees them: objects, arrays, Maps, Sets and tables that can be changed. */
import { StatemeshError } from '../base/error.ts'
import type { DraftRecord, Drafts, Recorded } from './draft-record.ts'
import type { Table } from './table.ts'

export function objectDraft(record: DraftRecord): object {
  return new Proxy<Record<string, unknown>>(
    {},
    {
      get: (_, name) => {
        if (typeof name === 'string' && record.has(name)) return record.get(name)
        return Reflect.get(Object.prototype, name)
      },
      has: (_, name) => (typeof name === 'string' && record.has(name)) || name in Object.prototype,
      set: (_, name, value) => {
        record.set(textName(name), value)
        return true
      },
      deleteProperty: (_, name) => {
        record.delete(textName(name))
        return true
      },
      ownKeys: () => record.names() as string[],
      getOwnPropertyDescriptor: (_, name) => {
        if (typeof name !== 'string' || !record.has(name)) return undefined
        const value = record.get(name)
        return { value, writable: true, enumerable: true, configurable: true }
      },
      defineProperty: refuse,
      setPrototypeOf: refuse,
      preventExtensions: refuse,
    },
  )
}

/** An array is copied when a draft of it is made, which its elements are not. */
export function arrayDraft(drafting: Drafts, base: readonly unknown[]): [object, Recorded] {
  const copy: unknown[] = [...base]
  let touched = false
  const changing = () => {
    drafting.check()
    touched = true
  }
  const draft = new Proxy(copy, {
    get(target, name, receiver) {
      drafting.check()
      if (typeof name !== 'string' || !Object.hasOwn(target, name)) {
        return Reflect.get(target, name, receiver)
      }
      const index = name as unknown as number
      if (name !== 'length') target[index] = drafting.draft(target[index])
      return target[index]
    },
    set(target, name, value) {
      changing()
      return Reflect.set(target, name, value)
    },
    deleteProperty(target, name) {
      changing()
      return Reflect.deleteProperty(target, name)
    },
    defineProperty: refuse,
    setPrototypeOf: refuse,
    preventExtensions: refuse,
  })
  const modified = () => touched || copy.some(item => drafting.recordedOf(item)?.modified())
  const plain = () => (modified() ? copy.map(item => drafting.plain(item)) : base)
  return [draft, { modified, plain }]
}

export class MapDraft {
  readonly #record: DraftRecord

  constructor(record: DraftRecord) {
    this.#record = record
  }

  get size(): number {
    return this.#record.names().length
  }

  get(key: unknown): unknown {
    return this.#record.get(key)
  }

  has(key: unknown): boolean {
    return this.#record.has(key)
  }

  set(key: unknown, value: unknown): this {
    this.#record.set(key, value)
    return this
  }

  delete(key: unknown): boolean {
    return this.#record.delete(key)
  }

  clear(): void {
    for (const key of this.#record.names()) this.#record.delete(key)
  }

  forEach(visit: (value: unknown, key: unknown, map: this) => void): void {
    for (const [key, value] of this) visit(value, key, this)
  }

  *entries(): IterableIterator<[unknown, unknown]> {
    for (const key of this.#record.names()) yield [key, this.#record.get(key)]
  }

  *keys(): IterableIterator<unknown> {
    yield* this.#record.names()
  }

  *values(): IterableIterator<unknown> {
    for (const [, value] of this.entries()) yield value
  }

  [Symbol.iterator](): IterableIterator<[unknown, unknown]> {
    return this.entries()
  }
}

export class SetDraft {
  readonly #record: DraftRecord

  constructor(record: DraftRecord) {
    this.#record = record
  }

  get size(): number {
    return this.#record.names().length
  }

  has(member: unknown): boolean {
    return this.#record.has(member)
  }

  add(member: unknown): this {
    if (!this.#record.has(member)) this.#record.set(member, member)
    return this
  }

  delete(member: unknown): boolean {
    return this.#record.delete(member)
  }

  clear(): void {
    for (const member of this.#record.names()) this.#record.delete(member)
  }

  forEach(visit: (member: unknown, again: unknown, set: this) => void): void {
    for (const member of this) visit(member, member, this)
  }

  *entries(): IterableIterator<[unknown, unknown]> {
    for (const member of this) yield [member, member]
  }

  *keys(): IterableIterator<unknown> {
    yield* this.#record.names()
  }

  values(): IterableIterator<unknown> {
    return this.keys()
  }

  [Symbol.iterator](): IterableIterator<unknown> {
    return this.keys()
  }
}

/** A table that is another one after each change; tables are compared without being walked. */
export class TableDraft<Value> implements Iterable<[string, Value]>, Recorded {
  readonly #drafting: Drafts
  readonly #base: Table<Value>
  #now: Table<Value>
  readonly #drafts = new Map<string, Value>()

  /** Not for users: actions get it. */
  constructor(drafting: Drafts, base: Table<Value>) {
    this.#drafting = drafting
    this.#base = base
    this.#now = base
  }

  get size(): number {
    return this.#now.size
  }

  has(key: string): boolean {
    return this.#now.has(key)
  }

  /** The value of a key, which may be changed in place. */
  get(key: string): Value | undefined {
    this.#drafting.check()
    const open = this.#drafts.get(key)
    if (open !== undefined) return open
    const value = this.#now.get(key)
    const draft = this.#drafting.draft(value) as Value | undefined
    if (draft !== undefined && draft !== value) this.#drafts.set(key, draft)
    return draft
  }

  /** @throws VALUE_INVALID for a key that is no string, or the value undefined */
  set(key: string, value: Value): this {
    this.#drafting.check()
    if (this.#drafts.get(key) === value) return this
    this.#drafts.delete(key)
    if (this.#drafting.recordedOf(value)) this.#drafts.set(key, value)
    this.#now = this.#now.with(key, this.#drafting.plain(value) as Value)
    return this
  }

  /** @returns whether it was there */
  delete(key: string): boolean {
    this.#drafting.check()
    const was = this.#now.has(key)
    this.#drafts.delete(key)
    this.#now = this.#now.without(key)
    return was
  }

  /** For actions that return another state: what `Table` has. */
  with(key: string, value: Value): Table<Value> {
    return this.plain().with(key, this.#drafting.plain(value) as Value)
  }

  without(key: string): Table<Value> {
    return this.plain().without(key)
  }

  compare(...[before, changed]: Parameters<Table<Value>['compare']>): void {
    this.plain().compare(this.#drafting.plain(before) as Table<Value>, changed)
  }

  *entries(): IterableIterator<[string, Value]> {
    for (const key of this.#now.keys()) yield [key, this.get(key) as Value]
  }

  *keys(): IterableIterator<string> {
    yield* this.#now.keys()
  }

  *values(): IterableIterator<Value> {
    for (const [, value] of this.entries()) yield value
  }

  [Symbol.iterator](): IterableIterator<[string, Value]> {
    return this.entries()
  }

  modified(): boolean {
    if (this.#now !== this.#base) return true
    return [...this.#drafts.values()].some(draft => this.#drafting.recordedOf(draft)?.modified())
  }

  plain(): Table<Value> {
    let plain = this.#now
    for (const [key, draft] of this.#drafts) {
      plain = plain.with(key, this.#drafting.plain(draft) as Value)
    }
    return plain
  }
}

function textName(name: string | symbol): string {
  if (typeof name === 'string') return name
  throw new StatemeshError('VALUE_INVALID', 'an object has symbol keys')
}

function refuse(): never {
  throw new StatemeshError('VALUE_INVALID', 'a draft is changed by plain assignments')
}
