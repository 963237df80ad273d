/** The resolutions that are kept in a document: read row by row, and bounded by whoever writes. */
import * as Y from 'yjs'
import { StatemeshError, toStatemeshError } from '../../base/error.ts'
import { compareSiblings } from '../policy/policy.ts'
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
  all(): StoredResolution[] {
    return [...this.#resolutions.values()].sort(compareSiblings)
  }

  /** Those of a key, the newest first. */
  of(key: string): StoredResolution[] {
    const found: StoredResolution[] = []
    for (const stored of this.#resolutions.values()) if (stored.key === key) found.push(stored)
    return found.sort(compareSiblings)
  }

  problems(): Problem[] {
    return [...this.#problems].map(([place, error]) => ({ place, error }))
  }

  /** Keeps a resolution. Within the transaction of the write that resolves. */
  add(parts: ResolutionParts): void {
    const row = this.#freeRow(this.#doc.clientID)
    const rows = this.#oldestFirst().filter(other => other !== row)
    for (const other of rows.slice(0, Math.max(0, rows.length + 1 - resolutionsMax))) {
      this.#map.delete(other)
    }
    this.#map.set(row, resolutionEntry(parts))
  }

  close(): void {
    this.#map.unobserve(this.#observe)
  }

  /** A row of the writer that holds nothing, else that of its oldest resolution. */
  #freeRow(writer: number): string {
    const rows = Array.from({ length: resolutionsPerWriterMax }, (_, slot) => {
      return resolutionRow(writer, slot)
    })
    const free = rows.find(row => !this.#map.has(row))
    const own = new Set(rows)
    return free ?? this.#oldestFirst().find(row => own.has(row)) ?? (rows[0] as string)
  }

  #oldestFirst(): string[] {
    const all = [...this.#resolutions].sort(([, a], [, b]) => compareSiblings(b, a))
    return all.map(([row]) => row)
  }

  #refresh(row: string): void {
    const item = this.#map._map.get(row)
    this.#resolutions.delete(row)
    this.#problems.delete(row)
    if (item === undefined || item.deleted) return
    try {
      this.#resolutions.set(row, readResolution(row, item))
    } catch (thrown) {
      const { code, message } = toStatemeshError(thrown, 'ENTRY_INVALID')
      const shown = JSON.stringify(row.slice(0, 100))
      const error = new StatemeshError(code, `resolution ${shown}: ${message}`, { cause: thrown })
      this.#problems.set(row, error)
      this.#report(error)
    }
  }

  readonly #observe = ({ keysChanged }: Y.YMapEvent<unknown>): void => {
    // null stands for the elements of a list, which this root does not show.
    for (const row of keysChanged as Set<string | null>) if (row !== null) this.#refresh(row)
  }
}
