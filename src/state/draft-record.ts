/** What an action changed in one object, Map or Set, entry by entry. */
import type { DraftSource } from './draft-source.ts'
import { absent } from './state-tree.ts'

/** What stands behind a draft. */
export interface Recorded {
  /** Whether anything in it was changed. */
  modified(): boolean
  /** What it stands for, as a value without drafts. */
  plain(): unknown
}

/** All drafts of one action. */
export interface Drafts {
  /** @throws ACTION_FAILED after the action */
  check(): void
  /** What stands behind a value, if it is a draft. */
  recordedOf(value: unknown): Recorded | undefined
  /** The same as a draft, where it is of a kind that can be changed in place. */
  draft(value: unknown): unknown
  /** A draft of what a source has under a name. */
  draftOf(found: ReturnType<DraftSource['at']>): unknown
  /** A value without drafts. What holds none is given back as it is. */
  plain(value: unknown): unknown
}

interface Entry {
  readonly name: unknown
  /** `absent` for one that is gone; within `changes` a record for one that was changed in place. */
  readonly value: unknown
}

export class DraftRecord implements Recorded {
  readonly source: DraftSource
  readonly #drafts: Drafts
  /** What was written or deleted, by id. */
  readonly #changes = new Map<unknown, Entry>()
  /** Drafts that were handed out of entries that are still there, by id. */
  readonly #open = new Map<unknown, Entry>()

  constructor(drafts: Drafts, source: DraftSource) {
    this.#drafts = drafts
    this.source = source
  }

  has(name: unknown): boolean {
    this.#drafts.check()
    const change = this.#changes.get(this.source.idOf(name))
    return change === undefined ? this.source.has(name) : change.value !== absent
  }

  /** What is under a name, as a draft where it can be changed. */
  get(name: unknown): unknown {
    this.#drafts.check()
    const id = this.source.idOf(name)
    const change = this.#changes.get(id)
    if (change !== undefined) return change.value === absent ? undefined : change.value
    const open = this.#open.get(id)
    if (open !== undefined) return open.value
    if (!this.source.has(name)) return undefined
    const found = this.source.at(name)
    const value = this.#drafts.draftOf(found)
    if ('source' in found || value !== found.value) this.#open.set(id, { name, value })
    return value
  }

  set(name: unknown, value: unknown): void {
    this.#drafts.check()
    const id = this.source.idOf(name)
    if (this.#open.get(id)?.value === value) return
    this.#open.delete(id)
    this.#changes.set(id, { name, value })
  }

  /** @returns whether it was there */
  delete(name: unknown): boolean {
    const was = this.has(name)
    if (was) this.set(name, absent)
    return was
  }

  names(): unknown[] {
    this.#drafts.check()
    const { source } = this
    const kept = [...source.names()].filter(name => {
      return this.#changes.get(source.idOf(name))?.value !== absent
    })
    const added = [...this.#changes.values()].filter(({ name, value }) => {
      return value !== absent && !source.has(name)
    })
    return [...kept, ...added.map(({ name }) => name)]
  }

  /** What is other than in the source: whole where it was written, a record where it was changed. */
  *changes(): IterableIterator<Entry> {
    for (const { name, value } of this.#changes.values()) {
      yield { name, value: this.#drafts.plain(value) }
    }
    for (const { name, value } of this.#open.values()) {
      const recorded = this.#drafts.recordedOf(value)
      if (!recorded?.modified()) continue
      yield { name, value: recorded instanceof DraftRecord ? recorded : recorded.plain() }
    }
  }

  modified(): boolean {
    return this.#changes.size > 0 || !this.changes().next().done
  }

  plain(): object {
    if (!this.modified()) return this.source.whole()
    const changes = [...this.changes()].map(({ name, value }) => {
      return [name, value instanceof DraftRecord ? value.plain() : value] as const
    })
    return this.source.with(changes)
  }
}
