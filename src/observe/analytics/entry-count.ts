/**
 * Counts the entries of a document, and whose they are, from what each transaction changed: the stored
 * forms of all kinds of partitions are roots with rows or lanes, and a `crdt` partition has only its
 * own roots, of which nothing is counted.
 */
import * as Y from 'yjs'
import { budgetsRoot } from '../../partition/budget/budget-view.ts'
import { countersRoot } from '../../partition/counter-partition.ts'
import { laneWriter } from '../../partition/log/log-entry.ts'
import { registersRoot } from '../../partition/register/register-entry.ts'

export interface EntryCounts {
  /** Registers count each sibling, logs each entry, counters and budgets each writer's row. */
  readonly entries: number
  /** Deletions that are still kept. */
  readonly tombstones: number
}

type Kind = 'rows' | 'lane' | undefined
// biome-ignore lint/suspicious/noExplicitAny: what Yjs itself says of its types
type Type = Y.AbstractType<any>

const rowRoots: ReadonlySet<string> = new Set([registersRoot, countersRoot, budgetsRoot])

export class EntryCount {
  readonly #doc: Y.Doc
  readonly #onOperation: (actor: string) => void
  readonly #kinds = new Map<Type, Kind>()
  /** Counted when somebody asks for the first time, and kept up from then on. */
  #counts: { entries: number; tombstones: number } | undefined

  /** @param onOperation called for each entry that a transaction brought, with its actor */
  constructor(doc: Y.Doc, onOperation: (actor: string) => void) {
    this.#doc = doc
    this.#onOperation = onOperation
  }

  /** Costs one pass over the document at the first call. */
  counts(): EntryCounts {
    this.#counts ??= this.#countAll()
    return { ...this.#counts }
  }

  /** To be called after each transaction, before Yjs drops what was deleted. */
  readonly changed = (transaction: Y.Transaction): void => {
    for (const [type, keys] of transaction.changed) {
      if (type._item !== null) continue
      const kind = this.#kindOf(type)
      if (kind === 'rows') {
        for (const key of keys) if (key !== null) this.#rowChanged(type, key, transaction)
      } else if (kind === 'lane') this.#laneChanged(type, transaction)
    }
  }

  #kindOf(type: Type): Kind {
    if (this.#kinds.has(type)) return this.#kinds.get(type)
    const root = Y.findRootTypeKey(type)
    const kind = rowRoots.has(root) ? 'rows' : laneWriter(root) === undefined ? undefined : 'lane'
    this.#kinds.set(type, kind)
    return kind
  }

  #rowChanged(type: Type, key: string, transaction: Y.Transaction): void {
    const item = type._map.get(key)
    if (item === undefined) return
    if (isNew(item, transaction) && !item.deleted) {
      this.#operation(item)
      this.#count(item, 1)
    }
    // The row as it was: the first item to the left that is not of this transaction.
    let before: Y.Item | null = item
    while (before !== null && isNew(before, transaction)) before = before.left
    if (before?.deleted && Y.isDeleted(transaction.deleteSet, before.lastId)) {
      this.#count(before, -1)
    }
  }

  #laneChanged(type: Type, transaction: Y.Transaction): void {
    const writer = laneWriter(Y.findRootTypeKey(type)) as number
    const before = transaction.beforeState.get(writer) ?? 0
    const structs = this.#doc.store.clients.get(writer) ?? []
    const known = Y.getState(this.#doc.store, writer) <= before
    const from = known ? structs.length : Y.findIndexSS(structs, before)
    for (let index = from; index < structs.length; index++) {
      const item = structs[index]
      if (item instanceof Y.Item && item.parent === type && !item.deleted) this.#appended(item)
    }
    const counts = this.#counts
    if (counts === undefined || !transaction.deleteSet.clients.has(writer)) return
    Y.iterateDeletedStructs(transaction, transaction.deleteSet, struct => {
      const gone = struct instanceof Y.Item && struct.parent === type && struct.id.clock < before
      if (gone) counts.entries -= struct.length
    })
  }

  #appended(item: Y.Item): void {
    for (const entry of item.content.getContent()) this.#onOperation(actorOf(entry, item))
    if (this.#counts) this.#counts.entries += item.length
  }

  #operation(item: Y.Item): void {
    this.#onOperation(actorOf(item.content.getContent()[0], item))
  }

  #count(item: Y.Item, by: 1 | -1): void {
    if (this.#counts === undefined) return
    if (isTombstone(item)) this.#counts.tombstones += by
    else this.#counts.entries += by
  }

  #countAll(): { entries: number; tombstones: number } {
    const counts = { entries: 0, tombstones: 0 }
    for (const type of this.#doc.share.values()) {
      const kind = this.#kindOf(type)
      if (kind === 'lane') counts.entries += lengthOf(type)
      if (kind !== 'rows') continue
      for (const item of type._map.values()) {
        if (item.deleted) continue
        counts[isTombstone(item) ? 'tombstones' : 'entries'] += 1
      }
    }
    return counts
  }
}

function isNew({ id }: Y.Item, { beforeState }: Y.Transaction): boolean {
  return id.clock >= (beforeState.get(id.client) ?? 0)
}

/** A register's entry without a value; other rows have no field `t`. */
function isTombstone(item: Y.Item): boolean {
  const [entry] = item.content.getContent()
  return isObject(entry) && Object.hasOwn(entry, 't') && !Object.hasOwn(entry, 'v')
}

/** A counter's row names nobody but its writer. */
function actorOf(entry: unknown, { id }: Y.Item): string {
  const actor = isObject(entry) ? entry.a : undefined
  return typeof actor === 'string' ? actor : `writer ${id.client}`
}

function lengthOf(type: Type): number {
  let length = 0
  for (let item = type._start; item !== null; item = item.right) {
    if (!item.deleted) length += item.length
  }
  return length
}

function isObject(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value)
}
