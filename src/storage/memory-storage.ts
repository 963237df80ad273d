/** The storage in memory: for tests, and for replicas that need not survive their process. */
import { StatemeshError } from '../base/error.ts'
import type { Storage, StoredDocument, StoredUpdate } from './storage.ts'

interface Log {
  updates: StoredUpdate[]
  nextClock: number
}

/** An empty storage. Nothing in it outlives `close`. */
export function createMemoryStorage(): Storage {
  return new MemoryStorage()
}

class MemoryStorage implements Storage {
  /** A removed document keeps its entry, so that its clocks go on. */
  readonly #logs = new Map<string, Log>()
  readonly #records = new Map<string, Uint8Array>()
  #closed = false

  async load(document: string): Promise<StoredDocument> {
    this.#assertOpen()
    return { updates: [...(this.#logs.get(document)?.updates ?? [])], damaged: [] }
  }

  async append(document: string, update: Uint8Array): Promise<number> {
    this.#assertOpen()
    const log = this.#logs.get(document) ?? { updates: [], nextClock: 0 }
    this.#logs.set(document, log)
    const clock = log.nextClock
    log.nextClock += 1
    log.updates.push({ clock, update: update.slice() })
    return clock
  }

  async replace(document: string, through: number, update: Uint8Array): Promise<void> {
    this.#assertOpen()
    const log = this.#logs.get(document)
    if (!log?.updates.some(({ clock }) => clock === through)) return
    const later = log.updates.filter(({ clock }) => clock > through)
    log.updates = [{ clock: through, update: update.slice() }, ...later]
  }

  async remove(document: string): Promise<void> {
    this.#assertOpen()
    const log = this.#logs.get(document)
    if (log) log.updates = []
  }

  async documents(): Promise<readonly string[]> {
    this.#assertOpen()
    return [...this.#logs].filter(([, { updates }]) => updates.length > 0).map(([name]) => name)
  }

  async records(prefix: string): Promise<ReadonlyMap<string, Uint8Array>> {
    this.#assertOpen()
    const found = [...this.#records].filter(([key]) => key.startsWith(prefix))
    return new Map(found.sort(([a], [b]) => compareCodePoints(a, b)))
  }

  async writeRecord(key: string, value: Uint8Array | undefined): Promise<void> {
    this.#assertOpen()
    if (value) this.#records.set(key, value.slice())
    else this.#records.delete(key)
  }

  async close(): Promise<void> {
    this.#closed = true
    this.#logs.clear()
    this.#records.clear()
  }

  #assertOpen(): void {
    if (this.#closed) throw new StatemeshError('CLOSED', 'the storage is closed')
  }
}

/** The order of the UTF-8 bytes, which is that of the disk. */
function compareCodePoints(a: string, b: string): number {
  const [left, right] = [[...a], [...b]]
  for (let index = 0; index < Math.min(left.length, right.length); index++) {
    const difference =
      ((left[index] as string).codePointAt(0) as number) -
      ((right[index] as string).codePointAt(0) as number)
    if (difference !== 0) return difference
  }
  return left.length - right.length
}
