/**
 * The bus of layered stores without Redis: announcements are registers of a partition, so they go
 * wherever the partition goes, and reach a store that was away when it is back in step.
 *
 * Each store has a ring of registers; the number of an announcement says which one it is in, and
 * whether any before it were overwritten before they were seen.
 */
import { StatemeshError } from '../base/error.ts'
import { checkId } from '../model/id.ts'
import { definePartition } from '../model/partition-definition.ts'
import type { Scope } from '../model/scope.ts'
import type { RegisterPartition } from '../partition/register/register-partition.ts'
import type {
  Invalidation,
  InvalidationBus,
  InvalidationListener,
} from '../storage/layers/invalidation-bus.ts'
import { parseLayerStamp } from '../storage/layers/layer.ts'
import type { StateReplica } from './replica-port.ts'

/** Announcements of one store that are kept. */
const ringSize = 256
/** What one register holds of them: with keys of any length less than half of what it may. */
const announcedTogetherMax = 200

interface Announcement {
  readonly number: number
  readonly invalidations: readonly Invalidation[]
}

const Invalidations = definePartition<unknown, 'last-write-wins'>({
  name: 'layer-invalidations',
  policy: 'last-write-wins',
})

/**
 * Opens the bus of the stores that use this scope.
 *
 * @param store names this store among them: no two have one name, and after a restart it is the same
 * @throws ID_INVALID, and as `Replica.open` does
 */
export async function openPartitionInvalidations(
  replica: StateReplica,
  scope: Scope,
  store: string,
): Promise<InvalidationBus> {
  checkId(store, 'the name of a store')
  const registers = await replica.open(scope, Invalidations)
  return new PartitionInvalidations(registers as unknown as RegisterPartition, store)
}

class PartitionInvalidations implements InvalidationBus {
  readonly #registers: RegisterPartition
  readonly #store: string
  /** The number of the last announcement of each other store that was seen. */
  readonly #seen = new Map<string, number>()
  #number: number
  #stop: () => void = () => undefined
  #closed = false

  constructor(registers: RegisterPartition, store: string) {
    this.#registers = registers
    this.#store = store
    this.#number = Math.max(0, ...this.#announcements(store).map(({ number }) => number))
  }

  listen(listener: InvalidationListener): void {
    this.#stop = this.#registers.subscribe(changes => {
      this.#read(new Set(changes.map(({ key }) => storeOf(key))), listener)
    })
    // Of what was announced before, all that is kept: it says itself what is older than it.
    const stores = new Set([...this.#registers.keys()].map(storeOf))
    for (const store of stores) {
      const [first] = this.#announcements(store)
      if (first !== undefined) this.#seen.set(store, first.number - 1)
    }
    this.#read(stores, listener)
  }

  async announce(invalidations: readonly Invalidation[]): Promise<void> {
    if (this.#closed) throw new StatemeshError('CLOSED', 'the bus is closed')
    for (let at = 0; at < invalidations.length; at += announcedTogetherMax) {
      const part = invalidations.slice(at, at + announcedTogetherMax)
      this.#number += 1
      const pairs = part.map(({ pattern, stamp }) => [pattern, stamp])
      this.#registers.set(this.#key(this.#number), [this.#number, pairs])
    }
  }

  async close(): Promise<void> {
    this.#closed = true
    this.#stop()
    this.#registers.close()
  }

  #read(stores: ReadonlySet<string>, listener: InvalidationListener): void {
    for (const store of stores) {
      if (store === this.#store) continue
      const seen = this.#seen.get(store) ?? 0
      const fresh = this.#announcements(store).filter(({ number }) => number > seen)
      const last = fresh.at(-1)
      if (last === undefined) continue
      this.#seen.set(store, last.number)
      if (fresh[0]?.number !== seen + 1) listener.missed()
      listener.invalidated(fresh.flatMap(({ invalidations }) => invalidations))
    }
  }

  /** What is kept of a store's announcements, in their order. */
  #announcements(store: string): Announcement[] {
    const found: Announcement[] = []
    for (let slot = 0; slot < ringSize; slot++) {
      const value = this.#registers.get(`${store}/${slot}`)
      const announcement = value === undefined ? undefined : parseAnnouncement(value)
      if (announcement !== undefined) found.push(announcement)
    }
    return found.sort((a, b) => a.number - b.number)
  }

  #key(number: number): string {
    return `${this.#store}/${number % ringSize}`
  }
}

function storeOf(key: string): string {
  return key.slice(0, key.lastIndexOf('/'))
}

/** What others wrote is not trusted: anything else is passed over. */
function parseAnnouncement(value: unknown): Announcement | undefined {
  if (!Array.isArray(value)) return undefined
  const [number, pairs] = value as unknown[]
  if (!Number.isSafeInteger(number) || !Array.isArray(pairs)) return undefined
  const invalidations = pairs.flatMap(pair => {
    const [pattern, text] = Array.isArray(pair) ? (pair as unknown[]) : []
    const stamp = typeof text === 'string' ? parseLayerStamp(text) : undefined
    return typeof pattern === 'string' && stamp !== undefined ? [{ pattern, stamp }] : []
  })
  return { number: number as number, invalidations }
}
