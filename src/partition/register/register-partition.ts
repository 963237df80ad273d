/**
 * The handle on a partition of registers: keys with whole values, local and synchronous, under a
 * policy that decides what is read while writes that did not see each other stand side by side.
 */
import type * as Y from 'yjs'
import type { z } from 'zod'
import { Emitter } from '../../base/emitter.ts'
import { StatemeshError } from '../../base/error.ts'
import type { HybridTimestamp } from '../../clock/hybrid-clock.ts'
import type { PartitionDefinition, Sibling } from '../../model/partition-definition.ts'
import { decodeValue, encodeValue, handOut } from '../../model/value.ts'
import type { EntryReader, EntrySource, EntryWatcher } from '../entry-source.ts'
import {
  type Conflict,
  type ConflictChange,
  Inbox,
  type PickedSibling,
  type Resolution,
  type ResolveOptions,
} from '../inbox/inbox.ts'
import { parseValue } from '../parse-value.ts'
import type { PartitionHost } from '../partition-host.ts'
import { choosePolicy } from '../policy/choose-policy.ts'
import { assertSynchronous } from '../synchronous.ts'
import { TransactionFeed } from '../transaction-feed.ts'
import { reapTombstones } from './reap-tombstones.ts'
import { checkKey, entryOf, rowName } from './register-entry.ts'
import { type Problem, RegisterView } from './register-view.ts'

/** A key whose entries changed. What it reads as may have stayed the same. */
export interface RegisterChange<Value> {
  readonly key: string
  /** What the key reads as now; undefined for absent. */
  readonly value: Value | undefined
  readonly previous: Value | undefined
  /** Whether this replica wrote it, in whosever name. */
  readonly origin: 'local' | 'remote'
}

export type RegisterListener<Value> = (changes: readonly RegisterChange<Value>[]) => void

/** What a transaction is to write, encoded, by key; undefined for a deletion. */
type Writes = Map<string, unknown>

export class RegisterPartition<Value = unknown> {
  readonly #host: PartitionHost
  readonly #schema: z.ZodType<Value> | undefined
  readonly #view: RegisterView
  readonly #inbox: Inbox<Value>
  readonly #listeners = new Emitter<{ change: readonly RegisterChange<Value>[] }>()
  readonly #watchers = new Set<EntryWatcher>()
  readonly #feed: TransactionFeed<readonly RegisterChange<Value>[] | StatemeshError | 'settled'>
  /** What the running transaction wants written. */
  #writes: Writes | undefined
  /** The transaction whose floors were read last. */
  #floorsOf: Y.Transaction | undefined
  #closed = false

  /** Not for users: `openPartition` makes it. */
  constructor(definition: PartitionDefinition<Value>, host: PartitionHost) {
    const { doc, clock, actor, checkPolicies = false } = host
    this.#host = host
    this.#schema = definition.schema
    this.#feed = new TransactionFeed(doc, notice => {
      if (notice === 'settled') for (const watcher of this.#watchers) watcher.settled()
      else if (notice instanceof StatemeshError) host.report(notice)
      else this.#listeners.emit('change', notice)
    })
    // Whatever is found while Yjs is at work is reported when it has finished.
    const report = (problem: StatemeshError) => this.#feed.push(problem)
    const policy = choosePolicy(definition as PartitionDefinition, {
      checkOrder: checkPolicies,
      report: problem => host.report(problem),
    })
    this.#view = new RegisterView({ doc, clock, reader: actor, policy, report })
    this.#inbox = new Inbox({
      host,
      report,
      conflicted: () => this.#view.conflicted,
      siblings: key => this.#view.siblings(key),
      write: (key, value) => {
        if (value === undefined) this.delete(key)
        else this.set(key, value as Value)
      },
      subscribe: listener => this.subscribe(listener),
    })
    this.#feed.drain()
    this.#view.map.observe(this.#observe)
    this.#view.floorMap.observe(this.#observeFloors)
    doc.on('afterTransaction', this.#lookForRoots)
  }

  /**
   * Writes a value: at once here, later everywhere. It replaces every entry of the key that is
   * seen here; with that it also resolves a conflict.
   *
   * @throws KEY_INVALID, VALUE_INVALID when it breaks the schema or cannot be stored, CLOSED
   */
  set(key: string, value: Value): void {
    this.#checkOpen()
    checkKey(key)
    const encoded = this.#encode(value)
    if (this.#writes !== undefined) this.#writes.set(key, encoded)
    else this.#commit([[key, encoded]])
  }

  /**
   * Deletes a key, with a tombstone, so that an update that does not see the deletion is found to
   * be in conflict with it.
   *
   * @returns false if there was nothing to delete
   * @throws KEY_INVALID, CLOSED
   */
  delete(key: string): boolean {
    this.#checkOpen()
    checkKey(key)
    const stored = this.#view.entries(key).some(({ deleted }) => !deleted)
    if (this.#writes === undefined) {
      if (stored) this.#commit([[key, undefined]])
      return stored
    }
    const present = this.#writes.has(key) ? this.#writes.get(key) !== undefined : stored
    if (stored) this.#writes.set(key, undefined)
    else this.#writes.delete(key)
    return present
  }

  /**
   * What the key reads as, by the policy; undefined if absent. It is frozen; a value that holds a
   * Map, Set, Date or bytes, which cannot be frozen, is a copy instead.
   *
   * @throws CLOSED
   */
  get(key: string): Value | undefined {
    this.#checkOpen()
    if (this.#writes?.has(key)) return readWrite(this.#writes.get(key)) as Value | undefined
    return this.#view.read(key) as Value | undefined
  }

  /** Whether the key reads as present. @throws CLOSED */
  has(key: string): boolean {
    this.#checkOpen()
    if (this.#writes?.has(key)) return this.#writes.get(key) !== undefined
    return this.#view.has(key)
  }

  /** How many keys read as present. @throws CLOSED */
  get size(): number {
    this.#checkOpen()
    let size = this.#view.size
    for (const [key, encoded] of this.#writes ?? []) {
      size += Number(encoded !== undefined) - Number(this.#view.has(key))
    }
    return size
  }

  /** The keys that read as present, in no promised order. @throws CLOSED */
  *keys(): IterableIterator<string> {
    this.#checkOpen()
    for (const key of this.#view.keys()) if (this.has(key)) yield key
    for (const key of this.#writes?.keys() ?? []) {
      if (this.has(key) && this.#view.entries(key).length === 0) yield key
    }
  }

  /** The keys that read as present with what they read as. @throws CLOSED */
  *entries(): IterableIterator<[string, Value]> {
    for (const key of this.keys()) yield [key, this.get(key) as Value]
  }

  [Symbol.iterator](): IterableIterator<[string, Value]> {
    return this.entries()
  }

  /**
   * The writes of a key that nobody has overwritten yet, the one that wins by order first; several
   * are a conflict. Inside a transaction: as they were before it.
   *
   * @throws CLOSED
   */
  siblings(key: string): readonly Sibling<Value>[] {
    this.#checkOpen()
    return this.#view.siblings(key) as Sibling<Value>[]
  }

  /**
   * Writes several keys as one: everybody sees all of it or nothing. Reads inside see what was
   * written inside. If `fn` throws, nothing is written. A transaction within one joins it.
   *
   * @throws OPTION_INVALID if `fn` is asynchronous (nothing is written), CLOSED, and what `fn`
   * throws
   */
  transact<Result>(fn: () => Result): Result {
    this.#checkOpen()
    if (this.#writes !== undefined) return fn()
    const writes: Writes = new Map()
    this.#writes = writes
    let result: Result
    try {
      result = fn()
    } finally {
      this.#writes = undefined
    }
    assertSynchronous(result)
    this.#checkOpen()
    if (writes.size > 0) this.#commit(writes)
    return result
  }

  /**
   * The keys with nothing but a deletion, with its hybrid timestamp: what `reap` may take away.
   *
   * @throws CLOSED
   */
  *tombstones(): IterableIterator<readonly [key: string, timestamp: number]> {
    this.#checkOpen()
    for (const key of this.#view.keys()) {
      const [latest] = this.#view.tombstones(key)
      if (latest !== undefined) yield [key, latest.timestamp]
    }
  }

  /**
   * Takes tombstones of a time before `before` away. What was deleted does not come back, and
   * a write of such a key that had not seen the deletion, and comes in only now, is in conflict with
   * it still, unless it is later than all that were reaped.
   *
   * @param before milliseconds since the Unix epoch; tombstones of the future stay, whatever it says
   * @returns of how many keys there were some, and are gone; 0 also while a conflict of this replica's own writes
   * with a reaped deletion is open
   * @throws OPTION_INVALID within `transact`, CLOSED
   */
  reap(keys: Iterable<string>, before: number): number {
    this.#checkOpen()
    if (this.#writes !== undefined) {
      throw new StatemeshError('OPTION_INVALID', 'to reap is a transaction of its own')
    }
    return reapTombstones(this.#view, this.#host, keys, before)
  }

  /**
   * Calls `listener` once for each transaction, local or remote, that changed entries, after it
   * is over.
   *
   * @returns ends it
   * @throws CLOSED
   */
  subscribe(listener: RegisterListener<Value>): () => void {
    this.#checkOpen()
    return this.#listeners.on('change', listener)
  }

  /**
   * The keys whose writes did not see each other and do not say the same, those open for longest
   * first. Every policy has conflicts; the policy only decides what is read while they are open.
   *
   * @throws CLOSED
   */
  conflicts(): readonly Conflict<Value>[] {
    this.#checkOpen()
    return this.#inbox.conflicts()
  }

  /**
   * Resolves the conflict of a key, and keeps how in the history: with a value, with `pick(sibling)`,
   * or with undefined to delete the key. It is a write that saw the siblings: one that does not see
   * it reopens the conflict.
   *
   * @throws CONFLICT_CHANGED if the key is not in conflict, the conflict is not the one that was
   * `seen`, or what was picked is gone; VALUE_INVALID, OPTION_INVALID within `transact`, CLOSED
   */
  resolve(
    key: string,
    answer: Value | undefined | PickedSibling,
    options: ResolveOptions = {},
  ): void {
    this.#checkOpen()
    if (this.#writes !== undefined) {
      throw new StatemeshError('OPTION_INVALID', 'to resolve is a transaction of its own')
    }
    this.#inbox.resolve(key, answer, options)
  }

  /** How conflicts were resolved, by whom and when, the latest first; bounded. @throws CLOSED */
  resolutions(): readonly Resolution<Value>[] {
    this.#checkOpen()
    return this.#inbox.resolutions()
  }

  /**
   * Calls `listener` when a conflict opens, changes or is resolved, here or elsewhere, after the
   * transaction that did it.
   *
   * @returns ends it
   * @throws CLOSED
   */
  onConflict(listener: (change: ConflictChange<Value>) => void): () => void {
    this.#checkOpen()
    return this.#inbox.onConflict(listener)
  }

  /** What is in the document but not in what is read, and why. @throws CLOSED */
  problems(): readonly Problem[] {
    this.#checkOpen()
    return [...this.#view.problems(), ...this.#inbox.problems()]
  }

  /** Gives the document back. Later calls throw CLOSED, but for a second `close`. */
  close(): void {
    if (this.#closed) return
    this.#closed = true
    this.#inbox.close()
    this.#feed.close()
    this.#view.map.unobserve(this.#observe)
    this.#view.floorMap.unobserve(this.#observeFloors)
    this.#host.doc.off('afterTransaction', this.#lookForRoots)
    this.#host.release()
  }

  /** The entries, for what is kept beside them. @throws CLOSED */
  protected entrySource(): EntrySource<Value> {
    this.#checkOpen()
    const view = this.#view
    return {
      get: key => view.read(key) as Value | undefined,
      peek: key => view.peek(key),
      keys: () => [...view.keys()].filter(key => view.has(key)),
      size: () => view.size,
      draft: () => (this.#writes === undefined ? undefined : (this as EntryReader<Value>)),
      watch: watcher => this.#watch(watcher),
    }
  }

  #watch(watcher: EntryWatcher): () => void {
    this.#watchers.add(watcher)
    this.#view.watch(key => {
      for (const watcher of this.#watchers) watcher.touched(key)
    })
    return () => {
      this.#watchers.delete(watcher)
    }
  }

  #checkOpen(): void {
    if (this.#closed) throw new StatemeshError('CLOSED', 'the partition is closed')
  }

  #encode(value: Value): unknown {
    return encodeValue(parseValue(this.#schema, value))
  }

  /** Nothing in here can fail, so that a transaction of Yjs never ends half done. */
  #commit(writes: Iterable<readonly [string, unknown]>): void {
    const timestamp = this.#host.clock.next()
    this.#host.doc.transact(() => {
      for (const [key, encoded] of writes) this.#write(key, encoded, timestamp)
    })
  }

  #write(key: string, encoded: unknown, timestamp: HybridTimestamp): void {
    const { doc, actor } = this.#host
    const { map } = this.#view
    const writer = doc.clientID
    for (const entry of this.#view.entries(key)) {
      if (entry.writer !== writer) map.delete(rowName(key, entry.writer))
    }
    map.set(rowName(key, writer), entryOf(encoded, timestamp, actor))
  }

  readonly #observe = (event: Y.YMapEvent<unknown>, transaction: Y.Transaction): void => {
    // Rows are read under the floors that came with them.
    const changed: ReadonlyMap<unknown, unknown> = transaction.changed
    if (changed.has(this.#view.floorMap)) this.#observeFloors(event, transaction)
    this.#update(event.keysChanged, transaction)
  }

  readonly #observeFloors = (_: Y.YMapEvent<unknown>, transaction: Y.Transaction): void => {
    if (this.#floorsOf === transaction) return
    this.#floorsOf = transaction
    this.#update(this.#view.updateFloors(), transaction)
  }

  #update(rows: Iterable<string | null>, { local }: Y.Transaction): void {
    if (this.#watchers.size > 0) this.#feed.push('settled')
    if (!this.#listeners.has('change')) {
      this.#view.update(rows)
      return
    }
    const before = this.#view.updateAndCompare(rows)
    if (before.size === 0) return
    const origin = local ? 'local' : 'remote'
    const changes = [...before].map(([key, previous]) => {
      const value = this.#view.read(key)
      return Object.freeze({ key, value, previous, origin }) as RegisterChange<Value>
    })
    this.#feed.push(changes)
  }

  readonly #lookForRoots = (): void => this.#view.checkRoots()
}

function readWrite(encoded: unknown): unknown {
  return encoded === undefined ? undefined : handOut(decodeValue(encoded))
}
