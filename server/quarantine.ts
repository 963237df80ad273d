/**
 * The latest updates that were refused, with the reason, for whoever looks into it. Bounded, in
 * memory: what a stranger sends must not fill a disk.
 */
export interface QuarantinedUpdate {
  /** Milliseconds since the epoch. */
  readonly at: number
  readonly document: string
  readonly connection: number
  /** Who sent it, where tokens are asked for. */
  readonly subject: string | undefined
  readonly code: string
  readonly reason: string
  /** How long the update was, and as much of it as is kept. */
  readonly length: number
  readonly update: Uint8Array
}

export class Quarantine {
  readonly #countMax: number
  readonly #bytesMax: number
  #items: QuarantinedUpdate[] = []

  constructor(options: { countMax: number; bytesMax: number }) {
    this.#countMax = options.countMax
    this.#bytesMax = options.bytesMax
  }

  /** Takes in an update, whose bytes may be changed afterwards. */
  add(item: Omit<QuarantinedUpdate, 'length'>): void {
    // A copy: a view would keep the whole message in memory.
    const update = item.update.slice(0, this.#bytesMax)
    this.#items.push({ ...item, length: item.update.length, update })
    if (this.#items.length > this.#countMax) this.#items = this.#items.slice(-this.#countMax)
  }

  /** From the oldest to the newest. */
  list(): readonly QuarantinedUpdate[] {
    return [...this.#items]
  }
}
