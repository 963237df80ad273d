/**
 * Watches the document of a partition of registers and tells of every change that is made on this
 * replica, by whichever handle, with the entries that it replaced.
 */

import * as Y from 'yjs'
import { StatemeshError } from '../../base/error.ts'
import { decodeValue } from '../../model/value.ts'
import { compareSiblings } from '../../partition/policy/policy.ts'
import { registersRoot, rowName, splitRowName } from '../../partition/register/register-entry.ts'
import { rootType } from '../../partition/root-type.ts'
import { TransactionFeed } from '../../partition/transaction-feed.ts'
import type { NewChange, ReplacedEntry } from './audit-record.ts'

export class AuditRecorder {
  readonly #doc: Y.Doc
  readonly #map: Y.Map<unknown>
  readonly #feed: TransactionFeed<readonly NewChange[]>
  #cause: string | undefined

  /**
   * @param record called once for each transaction, after it is over; must not throw
   * @throws ROOT_MISMATCH
   */
  constructor(doc: Y.Doc, record: (changes: readonly NewChange[]) => void) {
    this.#doc = doc
    this.#map = rootType(doc, registersRoot, Y.Map<unknown>)
    this.#feed = new TransactionFeed(doc, record)
    this.#map.observe(this.#observe)
  }

  /** Runs `fn`; what it writes is recorded with this cause. */
  because<Result>(cause: string, fn: () => Result): Result {
    const before = this.#cause
    this.#cause = cause
    try {
      return fn()
    } finally {
      this.#cause = before
    }
  }

  /** The change that an entry of now was, as far as that can be told afterwards. */
  adopt(key: string, writer: number): NewChange | undefined {
    const item = this.#map._map.get(rowName(key, writer))
    const entry = item === undefined || item.deleted ? undefined : readItem(item)
    if (item === undefined || entry === undefined) return undefined
    const { clock } = item.id
    return { ...entry, key, clock, replaced: [], cause: this.#cause, adopted: true }
  }

  /** The state vector of the document: what of each writer is in it. */
  stateVector(): Map<number, number> {
    const { store } = this.#doc
    return new Map([...store.clients.keys()].map(client => [client, Y.getState(store, client)]))
  }

  close(): void {
    this.#feed.close()
    this.#map.unobserve(this.#observe)
  }

  readonly #observe = (event: Y.YMapEvent<unknown>, { local }: Y.Transaction): void => {
    if (!local) return
    const writer = this.#doc.clientID
    const replaced = new Map<string, ReplacedEntry[]>()
    const written: [string, Y.Item][] = []
    for (const [row, { action, oldValue }] of event.keys) {
      const name = splitRowName(row)
      if (name === undefined) continue
      const old = action === 'add' ? undefined : readContent(oldValue, name.writer)
      if (old !== undefined) replaced.set(name.key, [...(replaced.get(name.key) ?? []), old])
      const item = this.#map._map.get(row)
      if (name.writer === writer && item && !item.deleted) written.push([name.key, item])
    }
    const changes = written.flatMap(([key, item]): NewChange[] => {
      const entry = readItem(item)
      if (entry === undefined) return []
      const saw = (replaced.get(key) ?? []).sort(compareSiblings)
      const { clock } = item.id
      return [{ ...entry, key, clock, replaced: saw, cause: this.#cause, adopted: false }]
    })
    if (changes.length > 0) this.#feed.push(changes)
  }
}

function readItem(item: Y.Item): ReplacedEntry | undefined {
  return readContent(item.content.getContent()[0], item.id.client)
}

/** An entry of a register; undefined for what is none, which no reader sees either. */
function readContent(content: unknown, writer: number): ReplacedEntry | undefined {
  if (typeof content !== 'object' || content === null) return undefined
  const { v, t, a } = content as Record<string, unknown>
  if (typeof t !== 'number' || typeof a !== 'string') return undefined
  const deleted = !Object.hasOwn(content, 'v')
  try {
    const value = deleted ? undefined : decodeValue(v).value
    return { writer, timestamp: t, actor: a, deleted, value }
  } catch (thrown) {
    if (thrown instanceof StatemeshError) return undefined
    throw thrown
  }
}
