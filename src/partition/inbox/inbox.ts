/**
 * The inbox of a partition of registers: its open conflicts, and the history of how others were
 * resolved.
 *
 * I1. The open conflicts are a function of the registers: the keys whose siblings do not all say
 *     the same. Nothing is stored for them, so all replicas list the same.
 * I2. A resolution is kept in the transaction of the write that resolves, and at no other time:
 *     either both arrive somewhere or neither.
 * I3. A resolution stands as long as its write has no sibling that says something else. So a write
 *     that did not see it reopens the conflict, another person's resolution included.
 */
import { Emitter } from '../../base/emitter.ts'
import { StatemeshError } from '../../base/error.ts'
import type { ActorId } from '../../model/id.ts'
import type { Sibling } from '../../model/partition-definition.ts'
import { canonicalText, handOut } from '../../model/value.ts'
import type { PartitionHost } from '../partition-host.ts'
import { compareSiblings, type SiblingName, sameSibling } from '../policy/policy.ts'
import { registersRoot, rowName } from '../register/register-entry.ts'
import type { Problem } from '../register/register-view.ts'
import { type SettledSibling, type StoredResolution, settledSiblings } from './inbox-entry.ts'
import { InboxHistory } from './inbox-history.ts'

/** An answer to a conflict: one of its siblings, as it is. */
export class PickedSibling {
  readonly name: SiblingName

  constructor(name: SiblingName) {
    this.name = name
  }
}

/** Answers a conflict with one of its siblings; a deletion among them deletes the key. */
export function pick(sibling: SiblingName): PickedSibling {
  return new PickedSibling(sibling)
}

/** How somebody resolved a conflict. */
export interface Resolution<Value = unknown> {
  readonly key: string
  /** `pending` again while a write that did not see the resolution says something else. */
  readonly status: 'resolved' | 'pending'
  /** Who resolved it. */
  readonly actor: ActorId
  readonly writer: number
  /** The hybrid timestamp of the write that resolved it. */
  readonly timestamp: number
  /** What was written; undefined for a deletion, and where the values were too large to keep. */
  readonly value: Value | undefined
  readonly deleted: boolean
  /** The sibling that was picked, if one was. */
  readonly picked: SettledSibling<Value> | undefined
  /** What was in conflict. */
  readonly siblings: readonly SettledSibling<Value>[]
}

/** A key whose writes did not see each other, and do not say the same. */
export interface Conflict<Value = unknown> {
  readonly key: string
  readonly status: 'pending'
  /** The writes in conflict, the one that wins by order first. */
  readonly siblings: readonly Sibling<Value>[]
  /** The hybrid timestamp of the second of them: since then there is something to decide. */
  readonly since: number
  /** Stands for these very siblings; see `seen` of `resolve`. */
  readonly token: string
  /** Those of the siblings that were meant to resolve an earlier conflict. */
  readonly reopened: readonly Resolution<Value>[]
}

export interface ConflictChange<Value = unknown> {
  /** `changed`: it is still open, but its siblings are others. */
  readonly type: 'opened' | 'changed' | 'resolved'
  /** As it is; for `resolved` as it was. */
  readonly conflict: Conflict<Value>
  /** For `resolved`; undefined where an ordinary write did it. */
  readonly resolution: Resolution<Value> | undefined
}

export interface ResolveOptions {
  /**
   * The conflict that the answer is for: its token, or its siblings. Without it the answer is for
   * whatever is in conflict now.
   */
  seen?: string | readonly SiblingName[]
}

/** What an inbox is given of its partition. */
export interface InboxSource {
  readonly host: PartitionHost
  /** The keys with several siblings. */
  conflicted(): Iterable<string>
  siblings(key: string): readonly Sibling[]
  /** Writes a value, undefined to delete; throws before anything is written. */
  write(key: string, value: unknown): void
  /** Calls `listener` with the keys whose siblings a transaction changed, after it is over. */
  subscribe(listener: (changes: readonly { readonly key: string }[]) => void): () => void
  report(problem: StatemeshError): void
}

export class Inbox<Value = unknown> {
  readonly #source: InboxSource
  readonly #history: InboxHistory
  readonly #listeners = new Emitter<{ conflict: ConflictChange<Value> }>()
  /** The resolutions that no reader can change, as they were made for the last one. */
  readonly #handedOut = new WeakMap<StoredResolution, Resolution<Value>>()
  /** The open conflicts that listeners have been told of, and what ends our own listening. */
  #told: { conflicts: Map<string, Conflict<Value>>; end(): void } | undefined

  /** @throws ROOT_MISMATCH */
  constructor(source: InboxSource) {
    this.#source = source
    this.#history = new InboxHistory(source.host.doc, problem => source.report(problem))
  }

  conflicts(): Conflict<Value>[] {
    const open = [...this.#source.conflicted()].flatMap(key => this.#conflict(key) ?? [])
    return open.sort((a, b) => a.since - b.since || (a.key < b.key ? -1 : 1))
  }

  resolutions(): Resolution<Value>[] {
    const standing = new Map<string, readonly Sibling[]>()
    return this.#history.all().map(stored => {
      const now = standing.get(stored.key) ?? this.#source.siblings(stored.key)
      standing.set(stored.key, now)
      return this.#resolution(stored, now)
    })
  }

  problems(): Problem[] {
    return this.#history.problems()
  }

  resolve(key: string, answer: Value | undefined | PickedSibling, options: ResolveOptions): void {
    const { siblings } = this.#seen(key, options)
    const picked = answer instanceof PickedSibling ? indexOf(siblings, answer.name) : undefined
    const value = picked === undefined ? answer : siblings[picked]?.value
    const { doc, actor } = this.#source.host
    doc.transact(() => {
      this.#source.write(key, value)
      // What was written is what the schema made of the value.
      const row = doc.getMap(registersRoot).get(rowName(key, doc.clientID))
      const { t: timestamp, v: encoded } = row as { t: number; v?: unknown }
      this.#history.add({ key, actor, timestamp, encoded, picked, siblings })
    })
  }

  onConflict(listener: (change: ConflictChange<Value>) => void): () => void {
    const leave = this.#listeners.on('conflict', listener)
    this.#told ??= {
      conflicts: new Map(this.conflicts().map(conflict => [conflict.key, conflict])),
      end: this.#source.subscribe(changes => this.#tell(changes)),
    }
    return () => {
      leave()
      if (this.#listeners.has('conflict')) return
      this.#told?.end()
      this.#told = undefined
    }
  }

  close(): void {
    this.#told?.end()
    this.#told = undefined
    this.#history.close()
  }

  #seen(key: string, { seen }: ResolveOptions): Conflict<Value> {
    const conflict = this.#conflict(key)
    if (conflict === undefined) {
      throw new StatemeshError('CONFLICT_CHANGED', 'the key is not in conflict')
    }
    const token = typeof seen === 'object' ? tokenOf(seen) : seen
    if (token !== undefined && token !== conflict.token) {
      throw new StatemeshError(
        'CONFLICT_CHANGED',
        'the conflict is no longer the one that was seen',
      )
    }
    return conflict
  }

  #conflict(key: string): Conflict<Value> | undefined {
    const siblings = this.#source.siblings(key) as Sibling<Value>[]
    return agree(siblings) ? undefined : this.#conflictOf(key, siblings)
  }

  #conflictOf(key: string, siblings: Sibling<Value>[]): Conflict<Value> {
    const reopened = this.#history.of(key, siblings)
    return Object.freeze({
      key,
      status: 'pending',
      siblings,
      since: [...siblings].sort(compareSiblings).at(-2)?.timestamp as number,
      token: tokenOf(siblings),
      reopened: reopened.map(resolution => this.#resolution(resolution, siblings)),
    })
  }

  /** @param now the siblings of its key */
  #resolution(stored: StoredResolution, now: readonly Sibling[]): Resolution<Value> {
    const { key, actor, writer, timestamp, deleted, picked } = stored
    const stands = !now.some(sibling => sameSibling(sibling, stored)) || agree(now)
    const status = stands ? 'resolved' : 'pending'
    const known = this.#handedOut.get(stored)
    if (known?.status === status) return known
    const siblings = settledSiblings(stored) as readonly SettledSibling<Value>[]
    const resolution: Resolution<Value> = Object.freeze({
      key,
      status,
      actor,
      writer,
      timestamp,
      value: handOut(stored.value) as Value | undefined,
      deleted,
      picked: picked === undefined ? undefined : siblings[picked],
      siblings,
    })
    if (isImmutable(stored)) this.#handedOut.set(stored, resolution)
    return resolution
  }

  #tell(changes: readonly { readonly key: string }[]): void {
    for (const { key } of changes) {
      const change = this.#change(key, this.#told?.conflicts.get(key))
      if (change === undefined) continue
      if (change.type === 'resolved') this.#told?.conflicts.delete(key)
      else this.#told?.conflicts.set(key, change.conflict)
      this.#listeners.emit('conflict', Object.freeze(change))
    }
  }

  #change(key: string, before: Conflict<Value> | undefined): ConflictChange<Value> | undefined {
    const now = this.#source.siblings(key) as Sibling<Value>[]
    if (!agree(now)) {
      if (before !== undefined && sameSiblings(before.siblings, now)) return undefined
      const type = before === undefined ? 'opened' : 'changed'
      return { type, conflict: this.#conflictOf(key, now), resolution: undefined }
    }
    if (before === undefined) return undefined
    const [by] = this.#history.of(key, now.slice(0, 1))
    const resolution = by === undefined ? undefined : this.#resolution(by, now)
    return { type: 'resolved', conflict: before, resolution }
  }
}

function isImmutable({ value, siblings }: StoredResolution): boolean {
  return !value.mutable && !siblings.some(({ mutable }) => mutable)
}

/** Both have the winner first. */
function sameSiblings(some: readonly Sibling[], others: readonly Sibling[]): boolean {
  if (some.length !== others.length) return false
  return some.every((sibling, index) => sameSibling(sibling, others[index] as Sibling))
}

function indexOf(siblings: readonly Sibling[], name: SiblingName): number {
  const index = siblings.findIndex(sibling => sameSibling(sibling, name))
  if (index >= 0) return index
  throw new StatemeshError('CONFLICT_CHANGED', 'what was picked is not in conflict any more')
}

/** The same for the same siblings, whatever their order. */
export function tokenOf(siblings: readonly SiblingName[]): string {
  const names = siblings.map(({ writer, timestamp }) => `${timestamp}.${writer}`)
  return names.sort().join(' ')
}

/** Whether there is nothing to decide: at most one sibling, or all say the same. */
function agree(siblings: readonly Sibling[]): boolean {
  const [first, ...others] = siblings
  return first === undefined || others.every(other => saySame(first, other))
}

function saySame(a: Sibling, b: Sibling): boolean {
  if (a.deleted || b.deleted) return a.deleted === b.deleted
  if (typeof a.value !== 'object' || typeof b.value !== 'object') return Object.is(a.value, b.value)
  return textOf(a.value) === textOf(b.value)
}

/** A value from elsewhere may be larger than one may write, and is then equal to none. */
function textOf(value: unknown): unknown {
  try {
    return canonicalText(value)
  } catch (thrown) {
    if (thrown instanceof StatemeshError) return Symbol('too large')
    throw thrown
  }
}
