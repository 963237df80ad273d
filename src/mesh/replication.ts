/**
 * Waits until what was written here is durable on so many nodes: this one, the relay, and peers that
 * are or were linked. A node counts once, however often it restarts, and no more once its store may
 * have lost something.
 */
import { StatemeshError } from '../base/error.ts'
import type { TimeSource } from '../base/time.ts'
import type { DocumentSet } from '../document/document-set.ts'
import type { DocumentName } from '../model/document-name.ts'
import type { Copies } from '../sync/copies.ts'
import type { Outbox } from '../sync/outbox.ts'
import { type Deadline, Waiters, within } from '../sync/waiters.ts'

export interface ReplicationOptions {
  time: TimeSource
  documents: DocumentSet
  copies: Copies
  outbox: Outbox
  /** Whether there is neither a relay nor a peer. */
  alone: boolean
  /** Whether the relay has a document up to a version on disk; never, where there is none. */
  relayHas(name: DocumentName, version: number): boolean
}

export class Replication {
  readonly #options: ReplicationOptions
  readonly #waiters: Waiters
  /** The documents that were written here since the replica was opened. */
  readonly #written = new Set<DocumentName>()

  constructor(options: ReplicationOptions) {
    this.#options = options
    this.#waiters = new Waiters(options.time)
    options.documents.events.on('changing', ({ document, source }) => {
      if (source === undefined) this.#written.add(document.name)
    })
  }

  /** Somebody has acked something. */
  acked(): void {
    this.#waiters.evaluate()
  }

  close(): void {
    this.#waiters.rejectAll(new StatemeshError('CLOSED', 'the replica was closed'))
  }

  /**
   * Resolves when what was written here so far is durable on `nodes` nodes, this one included.
   *
   * @throws OPTION_INVALID, RELAY_NOT_CONFIGURED, FLUSH_TIMEOUT, STORAGE_UNAVAILABLE, STORAGE_CORRUPT,
   * CLOSED
   */
  async flush(nodes: number, deadline: Deadline): Promise<void> {
    const { documents, outbox, time, alone } = this.#options
    if (!Number.isInteger(nodes) || nodes < 1) {
      throw new StatemeshError('OPTION_INVALID', 'n is a number of nodes, from 1')
    }
    if (nodes > 1 && alone) {
      throw new StatemeshError('RELAY_NOT_CONFIGURED', 'neither a relay nor peers were given')
    }
    const names = new Set([...this.#written, ...outbox.names])
    const over = new AbortController()
    // What is loaded now is asked for at its present version, before anything is awaited.
    const loaded = [...names].flatMap(name => documents.get(name) ?? [])
    const versions = new Map(loaded.map(({ name, version }) => [name, version]))
    const releases = loaded.map(document => documents.retain(document))
    for (const { name } of loaded) names.delete(name)
    const all = Promise.all([
      this.#wait(versions, nodes, over.signal),
      this.#flushStored(names, nodes, over.signal),
    ])
    try {
      await within(
        time,
        deadline,
        all.then(() => undefined),
      )
    } finally {
      over.abort()
      for (const release of releases) release()
    }
  }

  /** Documents that are not in memory, one after the other. */
  async #flushStored(
    names: Iterable<DocumentName>,
    nodes: number,
    signal: AbortSignal,
  ): Promise<void> {
    for (const name of names) {
      if (this.#has(name, nodes, 0)) continue
      const { release } = await this.#options.documents.hold(name)
      try {
        await this.#wait(new Map([[name, 0]]), nodes, signal)
      } finally {
        release()
      }
    }
  }

  /** Waits until so many nodes have each document up to its version. */
  #wait(versions: Map<DocumentName, number>, nodes: number, signal: AbortSignal): Promise<void> {
    return this.#waiters.wait({ signal }, () => {
      for (const [name, version] of versions) {
        if (this.#has(name, nodes, version)) versions.delete(name)
      }
      return versions.size === 0
    })
  }

  #has(name: DocumentName, nodes: number, version: number): boolean {
    const { copies, relayHas } = this.#options
    return 1 + copies.count(name, version) + (relayHas(name, version) ? 1 : 0) >= nodes
  }
}
