/** The resolutions that are kept in a document: read row by row, and bounded by whoever writes. */
import * as Y from 'yjs'
import { StatemeshError, toStatemeshError } from '../../base/error.ts'
import { compareSiblings, type SiblingName, sameSibling } from '../policy/policy.ts'
import type { Problem } from '../register/register-view.ts'
import { rootType } from '../root-type.ts'
import {
  type ResolutionParts,
  readResolution,
  resolutionEntry,
  resolutionRow,
  resolutionsMax,
  resolutionsPerWriterMax,
  resolutionsRoot,
  type StoredResolution,
} from './inbox-entry.ts'

export class InboxHistory {
  readonly #doc: Y.Doc
  readonly #map: Y.Map<unknown>
  readonly #report: (problem: StatemeshError) => void
  /** By row. */
  readonly #resolutions = new Map<string, StoredResolution>()
  /** By key: an inbox asks for those of a key at every change of it. */
  readonly #byKey = new Map<string, Set<StoredResolution>>()
  /** All, the newest first, until one comes or goes. */
  #sorted: readonly StoredResolution[] | undefined
  readonly #problems = new Map<string, StatemeshError>()

  /** @throws ROOT_MISMATCH */
  constructor(doc: Y.Doc, report: (problem: StatemeshError) => void) {
    this.#doc = doc
    this.#report = report
    this.#map = rootType(doc, resolutionsRoot, Y.Map<unknown>)
    for (const row of this.#map._map.keys()) this.#refresh(row)
    this.#map.observe(this.#observe)
  }

  /** The newest first. */
  all(): readonly StoredResolution[] {
    this.#sorted ??= [...this.#resolutions.values()].sort(compareSiblings)
    return this.#sorted
  }

  /** What these writes of a key resolved, the newest first. */
  of(key: string, writes: readonly SiblingName[]): StoredResolution[] {
    const made = [...(this.#byKey.get(key) ?? [])].filter(stored => {
      return writes.some(write => sameSibling(write, stored))
    })
    return made.sort(compareSiblings)
  }

  problems(): Problem[] {
    return [...this.#problems].map(([place, error]) => ({ place, error }))
  }

  /** Keeps a resolution. Within the transaction of the write that resolves. */
  add(parts: ResolutionParts): void {
    const row = this.#freeRow(this.#doc.clientID)
    if (this.#resolutions.size >= resolutionsMax) this.#makeRoom(row)
    this.#map.set(row, resolutionEntry(parts))
  }

  close(): void {
    this.#map.unobserve(this.#observe)
  }

  /** Lets the oldest go, so that all but one row and that one are no more than may be. */
  #makeRoom(row: string): void {
    const rows = this.#oldestFirst().filter(other => other !== row)
    for (const other of rows.slice(0, Math.max(0, rows.length + 1 - resolutionsMax))) {
      this.#map.delete(other)
    }
  }

  /** A row of the writer that holds nothing, else that of its oldest resolution. */
  #freeRow(writer: number): string {
    const own = new Set<string>()
    for (let slot = 0; slot < resolutionsPerWriterMax; slot++) {
      const row = resolutionRow(writer, slot)
      if (!this.#map.has(row)) return row
      own.add(row)
    }
    return this.#oldestFirst().find(row => own.has(row)) ?? resolutionRow(writer, 0)
  }

  #oldestFirst(): string[] {
    const all = [...this.#resolutions].sort(([, a], [, b]) => compareSiblings(b, a))
    return all.map(([row]) => row)
  }

  #refresh(row: string): void {
    const item = this.#map._map.get(row)
    this.#forget(row)
    this.#problems.delete(row)
    if (item === undefined || item.deleted) return
    try {
      this.#keep(row, readResolution(row, item))
    } catch (thrown) {
      const { code, message } = toStatemeshError(thrown, 'ENTRY_INVALID')
      const shown = JSON.stringify(row.slice(0, 100))
      const error = new StatemeshError(code, `resolution ${shown}: ${message}`, { cause: thrown })
      this.#problems.set(row, error)
      this.#report(error)
    }
  }

  #keep(row: string, resolution: StoredResolution): void {
    this.#sorted = undefined
    this.#resolutions.set(row, resolution)
    const ofKey = this.#byKey.get(resolution.key)
    if (ofKey === undefined) this.#byKey.set(resolution.key, new Set([resolution]))
    else ofKey.add(resolution)
  }

  #forget(row: string): void {
    const resolution = this.#resolutions.get(row)
    if (resolution === undefined) return
    this.#sorted = undefined
    this.#resolutions.delete(row)
    const ofKey = this.#byKey.get(resolution.key)
    ofKey?.delete(resolution)
    if (ofKey?.size === 0) this.#byKey.delete(resolution.key)
  }

  readonly #observe = ({ keysChanged }: Y.YMapEvent<unknown>): void => {
    // null stands for the elements of a list, which this root does not show.
    for (const row of keysChanged as Set<string | null>) if (row !== null) this.#refresh(row)
  }
}
