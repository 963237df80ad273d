/** What is to happen in a world, by the time at which it is due; at one time, in the order asked for. */

export interface QueuedEvent {
  /** Simulated milliseconds since the world began. */
  readonly due: number
  /** Orders events due at one time. */
  readonly order: number
  /** What happens, for the trace. */
  readonly label: string
  fire(): void
  cancelled: boolean
}

/** A binary heap. Cancelled events stay in it until they come up. */
export class EventQueue {
  readonly #heap: QueuedEvent[] = []
  #pushed = 0
  #live = 0

  /** How many events are neither fired nor cancelled. */
  get size(): number {
    return this.#live
  }

  push(due: number, label: string, fire: () => void): QueuedEvent {
    this.#pushed += 1
    this.#live += 1
    const event = { due, order: this.#pushed, label, fire, cancelled: false }
    this.#heap.push(event)
    this.#rise(this.#heap.length - 1)
    return event
  }

  /** Takes an event out, unless it has fired or was cancelled before. */
  cancel(event: QueuedEvent): void {
    if (event.cancelled) return
    event.cancelled = true
    this.#live -= 1
  }

  /** When the next event is due; undefined where there is none. */
  nextDue(): number | undefined {
    this.#dropCancelled()
    return this.#heap[0]?.due
  }

  /** Takes out the next event; undefined where there is none. */
  shift(): QueuedEvent | undefined {
    this.#dropCancelled()
    const event = this.#removeFirst()
    if (event === undefined) return undefined
    // Fired counts as cancelled, so that cancelling it later does nothing.
    event.cancelled = true
    this.#live -= 1
    return event
  }

  #dropCancelled(): void {
    while (this.#heap[0]?.cancelled) this.#removeFirst()
  }

  #removeFirst(): QueuedEvent | undefined {
    const heap = this.#heap
    const first = heap[0]
    const last = heap.pop()
    if (heap.length > 0 && last !== undefined) {
      heap[0] = last
      this.#sink(0)
    }
    return first
  }

  #rise(start: number): void {
    const heap = this.#heap
    const event = heap[start] as QueuedEvent
    let at = start
    while (at > 0) {
      const above = (at - 1) >> 1
      const parent = heap[above] as QueuedEvent
      if (!isBefore(event, parent)) break
      heap[at] = parent
      at = above
    }
    heap[at] = event
  }

  #sink(start: number): void {
    const heap = this.#heap
    const event = heap[start] as QueuedEvent
    let at = start
    for (;;) {
      let below = 2 * at + 1
      if (below >= heap.length) break
      const right = heap[below + 1]
      if (right !== undefined && isBefore(right, heap[below] as QueuedEvent)) below += 1
      const child = heap[below] as QueuedEvent
      if (!isBefore(child, event)) break
      heap[at] = child
      at = below
    }
    heap[at] = event
  }
}

function isBefore(a: QueuedEvent, b: QueuedEvent): boolean {
  return a.due < b.due || (a.due === b.due && a.order < b.order)
}
