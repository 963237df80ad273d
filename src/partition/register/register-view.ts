/**
 * The registers of a document as they read now: an index over the root map, built once when the
 * partition opens and then kept up row by row from what each transaction changed.
 *
 * Invariants
 * V1. `#keys` holds exactly the keys with at least one valid entry, their entries winner first.
 * V2. `#problems` holds exactly the rows whose entry is left out, and those whose stamp is too
 *     far ahead of our clock (these are not left out: what a reader sees must not depend on its
 *     clock).
 * V4. The keys all of whose entries are under a floor are in `#underFloor`, and have a tombstone that is not
 *     stored among their entries.
 * V3. `#conflicted` holds exactly the keys with several entries; `#settledLive` counts the others
 *     that are not deleted.
 */
import * as Y from 'yjs'
import { StatemeshError, toStatemeshError } from '../../base/error.ts'
import type { HybridClock, HybridTimestamp } from '../../clock/hybrid-clock.ts'
import { type ActorId, parseActorId } from '../../model/id.ts'
import type { Sibling } from '../../model/partition-definition.ts'
import { freezeValue, handOut, type StoredValue } from '../../model/value.ts'
import { resolutionsRoot } from '../inbox/inbox-entry.ts'
import { compareSiblings, type Policy } from '../policy/policy.ts'
import { rootType } from '../root-type.ts'
import {
  type Entry,
  type RowName,
  readEntry,
  reapedEntry,
  registersRoot,
  rowName,
  splitRowName,
} from './register-entry.ts'
import {
  coversKey,
  floorsRoot,
  isUnseen,
  readFloor,
  type TombstoneFloor,
} from './tombstone-floor.ts'

/** Content that was left out or is suspect, by the place where it is. */
export interface Problem {
  /** ENTRY_INVALID, ENTRY_FORGED, ROOT_UNKNOWN (left out) or CLOCK_DRIFT (suspect, but read). */
  readonly error: StatemeshError
  /** The row of the root map, or the name of the root. */
  readonly place: string
}

/** A key with several entries. */
class Conflict {
  readonly entries: readonly Entry[]
  /** What the policy says; undefined until somebody reads. */
  decided: StoredValue | undefined

  constructor(entries: readonly Entry[]) {
    this.entries = entries
  }
}

export interface RegisterViewOptions {
  doc: Y.Doc
  clock: HybridClock
  reader: ActorId
  policy: Policy
  /** Called once for each problem that was found. */
  report(problem: StatemeshError): void
}

const none: readonly Entry[] = []
/** The second one is the inbox's. */
const ownRoots: ReadonlySet<string> = new Set([registersRoot, resolutionsRoot, floorsRoot])

export class RegisterView {
  readonly #options: RegisterViewOptions
  readonly #map: Y.Map<unknown>
  /** One entry is by far the most common, so it stands for itself: less memory, faster reads. */
  readonly #keys = new Map<string, Entry | Conflict>()
  /** One text for each actor, instead of one for each entry. */
  readonly #actors = new Map<unknown, ActorId>()
  readonly #conflicted = new Set<string>()
  readonly #problems = new Map<string, StatemeshError>()
  readonly #foreignRoots = new Map<string, StatemeshError>()
  readonly #floorMap: Y.Map<unknown>
  readonly #floors = new Map<string, { readonly item: Y.Item; readonly floor: TombstoneFloor }>()
  readonly #underFloor = new Set<string>()
  #settledLive = 0
  #rootsSeen = 0
  /** While an update is compared: what the keys that changed so far read as before it. */
  #before: Map<string, unknown> | undefined
  #touched: ((key: string) => void) | undefined

  constructor(options: RegisterViewOptions) {
    this.#options = options
    this.#map = rootType(options.doc, registersRoot, Y.Map<unknown>)
    this.#floorMap = rootType(options.doc, floorsRoot, Y.Map<unknown>)
    this.#readFloors()
    for (const [row, item] of this.#map._map) this.#refresh(row, item)
    this.checkRoots()
  }

  /** The root map of the floors; see `tombstone-floor.ts`. */
  get floorMap(): Y.Map<unknown> {
    return this.#floorMap
  }

  /** The floors of a writer, by row. */
  floorsOf(writer: number): Map<string, TombstoneFloor> {
    const all = [...this.#floors].map(([row, { floor }]) => [row, floor] as const)
    return new Map(all.filter(([, floor]) => floor.writer === writer))
  }

  /** The tombstones of a key, where it has nothing else. */
  tombstones(key: string): { item: Y.Item; timestamp: HybridTimestamp }[] {
    const entries = this.entries(key)
    if (!entries.every(({ deleted, reaped }) => deleted && !reaped)) return []
    return entries.map(({ writer, timestamp }) => {
      return { item: this.#map._map.get(rowName(key, writer)) as Y.Item, timestamp }
    })
  }

  /** The keys that may have been written against a reaped tombstone, and nothing else. */
  get underFloor(): ReadonlySet<string> {
    return this.#underFloor
  }

  /** Reads the floors again; answers the rows that have to be read again because of it. */
  updateFloors(): Set<string | null> {
    const rows = new Set<string | null>()
    const added = this.#readFloors()
    if (added.length > 0) {
      for (const [row, item] of this.#map._map) {
        if (!item.deleted && added.some(floor => isUnseen(floor, item))) rows.add(row)
      }
    }
    for (const key of this.#underFloor) {
      for (const { reaped, writer } of this.entries(key)) {
        if (!reaped) rows.add(rowName(key, writer))
      }
    }
    return rows
  }

  /** The root map that this is a view of. */
  get map(): Y.Map<unknown> {
    return this.#map
  }

  /** Those that are deleted too. */
  keys(): IterableIterator<string> {
    return this.#keys.keys()
  }

  /** The keys with several entries. */
  get conflicted(): ReadonlySet<string> {
    return this.#conflicted
  }

  /** How many keys read as present. Costs as much as there are conflicts that nobody has read. */
  get size(): number {
    let size = this.#settledLive
    for (const key of this.#conflicted) if (this.has(key)) size += 1
    return size
  }

  has(key: string): boolean {
    const register = this.#keys.get(key)
    return register !== undefined && this.#resolve(register).value !== undefined
  }

  /** What the key reads as, undefined for absent. */
  read(key: string): unknown {
    const register = this.#keys.get(key)
    return register === undefined ? undefined : handOut(this.#resolve(register))
  }

  /** As `read`, but never a copy: for those who neither change it nor hand it out. */
  peek(key: string): StoredValue | undefined {
    const register = this.#keys.get(key)
    const stored = register && this.#resolve(register)
    return stored?.value === undefined ? undefined : stored
  }

  /** Calls `touched` with each key whose entries have changed, in the midst of the update. */
  watch(touched: (key: string) => void): void {
    this.#touched = touched
  }

  /** The entries of a key, the winner first. */
  entries(key: string): readonly Entry[] {
    const register = this.#keys.get(key)
    if (register === undefined) return none
    return register instanceof Conflict ? register.entries : [register]
  }

  siblings(key: string): Sibling[] {
    return this.entries(key).map(toSibling)
  }

  problems(): Problem[] {
    const all = [...this.#foreignRoots, ...this.#problems]
    return all.map(([place, error]) => ({ place, error }))
  }

  /**
   * Reads rows of the root map again. A row of null stands for the elements of a list, which this
   * root does not show.
   */
  update(rows: Iterable<string | null>): void {
    for (const row of rows) if (row !== null) this.#refresh(row, this.#map._map.get(row))
  }

  /** As `update`; also gives what each key whose entries changed read as before. */
  updateAndCompare(rows: Iterable<string | null>): ReadonlyMap<string, unknown> {
    const before = new Map<string, unknown>()
    this.#before = before
    this.update(rows)
    this.#before = undefined
    return before
  }

  /** Looks for roots that are not ours; cheap while none has appeared. */
  checkRoots(): void {
    const { share } = this.#options.doc
    if (share.size === this.#rootsSeen) return
    this.#rootsSeen = share.size
    for (const root of share.keys()) {
      if (ownRoots.has(root) || this.#foreignRoots.has(root)) continue
      const error = new StatemeshError('ROOT_UNKNOWN', `the root ${shorten(root)} is not ours`)
      this.#foreignRoots.set(root, error)
      this.#options.report(error)
    }
  }

  #refresh(row: string, item: Y.Item | undefined): void {
    const name = splitRowName(row)
    this.#problems.delete(row)
    if (item === undefined || item.deleted) {
      if (name !== undefined) this.#replace(name.key, name.writer, undefined)
    } else if (name === undefined) {
      this.#found(row, new StatemeshError('ENTRY_INVALID', 'not the name of a row'))
    } else {
      this.#replace(name.key, name.writer, this.#readRow(row, name, item))
    }
  }

  #readRow(row: string, name: RowName, item: Y.Item): Entry | undefined {
    try {
      const entry = readEntry(name, item, this.#parseActor)
      if (!this.#options.clock.observe(entry.timestamp)) {
        const why = `writer ${entry.writer} (${entry.actor}) has a clock that is far ahead`
        this.#found(row, new StatemeshError('CLOCK_DRIFT', why))
      }
      const floor = this.#floorOver(name.key, item, entry)
      return floor === undefined ? entry : { ...entry, floor }
    } catch (thrown) {
      this.#found(row, toStatemeshError(thrown, 'ENTRY_INVALID'))
      return undefined
    }
  }

  #found(row: string, why: StatemeshError): void {
    const message = `entry ${shorten(row)}: ${why.message}`
    const error = new StatemeshError(why.code, message, { cause: why })
    this.#problems.set(row, error)
    this.#options.report(error)
  }

  /** Answers those that are new. */
  #readFloors(): TombstoneFloor[] {
    const added: TombstoneFloor[] = []
    for (const [row, item] of this.#floorMap._map) {
      if (this.#floors.get(row)?.item === item && !item.deleted) continue
      this.#floors.delete(row)
      if (item.deleted) continue
      try {
        const floor = readFloor(row, item)
        this.#options.clock.observe(floor.timestamp)
        this.#floors.set(row, { item, floor })
        added.push(floor)
      } catch (thrown) {
        this.#found(`${floorsRoot}/${row}`, toStatemeshError(thrown, 'ENTRY_INVALID'))
      }
    }
    return added
  }

  /** The latest of the floors that an entry may have been written against. */
  #floorOver(key: string, item: Y.Item, { timestamp }: Entry): TombstoneFloor | undefined {
    const rowOf = (writer: number) => this.#map._map.get(rowName(key, writer))
    let over: TombstoneFloor | undefined
    for (const { floor } of this.#floors.values()) {
      if (timestamp > floor.timestamp || !isUnseen(floor, item)) continue
      if (over !== undefined && !isLater(floor, over)) continue
      if (coversKey(floor, rowOf)) over = floor
    }
    return over
  }

  /** Puts `entry` in the place of the writer's entry; undefined takes that away. */
  #replace(key: string, writer: number, entry: Entry | undefined): void {
    const before = this.entries(key)
    if (entry !== undefined && !entry.floor && (before.length === 0 || isOnly(before, writer))) {
      this.#put(key, before, [entry])
      return
    }
    const after = before.filter(other => other.writer !== writer && !other.reaped)
    if (entry === undefined && after.length === before.length) return
    if (entry !== undefined) insert(after, entry)
    this.#addReaped(key, after)
    this.#put(key, before, after)
  }

  /** Holds V4. */
  #addReaped(key: string, after: Entry[]): void {
    let over: TombstoneFloor | undefined
    for (const { floor } of after) {
      // What the reaper had seen there, or is later, says that the key had no such tombstone.
      if (floor === undefined) return void this.#underFloor.delete(key)
      if (over === undefined || isLater(floor, over)) over = floor
    }
    if (over === undefined) this.#underFloor.delete(key)
    else {
      this.#underFloor.add(key)
      insert(after, reapedEntry(over))
    }
  }

  #put(key: string, before: readonly Entry[], after: readonly Entry[]): void {
    if (this.#before?.has(key) === false) this.#before.set(key, this.read(key))
    this.#settledLive += settledLive(after) - settledLive(before)
    if (after.length > 1) this.#conflicted.add(key)
    else if (before.length > 1) this.#conflicted.delete(key)
    if (after.length === 0) this.#keys.delete(key)
    else this.#keys.set(key, after.length > 1 ? new Conflict(after) : (after[0] as Entry))
    this.#touched?.(key)
  }

  #resolve(register: Entry | Conflict): StoredValue {
    if (!(register instanceof Conflict)) return register
    register.decided ??= this.#decide(register.entries)
    return register.decided
  }

  #decide(entries: readonly Entry[]): StoredValue {
    const { policy, reader } = this.#options
    return freezeValue(policy(entries.map(toSibling), reader))
  }

  readonly #parseActor = (id: unknown): ActorId => {
    let actor = this.#actors.get(id)
    if (actor === undefined) {
      actor = parseActorId(id)
      this.#actors.set(id, actor)
    }
    return actor
  }
}

/** A name that a stranger chose, for a message. */
function shorten(name: string): string {
  return JSON.stringify(name.slice(0, 100))
}

/** Puts an entry among others, the winner first. */
function insert(entries: Entry[], entry: Entry): void {
  const behind = entries.findIndex(other => compareSiblings(entry, other) < 0)
  entries.splice(behind < 0 ? entries.length : behind, 0, entry)
}

function isLater(a: TombstoneFloor, b: TombstoneFloor): boolean {
  return a.timestamp > b.timestamp || (a.timestamp === b.timestamp && a.writer > b.writer)
}

function isOnly(entries: readonly Entry[], writer: number): boolean {
  return entries.length === 1 && entries[0]?.writer === writer
}

function settledLive(entries: readonly Entry[]): number {
  return entries.length === 1 && entries[0]?.deleted === false ? 1 : 0
}

function toSibling(entry: Entry): Sibling {
  const { deleted, actor, writer, timestamp, reaped } = entry
  const sibling = { value: handOut(entry), deleted, actor, writer, timestamp }
  return Object.freeze(reaped ? { ...sibling, reaped } : sibling)
}
