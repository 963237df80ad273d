/**
 * Who else has a document on disk, and up to which version of it: by store, so that a node that
 * comes back is no second copy, and forgotten where a store may have lost it, or where another store is found
 * in its place: a node that comes back on a new disk is no second copy either.
 */
import type { ReplicaDocument } from '../document/replica-document.ts'
import type { DocumentName } from '../model/document-name.ts'

/** So many other stores are known; a stranger may come under as many names as it likes. */
const storesMax = 4_096

interface KnownStore {
  readonly generation?: string
  /** Where it was found last. */
  readonly address?: string
}

export class Copies {
  /** Per document the stores that have it, with the last version that they acked as durable. */
  readonly #holders = new Map<DocumentName, Map<string, number>>()
  /** The one that was heard of last comes last. */
  readonly #stores = new Map<string, KnownStore>()

  /** Takes note of a store's incarnation: another than before may have lost what it acked. */
  learn(store: string, generation: string): void {
    const before = this.#stores.get(store)?.generation
    this.#know(store, { generation })
    if (before !== undefined && before !== generation) this.#forgetAcks(store)
  }

  /** A store was found at an address: another one that was there has gone, and may be no more. */
  found(store: string, address: string): void {
    for (const [other, known] of this.#stores) {
      if (known.address === address && other !== store) this.#forget(other)
    }
    this.#know(store, { address })
  }

  /** A store has all of a document up to a version on disk. */
  acked(name: DocumentName, store: string, version: number): void {
    const holders = this.#holders.get(name) ?? new Map<string, number>()
    this.#holders.set(name, holders)
    holders.set(store, Math.max(version, holders.get(store) ?? -1))
  }

  /** Whether a store has a document up to a version. */
  has(name: DocumentName, store: string, version: number): boolean {
    return (this.#holders.get(name)?.get(store) ?? -1) >= version
  }

  /** How many other stores have a document up to a version. */
  count(name: DocumentName, version: number): number {
    let count = 0
    for (const held of this.#holders.get(name)?.values() ?? []) if (held >= version) count += 1
    return count
  }

  /** The document leaves memory: its versions begin anew when it is loaded again. */
  unloaded({ name, version }: ReplicaDocument): void {
    const holders = this.#holders.get(name)
    if (holders === undefined) return
    for (const [store, held] of holders) {
      if (held >= version) holders.set(store, 0)
      else holders.delete(store)
    }
    if (holders.size === 0) this.#holders.delete(name)
  }

  #know(store: string, what: KnownStore): void {
    const known = { ...this.#stores.get(store), ...what }
    this.#stores.delete(store)
    this.#stores.set(store, known)
    const [oldest] = this.#stores.keys()
    if (this.#stores.size > storesMax && oldest !== undefined) this.#forget(oldest)
  }

  /** Also what it acked: a new incarnation of a store that is not known would go unnoticed. */
  #forget(store: string): void {
    this.#stores.delete(store)
    this.#forgetAcks(store)
  }

  #forgetAcks(store: string): void {
    for (const holders of this.#holders.values()) holders.delete(store)
  }
}
