/** The changes of an audit trail in memory, by key and in order, with what replaced what. */
import { firstWhere } from '../../base/binary-search.ts'
import { comparePositions } from '../../partition/log/log-entry.ts'
import { compareSiblings } from '../../partition/policy/policy.ts'
import { type AuditChange, type EntryName, entryId, isForged } from './audit-record.ts'

export class AuditIndex {
  /** The changes of each key, the oldest first. */
  readonly #byKey = new Map<string, AuditChange[]>()
  readonly #byId = new Map<string, AuditChange>()
  /** By key, until its changes are others; see `replacing`. */
  readonly #replacing = new Map<string, ReadonlyMap<string, readonly AuditChange[]>>()
  #all: AuditChange[] = []

  get size(): number {
    return this.#all.length
  }

  keys(): IterableIterator<string> {
    return this.#byKey.keys()
  }

  has(key: string, name: EntryName): boolean {
    return this.#byId.has(entryId(key, name))
  }

  get(key: string, name: EntryName): AuditChange | undefined {
    return this.#byId.get(entryId(key, name))
  }

  /** The changes of a key, the oldest first. */
  of(key: string): readonly AuditChange[] {
    return this.#byKey.get(key) ?? []
  }

  /** Which changes of a key replaced each entry of it, by the id of the entry, the oldest first. */
  replacing(key: string): ReadonlyMap<string, readonly AuditChange[]> {
    let replacing = this.#replacing.get(key)
    if (replacing === undefined) {
      replacing = replacingOf(key, this.of(key))
      this.#replacing.set(key, replacing)
    }
    return replacing
  }

  /** All changes, the oldest first. */
  all(): readonly AuditChange[] {
    return this.#all
  }

  /**
   * Takes a record in. Of several of one change the one by its writer is kept, whichever came first,
   * then one that is not adopted, then the earliest.
   *
   * @returns the record that was left out: the new one, another, or none
   */
  add(change: AuditChange): AuditChange | undefined {
    const id = entryId(change.key, change)
    const known = this.#byId.get(id)
    if (known !== undefined && compareRecords(known, change) <= 0) return change
    if (known !== undefined) this.removeAll(new Set([known]))
    this.#byId.set(id, change)
    this.#replacing.delete(change.key)
    const ofKey = this.#byKey.get(change.key)
    if (ofKey === undefined) this.#byKey.set(change.key, [change])
    else insert(ofKey, change)
    insert(this.#all, change)
    return known
  }

  /** Forgets changes, in one pass over all. */
  removeAll(changes: ReadonlySet<AuditChange>): void {
    const stays = (change: AuditChange) => !changes.has(change)
    for (const change of changes) {
      const id = entryId(change.key, change)
      if (this.#byId.get(id) === change) this.#byId.delete(id)
      this.#replacing.delete(change.key)
      const ofKey = this.#byKey.get(change.key)?.filter(stays) ?? []
      if (ofKey.length > 0) this.#byKey.set(change.key, ofKey)
      else this.#byKey.delete(change.key)
    }
    this.#all = this.#all.filter(stays)
  }
}

function replacingOf(key: string, changes: readonly AuditChange[]): Map<string, AuditChange[]> {
  const replacing = new Map<string, AuditChange[]>()
  for (const change of changes) {
    for (const entry of change.replaced) {
      const id = entryId(key, entry)
      const others = replacing.get(id)
      if (others === undefined) replacing.set(id, [change])
      else others.push(change)
    }
  }
  return replacing
}

/** The better record of a change first. */
function compareRecords(a: AuditChange, b: AuditChange): number {
  return rankOf(a) - rankOf(b) || comparePositions(a.position, b.position)
}

function rankOf(change: AuditChange): number {
  if (change.adopted) return 1
  return isForged(change) ? 2 : 0
}

/** Nearly always at the end. */
function insert(sorted: AuditChange[], change: AuditChange): void {
  sorted.splice(placeOf(sorted, change), 0, change)
}

/** Behind all that are not newer. */
function placeOf(sorted: readonly AuditChange[], change: AuditChange): number {
  const last = sorted.at(-1)
  if (last === undefined || compareSiblings(last, change) >= 0) return sorted.length
  return firstWhere(sorted, other => compareSiblings(other, change) < 0)
}
