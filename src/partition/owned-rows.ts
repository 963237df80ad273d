/**
 * The rows of the numeric kinds: one root map in which the row `<key>\0<writer>` is written by
 * that writer alone. A row that another client wrote, or that does not parse, is left out, kept as
 * a problem and reported; reading never throws.
 */
import * as Y from 'yjs'
import { Emitter } from '../base/emitter.ts'
import { StatemeshError, toStatemeshError } from '../base/error.ts'
import type { PartitionHost } from './partition-host.ts'
import { checkKey, rowName, splitRowName } from './register/register-entry.ts'
import type { Problem } from './register/register-view.ts'
import { rootType } from './root-type.ts'
import { TransactionFeed } from './transaction-feed.ts'

/** Keys whose rows changed in one transaction. */
export interface RowsChange {
  readonly keys: readonly string[]
  /** Whether this replica did it. */
  readonly origin: 'local' | 'remote'
}

export interface OwnedRowsOptions<Row> {
  host: PartitionHost
  /** The name of the root map. */
  root: string
  /** Reads a row's content, of which nothing is trusted. @throws ENTRY_INVALID */
  parse(content: unknown): Row
  /** Called for each valid row that is read, before anybody hears of it. It must not write. */
  onRow?(writer: number, row: Row): void
}

export class OwnedRows<Row> {
  readonly #options: OwnedRowsOptions<Row>
  readonly #map: Y.Map<unknown>
  readonly #keys = new Map<string, Map<number, Row>>()
  readonly #none: ReadonlyMap<number, Row> = new Map()
  readonly #problems = new Map<string, StatemeshError>()
  readonly #listeners = new Emitter<{ change: RowsChange }>()
  readonly #feed: TransactionFeed<RowsChange | StatemeshError>
  #rootsSeen = 0

  /** @throws ROOT_MISMATCH when the document is in use as another kind */
  constructor(options: OwnedRowsOptions<Row>) {
    this.#options = options
    const { host, root } = options
    this.#map = rootType(host.doc, root, Y.Map<unknown>)
    this.#feed = new TransactionFeed(host.doc, notice => {
      if (notice instanceof StatemeshError) host.report(notice)
      else this.#listeners.emit('change', notice)
    })
    for (const row of this.#map._map.keys()) this.#refresh(row)
    this.#checkRoots()
    this.#feed.drain()
    this.#map.observe(this.#observe)
    host.doc.on('afterTransaction', this.#checkRoots)
  }

  /** The keys with at least one valid row, in no promised order. */
  keys(): IterableIterator<string> {
    return this.#keys.keys()
  }

  /** The valid rows of a key, by writer. */
  of(key: string): ReadonlyMap<number, Row> {
    return this.#keys.get(key) ?? this.#none
  }

  /** Writes this replica's row of a key. `content` must be what `parse` takes. */
  write(key: string, content: unknown): void {
    this.#map.set(rowName(key, this.#options.host.doc.clientID), content)
  }

  /** What is in the document but not in what is read, and why. */
  problems(): Problem[] {
    return [...this.#problems].map(([place, error]) => ({ place, error }))
  }

  /** The writers of a key whose rows are there and cannot be read. */
  unreadable(key: string): Set<number> {
    const writers = new Set<number>()
    for (const place of this.#problems.keys()) {
      const name = splitRowName(place)
      if (name?.key === key) writers.add(name.writer)
    }
    return writers
  }

  /** Calls `listener` after each transaction that changed rows. */
  subscribe(listener: (change: RowsChange) => void): () => void {
    return this.#listeners.on('change', listener)
  }

  close(): void {
    this.#feed.close()
    this.#map.unobserve(this.#observe)
    this.#options.host.doc.off('afterTransaction', this.#checkRoots)
  }

  readonly #observe = (event: Y.YMapEvent<unknown>, { local }: Y.Transaction): void => {
    const keys = new Set<string>()
    for (const row of event.keysChanged) {
      // null stands for the elements of a list, which this root does not show.
      const key = row === null ? undefined : this.#refresh(row)
      if (key !== undefined) keys.add(key)
    }
    if (keys.size === 0) return
    const origin = local ? 'local' : 'remote'
    this.#feed.push(Object.freeze({ keys: Object.freeze([...keys]), origin }))
  }

  /** @returns the key that the row is of */
  #refresh(row: string): string | undefined {
    this.#problems.delete(row)
    const item = this.#map._map.get(row)
    const name = splitRowName(row)
    if (name === undefined) {
      if (item?.deleted === false) {
        this.#found(row, new StatemeshError('ENTRY_INVALID', 'not the name of a row'))
      }
      return undefined
    }
    const read = item?.deleted === false ? this.#read(row, item) : undefined
    // Whoever overwrote our own row cannot make us forget what is in it.
    if (read === undefined && name.writer === this.#options.host.doc.clientID) return name.key
    if (read !== undefined) this.#options.onRow?.(name.writer, read)
    const rows = this.#keys.get(name.key) ?? new Map<number, Row>()
    if (read !== undefined) this.#keys.set(name.key, rows.set(name.writer, read))
    else if (rows.delete(name.writer) && rows.size === 0) this.#keys.delete(name.key)
    return name.key
  }

  #read(row: string, item: Y.Item): Row | undefined {
    const { key, writer } = splitRowName(row) ?? { key: '', writer: -1 }
    try {
      if (item.id.client !== writer) {
        const why = `client ${item.id.client} wrote a row of writer ${writer}`
        throw new StatemeshError('ENTRY_FORGED', why)
      }
      checkKey(key)
      const content = item.content.getContent()
      if (content.length !== 1) throw new StatemeshError('ENTRY_INVALID', 'not one value')
      return this.#options.parse(content[0])
    } catch (thrown) {
      const error = toStatemeshError(thrown, 'ENTRY_INVALID')
      const code = error.code === 'ENTRY_FORGED' ? error.code : 'ENTRY_INVALID'
      this.#found(row, new StatemeshError(code, error.message, { cause: error }))
      return undefined
    }
  }

  #found(place: string, why: StatemeshError): void {
    const shown = JSON.stringify(place.slice(0, 100))
    const error = new StatemeshError(why.code, `${shown}: ${why.message}`, { cause: why })
    this.#problems.set(place, error)
    this.#feed.push(error)
  }

  readonly #checkRoots = (): void => {
    const { share } = this.#options.host.doc
    if (share.size === this.#rootsSeen) return
    this.#rootsSeen = share.size
    for (const root of share.keys()) {
      if (root === this.#options.root || this.#problems.has(root)) continue
      this.#found(root, new StatemeshError('ROOT_UNKNOWN', 'this root is not ours'))
    }
  }
}
